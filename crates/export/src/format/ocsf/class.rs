//! Which class of the schema a record belongs to, and which activity of it.

use journal::{Event, Kind as Subject};
use vocab::Verb;

use super::View;

/// A class of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 3001: people, groups and their rights.
    AccountChange,
    /// 3002: who was let in and who was not.
    Authentication,
    /// 2004: what a person should look at.
    Finding,
    /// 6002: the gateway and its agents, their souls, settings and guardrails.
    Lifecycle,
    /// 6003: what agents want and do, on whose behalf.
    Api,
    /// 6005: looks at the record, exports, erasures, checkpoints.
    Datastore,
}

impl Kind {
    /// The class and its category.
    pub(super) const fn numbers(self) -> (u64, u64) {
        match self {
            Self::AccountChange => (3001, 3),
            Self::Authentication => (3002, 3),
            Self::Finding => (2004, 2),
            Self::Lifecycle => (6002, 6),
            Self::Api => (6003, 6),
            Self::Datastore => (6005, 6),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AccountChange => "Account Change",
            Self::Authentication => "Authentication",
            Self::Finding => "Detection Finding",
            Self::Lifecycle => "Application Lifecycle",
            Self::Api => "API Activity",
            Self::Datastore => "Datastore Activity",
        }
    }

    /// The profiles whose fields its events may have.
    pub(super) const fn profiles(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["ai_operation", "security_control"],
            _ => &["security_control"],
        }
    }
}

/// The class of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) kind: Kind,
    pub(super) activity: u8,
    pub(super) activity_name: &'static str,
}

/// An activity that the schema has no number for.
const OTHER: u8 = 99;

impl Class {
    pub(super) fn of(view: &View<'_>) -> Self {
        let new = |kind, (activity, activity_name)| Self { kind, activity, activity_name };
        if view.kind == Subject::Alert {
            return new(Kind::Finding, (1, "Create"));
        }
        match view.event.and_then(of_event) {
            Some((kind, activity)) => new(kind, activity),
            None if view.kind == Subject::Auth => new(Kind::Authentication, (1, "Logon")),
            None if view.kind == Subject::Admin => new(Kind::Lifecycle, (OTHER, "Other")),
            None => new(Kind::Api, of_verb(view.verb)),
        }
    }
}

/// What an agent does, as one of Create, Read, Update and Delete.
const fn of_verb(verb: Option<Verb>) -> (u8, &'static str) {
    match verb {
        Some(
            Verb::FileRead | Verb::WebGet | Verb::TableRead | Verb::DocumentsSearch | Verb::DocumentsRead,
        ) => (2, "Read"),
        Some(Verb::FileWrite) => (3, "Update"),
        Some(Verb::MessagePost | Verb::Reply | Verb::ReplyPart) => (1, "Create"),
        Some(Verb::ModelCall) => (OTHER, "Model Call"),
        Some(Verb::CommandRun) => (OTHER, "Command Run"),
        Some(Verb::SkillCall) => (OTHER, "Skill Call"),
        None => (OTHER, "Other"),
    }
}

fn of_event(event: Event) -> Option<(Kind, (u8, &'static str))> {
    use Event as E;
    let other = |name| (OTHER, name);
    let sign_in = |id, name| (Kind::Authentication, (id, name));
    let life = |id, name| (Kind::Lifecycle, (id, name));
    let account = |id, name| (Kind::AccountChange, (id, name));
    Some(match event {
        E::SignedIn | E::CallerRefused | E::SignInRefused | E::TokenUsed => sign_in(1, "Logon"),
        E::SignedOut => sign_in(2, "Logoff"),
        E::SignInConfirmed => sign_in(OTHER, "Confirm"),
        E::AskRefused | E::RunRefused | E::RightRefused => sign_in(OTHER, "Authorize"),

        E::PersonAdded | E::GroupAdded | E::AccountAdded | E::AccountGroupAdded => account(1, "Create"),
        E::PersonRemoved | E::GroupRemoved => account(6, "Delete"),
        E::PersonChanged | E::GroupChanged => account(OTHER, "Change"),
        E::PasswordSet => account(3, "Password Change"),
        E::InviteMade => account(4, "Password Reset"),
        E::AccountChanged | E::AccountGroupChanged => account(OTHER, "Change"),
        E::AccountRemoved | E::AccountGroupRemoved => account(6, "Delete"),
        E::TokenMade | E::TokenEnded | E::PasskeyAdded | E::PasskeyRemoved | E::CredentialsForgotten => {
            account(OTHER, "Credentials")
        }

        E::GatewayStarted | E::RunStarted => life(3, "Start"),
        E::GatewayStopped | E::AgentKilled | E::TurnStopped => life(4, "Stop"),
        E::AgentPaused => life(7, "Disable"),
        E::AgentResumed => life(6, "Enable"),
        E::AgentAdded | E::GuardrailAdded => life(1, "Install"),
        E::AgentRemoved | E::GuardrailRemoved => life(2, "Remove"),
        E::SoulChanged | E::SettingsChanged | E::GuardrailChanged | E::ExportChanged => life(8, "Update"),

        E::ContentRead | E::ContentRefused | E::ExportMade => (Kind::Datastore, (1, "Read")),
        E::ContentSearched => (Kind::Datastore, (4, "Query")),
        E::ErasureDone | E::RetentionApplied => (Kind::Datastore, (7, "Delete")),
        E::ErasureAsked | E::ErasureConsented | E::ErasureRefused => (Kind::Datastore, other("Erasure")),
        E::HoldAdded | E::HoldRemoved => (Kind::Datastore, other("Legal Hold")),
        E::RecordBegun => (Kind::Datastore, other("Record")),
        E::KeyMade | E::KeyRotated => (Kind::Datastore, other("Key")),
        E::CheckpointMade | E::CheckpointCosigned => (Kind::Datastore, other("Checkpoint")),

        E::RecordFailed
        | E::ExportFailed
        | E::ChatFailed
        | E::PublishingFailed
        | E::CheckpointDistrusted
        | E::CheckpointContradicted
        | E::CosignatureRefused
        | E::RowUnfounded
        | E::KillIncomplete
        | E::SettingsInvalid
        | E::SoulInvalid
        | E::InviteUsed
        | E::AgentStopped => (Kind::Finding, (1, "Create")),

        // Words and approvals are part of what agents do: API activity, by the kind of the record.
        E::MessageReceived | E::ConversationBranched => (Kind::Api, (1, "Create")),
        E::ApprovalShown | E::ApprovalPosted => (Kind::Api, (2, "Read")),
        E::ApprovalApproved
        | E::ApprovalSupported
        | E::PatternApproved
        | E::PatternUsed
        | E::PatternEnded
        | E::ApprovalEscalated
        | E::ApprovalDenied
        | E::ApprovalExpired
        | E::ApprovalCancelled
        | E::ApprovalVoid => (Kind::Api, (3, "Update")),
        E::TurnEnded => return None,
    })
}
