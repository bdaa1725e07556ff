//! Drives one turn: from a person's message to the reply, through the monitor and the record.
//!
//! [`Gateway::accept`] takes a message of a verified person; `run.rs` is the walk: the jailed agent
//! proposes, the monitor judges, the journal records, the effect happens, the outcome goes back. Sessions,
//! turns and approvals are rows in the journal's database, so that a turn that waits costs no process.
//!
//! This room knows no HTTP, parses no model's wire format and opens no jail itself.

mod accept;
mod admission;
mod agents;
mod approvals;
mod audience;
mod blocks;
mod borne;
mod branch;
mod budget;
mod call;
mod callers;
mod cancel;
mod changes;
mod chat;
mod content;
mod deadline;
mod decide;
mod deliver;
mod diff;
mod erasure;
mod event;
mod exports;
mod gateway;
mod hearts;
mod identity;
mod judging;
mod kill;
mod leavers;
mod looking;
mod missing;
mod outage;
mod page;
mod parts;
mod pattern;
mod perform;
mod places;
mod process;
mod program;
mod records;
mod recovery;
mod refusal;
mod replaced;
mod run;
mod session;
mod sessions;
mod slot;
mod souls;
mod state;
mod steps;
mod stop;
mod strikers;
mod versions;
mod view;
mod waiting;

pub use accept::{Accepted, Message};
pub use branch::Point;
pub use budget::{
    Budget, BudgetRisk, Budgets, DECISIONS_AN_HOUR, DECISIONS_FOR_A_SHARE, LOOKS_FOR_A_MIDDLE, MAX_APPROVERS,
    MOST_APPROVED_PERCENT, SHORTEST_LOOK, Spent, Thresholds,
};
pub use callers::{OsUser, Socket};
pub use changes::{Files, SettingsFile};
pub use chat::{Answer, Channel, Messenger, Once};
pub use content::{Found, Look, MAX_FOUND, MAX_LOOK, MAX_SEARCHED, MAX_TEXT_BYTES};
pub use decide::{Choice, MAX_REASON_CHARS};
pub use diff::{Diff, MAX_COMPARED_LINES, MAX_DIFF_BYTES, MAX_DIFF_LINES, Piece, PieceKind};
pub use erasure::{
    ErasureState, ErasureView, Hold, HoldScope, MAX_ERASURE_REASON_CHARS, Period, Retention, RetentionRule,
    Scope,
};
pub use event::{ApprovalState, Event, Events, MAX_EVENTS_BEHIND, MAX_KEPT_EVENTS, Missed, What};
pub use gateway::{Config, Gateway, MAX_RUNNING_TURNS, Parts, Policies, StartError, Traces};
pub use identity::May;
pub use kill::{Pending, Struck};
pub use looking::{MAX_RECORDS, Records, Verified};
pub use monitor::{Act, Grant, Grants, Members, Risk, Short};
pub use page::{MAX_PAGE, NoPlace, Page, Place, Portion};
pub use pattern::{MAX_PATTERNS, PATTERN_LIFETIME, PatternView};
pub use process::AGENT_ROLE;
pub use program::{
    Came, Ended, Launched, MAX_COMMAND_BYTES, MAX_WAITING_REQUESTS, NotLaunched, Program, Progress, Run,
    Stamp, Wanted,
};
pub use refusal::{Refusal, RefusalKind};
pub use sessions::{MAX_LISTED, MAX_RECALLED, Recall};
pub use soul::{CheckReport, Diagnostic};
pub use souls::{Changed, Soul, check};
pub use steps::{Happened, MAX_PASSAGE_CHARS, MAX_STEPS, Passage as ReadPassage, Step, Steps};
pub use versions::{
    MAX_LISTED_VERSIONS, MAX_VERSION_BYTES, MAX_VERSIONS, SoulDiff, SoulText, SoulVersion, SoulVersions,
};
pub use view::{
    AgentView, ApprovalView, Approvers, BranchView, Branched, Conversation, ConversationView, Conversations,
    FileChange, Granted, HowMany, KillReport, KilledAgent, Passage, Recalled, Said, StoppedTurn,
};
