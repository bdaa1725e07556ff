//! SOUL.md to [`Charter`], and HEARTBEAT.md.
//!
//! What comes in is the text of a SOUL.md and a [`Place`]; what goes out is a [`Charter`] with the
//! agent's grants, limits, rules and the Cedar text that enforces them, or every error at once. The
//! room judges nothing, knows no database, no person and no Cedar evaluator, and opens no file but
//! the HEARTBEAT.md that it writes.
//!
//! # Forms of rules
//!
//! A rule is compared as a whole, by its words (see [`rules`]). What is not one of these forms is
//! advisory: only the model is told.
//!
//! | form, with the usual variations | strength | by |
//! |---|---|---|
//! | Never execute code or system commands | enforced | policy on `command.run`, sandbox |
//! | Never access external networks | enforced | policy on `web.get`, sandbox |
//! | Read internal documents only | enforced | policy on `web.get`; files come only from granted paths |
//! | All outputs must be reviewed before publishing | enforced | policy that asks a person |
//! | Never access or reference employee personal data | enforced once a source carries the label, screened before | policy on the label, detector |
//! | Never output employee personal data | screened | detector, policy on the label |
//! | Never access or output personal data | screened | detector |
//! | Never provide financial, legal, or medical advice | screened | detector |
//! | Flag any request that involves financial transactions | screened | detector |
//! | If a request falls outside X, respond: TEXT | advisory; TEXT is what a person sees | refusal text |
//!
//! "External networks" means what an agent does: it fetches no page and none of its processes has a
//! network. Which model server answers and which channels exist is named by people, in the settings
//! and in `## Channels`, and the gateway speaks to those.
//!
//! "Internal documents" are the files on the organisation's machines under the paths, and in the collections, that
//! the skills grant, whatever their label; how confidential they may be is the clearance's matter.
//!
//! "Published" is what leaves the conversation: a message to a channel, a request to a host, a reply
//! that more people than the asker can read. A reply to the asker is not publishing, and neither is
//! a model call.

pub mod cedar;
mod channels;
pub mod charter;
mod clearance;
mod compile;
pub mod diagnostic;
mod grants;
pub mod heartbeat;
mod identity;
mod launchers;
pub mod limits;
mod markdown;
mod nearest;
mod prompt;
pub mod report;
pub mod rules;
mod skills;
mod source;
mod values;

pub use channels::CONNECTED;
pub use charter::{
    Channel, Charter, Commands, Detector, Limits, Place, Rule, Screen, SkillGrant, Strength, Table, Tables,
};
pub use compile::compile;
pub use diagnostic::Diagnostic;
pub use heartbeat::Heartbeat;
pub use report::CheckReport;
