//! The verbs of the API, a file each. A verb takes its request apart, asks the gateway and puts the answer
//! into JSON.

pub(crate) mod add_hold;
pub(crate) mod add_passkey;
pub(crate) mod answer_in_chat;
pub(crate) mod approve;
pub(crate) mod ask_erasure;
pub(crate) mod begin_passkey;
pub(crate) mod begin_passkey_by_code;
pub(crate) mod begin_passkey_confirm;
pub(crate) mod begin_passkey_sign_in;
pub(crate) mod begin_provider_confirm;
pub(crate) mod begin_provider_sign_in;
pub(crate) mod branch_session;
pub(crate) mod change_password;
pub(crate) mod change_soul;
pub(crate) mod check_soul;
pub(crate) mod compare_souls;
pub(crate) mod confirm;
pub(crate) mod confirm_by_passkey;
pub(crate) mod confirm_by_provider;
pub(crate) mod consent_erasure;
pub(crate) mod cookie;
pub(crate) mod cosign;
pub(crate) mod count_waiting;
pub(crate) mod deny;
pub(crate) mod describe;
pub(crate) mod end_sign_in;
pub(crate) mod end_token;
pub(crate) mod export;
pub(crate) mod follow_events;
pub(crate) mod follow_turn;
pub(crate) mod health;
pub(crate) mod invite;
pub(crate) mod kill_agent;
pub(crate) mod kill_all;
pub(crate) mod list_accounts;
pub(crate) mod list_agents;
pub(crate) mod list_approvals;
pub(crate) mod list_approvers;
pub(crate) mod list_erasures;
pub(crate) mod list_grants;
pub(crate) mod list_holds;
pub(crate) mod list_passkeys;
pub(crate) mod list_patterns;
pub(crate) mod list_people;
pub(crate) mod list_records;
pub(crate) mod list_sessions;
pub(crate) mod list_sign_ins;
pub(crate) mod list_soul_versions;
pub(crate) mod list_steps;
pub(crate) mod list_tokens;
pub(crate) mod make_token;
pub(crate) mod me;
pub(crate) mod pause_agent;
pub(crate) mod prove_record;
pub(crate) mod read_content;
pub(crate) mod refuse_erasure;
pub(crate) mod remove_account;
pub(crate) mod remove_hold;
pub(crate) mod remove_passkey;
pub(crate) mod resume_agent;
pub(crate) mod revoke_pattern;
pub(crate) mod roll_soul_back;
pub(crate) mod rotate;
pub(crate) mod seal;
pub(crate) mod search_content;
pub(crate) mod search_sessions;
pub(crate) mod send_message;
pub(crate) mod show_agent;
pub(crate) mod show_approval;
pub(crate) mod show_passage;
pub(crate) mod show_record;
pub(crate) mod show_session;
pub(crate) mod show_soul;
pub(crate) mod show_soul_version;
pub(crate) mod shutdown;
pub(crate) mod sign_in;
pub(crate) mod sign_in_by_code;
pub(crate) mod sign_in_by_code_and_passkey;
pub(crate) mod sign_in_by_passkey;
pub(crate) mod sign_in_by_provider;
pub(crate) mod sign_in_ways;
pub(crate) mod sign_out;
pub(crate) mod status;
pub(crate) mod stop_turn;
pub(crate) mod verify_record;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{Place, Portion};
use vocab::PersonId;

use crate::Api;
use crate::caller::Who;
use crate::problem::Problem;

/// The state that every verb gets.
pub(crate) type Shared = State<Arc<Api>>;

/// A JSON answer or a problem.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// Of whom a list is, and which page of it: of the one who asks, unless an administrator names somebody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Of {
    person: Option<PersonId>,
    after: Option<Place>,
    limit: Option<u32>,
}

impl Of {
    fn person(self, api: &Api, who: &Who) -> Result<(PersonId, Portion), Problem> {
        let whose = self.person.unwrap_or_else(|| who.person.id.clone());
        if whose != who.person.id {
            api.gateway.administrator(&who.person, "see what others sign in with")?;
        }
        Ok((whose, Portion { after: self.after, limit: self.limit }))
    }
}
