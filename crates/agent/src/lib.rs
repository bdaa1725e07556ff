//! The turn's loop inside the jail: prompt, model answer, next proposal.
//!
//! In comes a transcript, out goes what the agent wants next. [`step`] is a pure function of the
//! transcript, so that a turn can be taken up anywhere by a fresh process; [`run`] is the loop around it,
//! on the one socket that the process has.
//!
//! This room knows no policy, no skill and no system message: the gateway puts the rules into every model
//! call itself, so that nothing here, and no full context window, can drop them.

mod conversation;
mod run;
mod size;
mod step;
mod window;

pub use conversation::NO_RESULT;
pub use run::{AgentError, run};
pub use size::{MAX_WINDOW_BYTES, MESSAGE_BYTES, TOKEN_BYTES, estimate};
pub use step::{EMPTY_ANSWER, step};
