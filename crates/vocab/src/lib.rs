//! The words that every room shares.
//!
//! Proposals, verdicts, outcomes, labels, people, wire frames and limits: plain values that carry no
//! behaviour beyond their own invariants. This room opens no file and no socket, knows no policy and
//! depends on no other room.

pub mod action;
pub mod ambient;
pub mod chat;
pub mod collection;
pub mod digest;
pub mod frame;
pub mod ids;
pub mod label;
pub mod limits;
pub mod outcome;
pub mod people;
pub mod proposal;
pub mod spec;
pub mod table;
pub mod tally;
pub mod text;
pub mod transcript;
pub mod verdict;
pub mod visible;
pub mod waiters;

pub use action::{Action, Resource, Verb};
pub use ambient::{Ambient, SignedDuration, Timestamp};
pub use chat::{ChatRequest, Function};
pub use digest::Digest;
pub use ids::{
    AgentName, ApprovalId, DirectoryId, ErasureId, HoldId, IdError, MAX_ID_BYTES, PasskeyId, PersonId,
    ProposalId, SessionId, SignInId, TokenId, TurnId,
};
pub use label::{Labels, Level};
pub use outcome::{Body, Fault, Outcome, Status};
pub use people::{Group, Person, Rights};
pub use proposal::{Intent, Proposal};
pub use spec::{Effect, SkillSpec};
pub use tally::{Sum, Tally};
pub use text::{NotText, text};
pub use transcript::{Answer, ChatMessage, Entry, Role, ToolCall};
pub use verdict::{Decision, Layer, Reason, Verdict};
pub use visible::{Keep, visible};
pub use waiters::{Waiters, Waiting};
