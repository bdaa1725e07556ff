//! The reference monitor: it judges everything that an agent wants to do, before it happens, and is the only
//! maker of permits.
//!
//! Comes in: SOUL.md as a [`soul::Charter`], the organisation's [`Config`], and at each judgement a proposal with
//! its [`Standing`]. Goes out: a [`Judgement`], which the journal makes durable and which then settles into a
//! [`Ruling`]. Nothing here does any I/O, keeps the time, or counts; `judge` is a pure function.
//!
//! Apart from that, [`Monitor::may`] says what a person may do with the gateway itself, by rights and by roles.
//!
//! Five things are asked of every proposal, whatever the answers before, so that the record has every reason:
//!
//! 1. `resolve`: which action is that exactly?
//! 2. `policy`: do the agent's grants and rules, the asker's rights and the guardrails allow it? (Cedar)
//! 3. `flow`: is everyone who would see the data cleared for its labels?
//! 4. `rates`: is it within the agent's limits?
//! 5. `advice`: does its text say what a rule says it must not?
//!
//! The strictest answer wins: kill, deny, ask, permit. Anything that fails on the way is a deny.

mod advice;
mod collection;
mod command;
mod compartment;
mod config;
mod deciders;
mod explain;
mod flow;
mod gate;
mod grants;
mod holders;
mod judge;
mod judgement;
mod monitor;
mod permit;
mod policy;
mod programs;
mod queue;
mod rates;
mod reach;
mod resolve;
mod roles;
mod table;

pub use compartment::Compartment;
pub use config::{Collection, Config, ConfigError, Database, PolicyText, Sink, Source, TableLabels};
pub use deciders::{MAX_SHORT, Short};
pub use explain::{Explained, explain, explained};
pub use gate::Gate;
pub use grants::{Grant, Grants, Members};
pub use judge::{Standing, admit, judge};
pub use judgement::{Denied, Held, Judgement, Ruling, WrongReceipt, bind};
pub use monitor::Monitor;
pub use permit::{Bounds, Granted, Over, Permit, Refused, Run, Tables};
pub use policy::protect::protecting;
pub use policy::words::SCHEMA;
pub use programs::{Found, Programs};
pub use queue::{Approvers, Escalation, MAX_NEEDED, Queue, Risk};
pub use rates::{KILL_FACTOR, Rates};
pub use reach::{LeftOut, Reach, no_program, reach};
pub use resolve::MAX_RECORDED_ARGUMENT_BYTES;
pub use roles::{Act, BUILT_IN_ROLES, Forbidden, Holders, ROLES_SCHEMA};
pub use soul::Table;

/// The guardrails that ship, by file name: what a new home begins with.
pub const SHIPPED_GUARDRAILS: &[(&str, &str)] =
    &[("base.cedar", include_str!("../../../guardrails/base.cedar"))];
