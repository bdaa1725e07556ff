//! A process with exactly these grants, and its end.
//!
//! The gateway hands in a role and a [`Jail`]; it gets a [`Child`] that speaks bounded frames, or the name of
//! the layer that this machine lacks. [`Roster::kill`] ends every process of one owner. The processes are
//! forks of one [`spawner`], a process with one thread that the [`Roster`] starts.
//!
//! A program that nobody here wrote is a [`Guest`]: [`Roster::launch`] starts it beneath a first process of its
//! own, in a root that looks like a usual machine.
//!
//! This room knows no policy: it does not know what an agent, a grant or a permit is. An owner is an
//! opaque name, and a jail is a list of folders and limits.
//!
//! A jail is built in two phases by the jailed process itself. It first prepares what needs rights
//! (descriptors, namespaces, root, limits) and then enforces what takes rights away (capabilities, Landlock,
//! seccomp). Each step is a layer with a name, see [`layer`]; a layer that cannot be had ends the process,
//! unless the jail says `reduced`.

mod admission;
mod cgroup;
mod child;
mod control;
mod guest;
mod handoff;
mod inside;
mod jail;
pub mod layer;
mod owner;
mod probe;
mod process;
mod roster;
mod socket;
mod spares;
pub mod spawner;
mod starter;
mod urgency;
mod wire;

pub use child::{Child, FRAME_WAIT, SEND_WAIT};
pub use guest::{
    Change, Command, CommandError, Exit, GUEST_PORT, Guest, GuestError, MAX_COMMAND_BYTES, MAX_COMMAND_PARTS,
};
pub use inside::give_back;
pub use jail::{
    Jail, JailError, MAX_PATHS, MIN_CPU_SECONDS, MIN_MEMORY_BYTES, MIN_OPEN_FILES, MIN_PROCESSES,
    MIN_TMP_BYTES, Program, System, is_kernels,
};
pub use layer::Layer;
pub use probe::{PROBE, probe, probe_program};
pub use roster::{KILL_WAIT, Killed, MAX_CHILDREN, MAX_OWNERS, READY_WAIT, Roster, SpawnError};
pub use socket::{REST_AFTER, Socket};
pub use spares::{JAILED_OOM_SCORE, MAX_SPARES, SPARE_OOM_SCORE};
