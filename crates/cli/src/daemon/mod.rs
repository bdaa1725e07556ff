//! The gateway as a process: the home's lock, its log, its start and its end.

mod files;
mod lock;
pub(crate) mod log;
mod serve;
mod start;
mod stop;
mod threads;

pub(crate) use lock::{Lock, LockError, holder};
pub(crate) use serve::{Said, foreground};
pub(crate) use start::start;
pub(crate) use stop::stop;
