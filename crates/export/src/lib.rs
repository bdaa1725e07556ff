//! The record's way out: to files, to the systems that gather a company's logs, and to those that show traces.
//!
//! In go records and the settings of the places that want them. Out go lines and messages in forms that others have
//! defined ([`Format`]), over connections that only the settings name ([`Target`]), and how each of them stands
//! ([`Standing`]). A [`Follower`] reads the record itself, so the record is its buffer and no receiver slows the
//! gateway; it moves its durable cursor only after the receiver has taken what was sent, so each record arrives at
//! least once, in order, and none is missing. A [`Courier`] does the same with the newest checkpoint, and a [`Witness`] has
//! it cosigned. A [`Hook`] carries to a chat what others give it.
//!
//! Of the record this room exports metadata, by a list of fields of its own ([`format::View`]): it has no way to content. It knows
//! no policy, decides nothing and connects to nothing that an administrator has not written into the settings.

mod board;
mod courier;
mod declare;
mod follower;
pub mod format;
mod hook;
mod rounds;
mod send;
mod settings;
pub mod witness;

pub use board::{Board, Standing};
pub use courier::Courier;
pub use declare::{DeclareError, declare};
pub use follower::{Follower, LATE_AFTER, Parts};
pub use format::{Format, Origin};
pub use hook::Hook;
pub use send::SendError;
pub use settings::{Fault, Filter, Header, Target, Where, headers};
pub use witness::Witness;
