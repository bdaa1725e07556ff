//! All that can be asked of the API, one line each: method, path, who may come, the verb. The router is built from
//! this table and from nothing else, and `tests/security/routes.rs` walks it.

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post, put};
use people::Scope;

use crate::Api;
use crate::access::Access::{Anyone, Chat, Oneself, Person, SignedIn};
use crate::access::{Access, Rule};
use crate::api;

/// What every path begins with.
pub(crate) const API: &str = "/api/v1/";

/// One route.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) rule: Rule,
    pub(crate) verb: fn() -> MethodRouter<Arc<Api>>,
    /// The verb, by its whole path.
    named: &'static str,
}

/// What is asked with a body and changes nothing.
const LOOKS: [&str; 5] =
    ["content", "content/search", "sessions/search", "record/verify", "agents/{name}/soul/check"];

impl Row {
    /// Whether it does something for somebody who is known, so that they may want it done once however often they ask. What
    /// signs somebody in or changes what they sign in with is nothing to keep an answer of.
    pub(crate) fn acts(&self) -> bool {
        let looks = self.path.strip_prefix(API).is_some_and(|path| LOOKS.contains(&path));
        let by_somebody = matches!(self.rule.access, Access::Person(_) | Access::Oneself);
        self.method != "GET" && by_somebody && !looks
    }

    /// The verb's name, which is no other's.
    pub(crate) fn name(&self) -> &'static str {
        self.named.rsplit(':').next().unwrap_or_default().trim()
    }
}

/// A route, as tests and documents see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Who may come.
    pub access: Access,
    /// Whether a sign-in must have been confirmed a short while ago.
    pub confirmed: bool,
    /// Whether it takes an `Idempotency-Key`.
    pub once: bool,
}

/// Every route of the API.
pub fn routes() -> impl Iterator<Item = Route> {
    TABLE.iter().map(|row| Route {
        method: row.method,
        path: row.path,
        access: row.rule.access,
        confirmed: row.rule.confirmed,
        once: row.acts(),
    })
}

macro_rules! table {
    ($($method:ident $path:literal, $access:expr, $confirmed:ident, $verb:path;)+) => {
        pub(crate) const TABLE: &[Row] = &[$(Row {
            method: name!($method),
            path: concat!("/api/v1/", $path),
            rule: Rule { access: $access, confirmed: confirmed!($confirmed), used: used!($confirmed) },
            verb: || $method($verb),
            named: stringify!($verb),
        },)+];
    };
}

macro_rules! name {
    (get) => {
        "GET"
    };
    (post) => {
        "POST"
    };
    (put) => {
        "PUT"
    };
}

/// Whether what is done is dangerous enough to ask for the passkey or the password again.
macro_rules! confirmed {
    (plain) => {
        false
    };
    (confirmed) => {
        true
    };
    (unused) => {
        false
    };
}

/// Whether to ask is a use of a sign-in. What a page asks while nobody is at it is none.
macro_rules! used {
    (unused) => {
        false
    };
    ($other:ident) => {
        true
    };
}

const READ: Access = Person(Scope::Read);
const CHAT: Access = Person(Scope::Chat);
const APPROVE: Access = Person(Scope::Approve);
const RECORD: Access = Person(Scope::Record);
const ADMIN: Access = Person(Scope::Admin);

table! {
    get "agents", READ, plain, api::list_agents::list_agents;
    get "agents/{name}", READ, plain, api::show_agent::show_agent;
    get "agents/{name}/soul", READ, plain, api::show_soul::show_soul;
    post "agents/{name}/soul/check", READ, plain, api::check_soul::check_soul;
    put "agents/{name}/soul", ADMIN, confirmed, api::change_soul::change_soul;
    get "agents/{name}/soul/versions", ADMIN, plain, api::list_soul_versions::list_soul_versions;
    get "agents/{name}/soul/versions/{number}", ADMIN, plain, api::show_soul_version::show_soul_version;
    get "agents/{name}/soul/diff", ADMIN, plain, api::compare_souls::compare_souls;
    post "agents/{name}/soul/rollback", ADMIN, confirmed, api::roll_soul_back::roll_soul_back;
    post "agents/{name}/messages", CHAT, plain, api::send_message::send_message;
    post "agents/{name}/kill", ADMIN, plain, api::kill_agent::kill_agent;
    post "agents/{name}/pause", ADMIN, plain, api::pause_agent::pause_agent;
    post "agents/{name}/resume", ADMIN, plain, api::resume_agent::resume_agent;
    post "kill", ADMIN, plain, api::kill_all::kill_all;
    get "approvals", APPROVE, plain, api::list_approvals::list_approvals;
    get "approvals/{id}", APPROVE, plain, api::show_approval::show_approval;
    post "approvals/{id}/approve", APPROVE, plain, api::approve::approve;
    post "approvals/{id}/deny", APPROVE, plain, api::deny::deny;
    post "chat/answer", Chat, plain, api::answer_in_chat::answer_in_chat;
    get "waiting", APPROVE, unused, api::count_waiting::count_waiting;
    get "approvers", APPROVE, plain, api::list_approvers::list_approvers;
    get "patterns", APPROVE, plain, api::list_patterns::list_patterns;
    post "patterns/{id}/revoke", APPROVE, plain, api::revoke_pattern::revoke_pattern;
    post "exports", RECORD, plain, api::export::export;
    post "content", RECORD, confirmed, api::read_content::read_content;
    post "content/search", RECORD, confirmed, api::search_content::search_content;
    get "records", RECORD, plain, api::list_records::list_records;
    get "records/{seq}", RECORD, plain, api::show_record::show_record;
    get "records/{seq}/proof", RECORD, plain, api::prove_record::prove_record;
    post "record/verify", RECORD, plain, api::verify_record::verify_record;
    get "erasures", RECORD, plain, api::list_erasures::list_erasures;
    post "erasures", ADMIN, confirmed, api::ask_erasure::ask_erasure;
    post "erasures/{id}/consent", ADMIN, confirmed, api::consent_erasure::consent_erasure;
    post "erasures/{id}/refuse", ADMIN, plain, api::refuse_erasure::refuse_erasure;
    get "holds", RECORD, plain, api::list_holds::list_holds;
    post "holds", ADMIN, confirmed, api::add_hold::add_hold;
    post "holds/{id}/remove", ADMIN, confirmed, api::remove_hold::remove_hold;
    get "events", READ, plain, api::follow_events::follow_events;
    get "sessions", CHAT, plain, api::list_sessions::list_sessions;
    post "sessions/search", CHAT, plain, api::search_sessions::search_sessions;
    // Somebody else's needs a confirmed sign-in; whose it is, the verb finds out.
    get "sessions/{id}", CHAT, plain, api::show_session::show_session;
    post "sessions/{id}/branches", CHAT, plain, api::branch_session::branch_session;
    get "sessions/{id}/steps", CHAT, plain, api::list_steps::list_steps;
    get "sessions/{id}/passages/{proposal}", CHAT, plain, api::show_passage::show_passage;
    get "turns/{id}/events", CHAT, plain, api::follow_turn::follow_turn;
    post "turns/{id}/stop", CHAT, plain, api::stop_turn::stop_turn;
    get "status", READ, plain, api::status::status;
    get "health", READ, plain, api::health::health;
    get "openapi.json", READ, plain, api::describe::describe;
    post "checkpoint", ADMIN, plain, api::seal::seal;
    post "checkpoint/cosign", ADMIN, plain, api::cosign::cosign;
    post "key/rotate", ADMIN, confirmed, api::rotate::rotate;
    post "shutdown", ADMIN, confirmed, api::shutdown::shutdown;

    post "sign-in", Anyone, plain, api::sign_in::sign_in;
    post "sign-in/code", Anyone, plain, api::sign_in_by_code::sign_in_by_code;
    post "sign-in/code/passkey/begin", Anyone, plain, api::begin_passkey_by_code::begin_passkey_by_code;
    post "sign-in/code/passkey/finish", Anyone, plain, api::sign_in_by_code_and_passkey::sign_in_by_code_and_passkey;
    get "sign-in/ways", Anyone, plain, api::sign_in_ways::sign_in_ways;
    post "sign-in/passkey/begin", Anyone, plain, api::begin_passkey_sign_in::begin_passkey_sign_in;
    post "sign-in/passkey/finish", Anyone, plain, api::sign_in_by_passkey::sign_in_by_passkey;
    post "sign-in/provider/begin", Anyone, plain, api::begin_provider_sign_in::begin_provider_sign_in;
    post "sign-in/provider/finish", Anyone, plain, api::sign_in_by_provider::sign_in_by_provider;
    post "sign-out", SignedIn, plain, api::sign_out::sign_out;
    post "confirm", SignedIn, plain, api::confirm::confirm;
    post "confirm/passkey/begin", SignedIn, plain, api::begin_passkey_confirm::begin_passkey_confirm;
    post "confirm/passkey/finish", SignedIn, plain, api::confirm_by_passkey::confirm_by_passkey;
    post "confirm/provider/begin", SignedIn, plain, api::begin_provider_confirm::begin_provider_confirm;
    post "confirm/provider/finish", SignedIn, plain, api::confirm_by_provider::confirm_by_provider;
    get "me", READ, plain, api::me::me;
    post "me/password", SignedIn, plain, api::change_password::change_password;
    get "sign-ins", Oneself, plain, api::list_sign_ins::list_sign_ins;
    post "sign-ins/{id}/end", Oneself, plain, api::end_sign_in::end_sign_in;
    get "passkeys", Oneself, plain, api::list_passkeys::list_passkeys;
    post "passkeys/begin", SignedIn, confirmed, api::begin_passkey::begin_passkey;
    post "passkeys/finish", SignedIn, confirmed, api::add_passkey::add_passkey;
    post "passkeys/{id}/remove", Oneself, confirmed, api::remove_passkey::remove_passkey;
    get "tokens", Oneself, plain, api::list_tokens::list_tokens;
    // One of a scope that reaches what is dangerous needs a confirmed sign-in.
    post "tokens", Oneself, plain, api::make_token::make_token;
    post "tokens/{id}/end", Oneself, plain, api::end_token::end_token;
    get "people", ADMIN, plain, api::list_people::list_people;
    get "grants", ADMIN, plain, api::list_grants::list_grants;
    get "accounts", ADMIN, plain, api::list_accounts::list_accounts;
    post "accounts/{id}/remove", ADMIN, confirmed, api::remove_account::remove_account;
    post "people/{id}/invite", Oneself, confirmed, api::invite::invite;
}
