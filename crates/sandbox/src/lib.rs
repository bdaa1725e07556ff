//! A process with exactly these grants, and its end.
//!
//! The gateway hands in a [`Program`] and a [`Jail`]; it gets a [`Child`] that speaks bounded frames, or
//! the name of the layer that this machine lacks. [`Roster::kill`] ends every process of one owner. The
//! jailed side calls [`inside::enter`] before anything else.
//!
//! This room knows no policy: it does not know what an agent, a grant or a permit is. An owner is an
//! opaque name, and a jail is a list of folders and limits.
//!
//! A jail is built in two phases by the jailed process itself. It first prepares what needs rights
//! (descriptors, namespaces, limits) and then enforces what takes rights away (capabilities, Landlock,
//! seccomp). Each step is a layer with a name, see [`layer`]; a layer that cannot be had ends the process,
//! unless the jail says `reduced`.

mod admission;
mod child;
pub mod inside;
mod jail;
pub mod layer;
mod owner;
mod probe;
mod process;
mod roster;
mod spawner;
mod wire;

pub use child::{Child, FRAME_WAIT, SEND_WAIT};
pub use jail::{Jail, JailError, MAX_PATHS, MIN_MEMORY_BYTES, MIN_OPEN_FILES, Program};
pub use layer::Layer;
pub use probe::probe;
pub use roster::{KILL_WAIT, Killed, MAX_CHILDREN, MAX_OWNERS, READY_WAIT, Roster, SpawnError};
