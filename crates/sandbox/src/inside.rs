//! The jailed side: what a process does to itself before it does anything else.
//!
//! In comes the socket on standard input and on it the jail, as the gateway named it. Out goes the same
//! socket, with every layer of [`crate::layer`] in force, or the end of the process. Nothing here trusts
//! what the process was started with: descriptors, environment and limits are set anew.

mod descriptors;
mod files;
mod limits;
mod namespaces;
mod parent;
mod rights;
mod seccomp;

use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::Pid;
use vocab::frame::{self, FrameError};

use crate::Jail;
use crate::jail::JailError;
use crate::layer::{self, Layer};
use crate::wire::{Answer, Order};

/// A process that could not be jailed. It must end without doing anything.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// A layer cannot be had. The gateway has been told.
    #[error("the jail's layer `{layer}` cannot be had: {why}")]
    Refused {
        /// The layer.
        layer: String,
        /// Why.
        why: String,
    },
    /// Standard input is no socket of the gateway's, or the other descriptors cannot be closed.
    #[error(
        "standard input is not the gateway's socket; a jailed program is started by the gateway only: {0}"
    )]
    Socket(io::Error),
    /// The gateway did not say which jail.
    #[error("cannot speak with the gateway: {0}")]
    Order(#[from] FrameError),
    /// The socket was closed before a jail was named.
    #[error("the gateway went away before it named a jail")]
    Alone,
    /// A jail that makes no sense.
    #[error("this jail cannot be built: {0}")]
    Jail(#[from] JailError),
}

/// Why one layer cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    /// The machine lacks it. A reduced jail goes on.
    #[error("{0}")]
    Lacking(String),
    /// The jail asks for something that is not there. No jail goes on.
    #[error("{why}")]
    Mistaken { why: String, mend: String },
}

impl From<rustix::io::Errno> for LayerError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Lacking(error.to_string())
    }
}

/// What a layer says is in force.
pub(crate) type Laid = Result<String, LayerError>;

/// Jails this process as the gateway says and returns the socket to it.
///
/// To be called first in `main`, before any thread is started and any descriptor is opened: descriptors
/// above the standard three are closed, and namespaces cannot be left by a process with several threads.
/// The three standard descriptors lead to `/dev/null` afterwards.
///
/// # Errors
/// When the jail does not stand. The gateway has been told why, and the caller ends the process.
pub fn enter() -> Result<UnixStream, EnterError> {
    let mut stream = UnixStream::from(descriptors::take().map_err(EnterError::Socket)?);
    let Order { jail } = frame::read(&mut stream)?.ok_or(EnterError::Alone)?;
    jail.check()?;
    let peer = parent::of(&stream).map_err(EnterError::Socket)?;
    let mut layers = vec![Layer::had(layer::DESCRIPTORS, "the socket alone; standard ones to /dev/null")];
    for (name, lay) in layers_of(&jail, peer) {
        match lay() {
            Ok(what) => layers.push(Layer::had(name, what)),
            Err(LayerError::Lacking(why)) if jail.reduced => layers.push(Layer::lacking(name, why)),
            Err(error) => return Err(refuse(&mut stream, name, error)?),
        }
    }
    frame::write(&mut stream, &Answer::Ready { layers })?;
    Ok(stream)
}

type Lay<'a> = Box<dyn FnOnce() -> Laid + 'a>;

/// The layers that follow the socket, in order: first those that need rights, then those that take them.
fn layers_of(jail: &Jail, gateway: Pid) -> [(&'static str, Lay<'_>); 10] {
    [
        (layer::USER_NAMESPACE, Box::new(namespaces::user)),
        (layer::NETWORK_NAMESPACE, Box::new(namespaces::network)),
        (layer::IPC_NAMESPACE, Box::new(namespaces::ipc)),
        (layer::UTS_NAMESPACE, Box::new(namespaces::uts)),
        (layer::LIMITS, Box::new(|| limits::set(jail))),
        (layer::CAPABILITIES, Box::new(rights::drop_capabilities)),
        // After the last change of credentials: some changes take the signal back.
        (layer::PARENT_DEATH, Box::new(move || parent::tie(gateway))),
        (layer::NO_NEW_PRIVILEGES, Box::new(rights::no_new_privileges)),
        (layer::LANDLOCK, Box::new(|| files::restrict(jail))),
        (layer::SECCOMP, Box::new(|| seccomp::restrict(jail.names_files()))),
    ]
}

/// Tells the gateway, and makes the error for the caller.
fn refuse(stream: &mut UnixStream, layer: &str, error: LayerError) -> Result<EnterError, FrameError> {
    let why = error.to_string();
    let mend = match error {
        LayerError::Lacking(_) => layer::mend(layer).into(),
        LayerError::Mistaken { mend, .. } => mend,
    };
    frame::write(stream, &Answer::Refused { layer: layer.into(), why: why.clone(), mend })?;
    Ok(EnterError::Refused { layer: layer.into(), why })
}
