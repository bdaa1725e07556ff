//! The jailed side: what a process does to itself before it does anything else.
//!
//! In comes the socket that the process was born with and on it the jail, as the gateway named it. Out goes
//! the same socket, with every layer of [`crate::layer`] in force, or the end of the process. Nothing here
//! trusts what the process was born with: descriptors, root and limits are set anew.

pub(crate) mod descriptors;
mod files;
pub(crate) mod identity;
pub(crate) mod init;
mod limits;
mod network;
mod pages;
pub(crate) mod parent;
mod rights;
mod root;
mod seccomp;
mod system;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use vocab::frame::{self, FrameError};

pub use self::pages::give_back;

use self::identity::User;
use crate::Jail;
use crate::jail::JailError;
use crate::layer::{self, Layer};
use crate::socket;
use crate::spawner::spaces::Spaces;
use crate::wire::{Answer, Order};

/// What a process knows from before it was born.
#[derive(Debug)]
pub(crate) struct Birth {
    /// A descriptor of the gateway.
    pub(crate) gateway: OwnedFd,
    /// The namespaces that it was born into.
    pub(crate) spaces: Spaces,
    /// Who it is outside them.
    pub(crate) user: User,
}

/// What the layers of a guest's jail hand on to those that come later.
#[derive(Debug, Default)]
pub(crate) struct Baggage {
    /// Where the gateway listens inside.
    pub(crate) listener: RefCell<Option<TcpListener>>,
    /// The machine's folder of terminals, since a guest may be given one.
    pub(crate) terminals: RefCell<Option<OwnedFd>>,
    /// The PID namespace, or the cgroup, bounds how many processes there are.
    pub(crate) processes_bounded: Cell<bool>,
    /// Landlock keeps it from the machine's Unix sockets.
    pub(crate) unix_bounded: Cell<bool>,
}

/// A process whose jail stands.
#[derive(Debug)]
pub(crate) struct Entered {
    /// The way to the gateway.
    pub(crate) stream: UnixStream,
    /// Where the gateway listens inside, for a guest that was promised it.
    pub(crate) listener: Option<TcpListener>,
    /// Whether it can filter its system calls further.
    pub(crate) filtered: bool,
}

/// What a guest's jail does not go without, even when it is reduced: a kill could not hold, or its own
/// network and files would be the machine's.
const GUESTS_NEED: [&str; 5] = [
    layer::USER_NAMESPACE,
    layer::MOUNT_NAMESPACE,
    layer::PID_NAMESPACE,
    layer::NETWORK_NAMESPACE,
    layer::ROOT,
];

fn may_lack(jail: &Jail, name: &str) -> bool {
    jail.reduced && !(jail.system.is_some() && GUESTS_NEED.contains(&name))
}

/// A process that could not be jailed. It must end without doing anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnterError {
    /// A layer cannot be had. The gateway has been told.
    #[error("the jail's layer `{layer}` cannot be had: {why}")]
    Refused { layer: String, why: String },
    /// The other descriptors cannot be closed.
    #[error("the descriptors that were inherited cannot be closed: {0}")]
    Descriptors(#[from] io::Error),
    /// The gateway did not say which jail.
    #[error("cannot speak with the gateway: {0}")]
    Order(#[from] FrameError),
    /// The socket was closed before a jail was named.
    #[error("the gateway went away before it named a jail")]
    Alone,
    /// The socket takes no bound on its reads.
    #[error("the wait for a word cannot be bounded: {0}")]
    Socket(#[source] io::Error),
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

impl From<io::Error> for LayerError {
    fn from(error: io::Error) -> Self {
        Self::Lacking(error.to_string())
    }
}

impl From<rustix::io::Errno> for LayerError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Lacking(error.to_string())
    }
}

/// What a layer says is in force.
pub(crate) type Laid = Result<String, LayerError>;

/// Jails this process as the gateway says and returns the socket to it. The process was just born and has
/// one thread.
pub(crate) fn enter(mut stream: UnixStream, birth: Birth) -> Result<Entered, EnterError> {
    descriptors::keep_only(&[stream.as_fd(), birth.gateway.as_fd()])?;
    let order: Order = frame::read(&mut stream)?.ok_or(EnterError::Alone)?;
    let jail = &order.jail;
    jail.check()?;
    if jail.system.is_none() {
        socket::bound_reads(&stream).map_err(EnterError::Socket)?;
    }
    let mut layers = vec![Layer::had(layer::DESCRIPTORS, "the socket alone; standard ones to /dev/null")];
    let baggage = Baggage::default();
    baggage.processes_bounded.set(order.processes_bounded);
    if jail.system.is_some() {
        *baggage.terminals.borrow_mut() = files::guest::terminals();
    }
    for (name, lay) in layers_of(jail, &birth, &baggage) {
        match lay() {
            Ok(what) => layers.push(Layer::had(name, what)),
            Err(LayerError::Lacking(why)) if may_lack(jail, name) => layers.push(Layer::lacking(name, why)),
            Err(error) => return Err(refuse(&mut stream, name, error)?),
        }
    }
    drop(birth);
    let filtered = layers.iter().any(|layer| layer.name == layer::SECCOMP && layer.present);
    pages::give_back();
    pages::rehearse(&order)?;
    frame::write(&mut stream, &Answer::Ready { layers })?;
    Ok(Entered { stream, listener: baggage.listener.into_inner(), filtered })
}

type Lay<'a> = Box<dyn FnOnce() -> Laid + 'a>;

/// The layers that follow the socket, in order: first those that need rights, then those that take them.
fn layers_of<'a>(jail: &'a Jail, birth: &'a Birth, baggage: &'a Baggage) -> [(&'static str, Lay<'a>); 13] {
    let born = |name: &'static str, what: &'static str| -> (&'static str, Lay<'a>) {
        (name, Box::new(move || born_into(birth, name).map(|()| what.into())))
    };
    let user = || born_into(birth, layer::USER_NAMESPACE).and_then(|()| identity::map(birth.user));
    let root = || born_into(birth, layer::MOUNT_NAMESPACE).and_then(|()| root::own(jail, baggage));
    let network = || {
        born_into(birth, layer::NETWORK_NAMESPACE)?;
        match &jail.system {
            Some(system) if system.listen => network::listen(&mut baggage.listener.borrow_mut()),
            _ => Ok("its own, with no interface up".into()),
        }
    };
    [
        (layer::USER_NAMESPACE, Box::new(user)),
        born(layer::MOUNT_NAMESPACE, "its own"),
        born(layer::PID_NAMESPACE, "its own, with no other process"),
        (layer::NETWORK_NAMESPACE, Box::new(network)),
        born(layer::IPC_NAMESPACE, "its own"),
        born(layer::UTS_NAMESPACE, "its own"),
        (layer::ROOT, Box::new(root)),
        (layer::LIMITS, Box::new(|| limits::set(jail, baggage))),
        (layer::CAPABILITIES, Box::new(rights::drop_capabilities)),
        // After the last change of credentials: some changes take the signal back.
        (layer::PARENT_DEATH, Box::new(|| parent::tie(&birth.gateway))),
        (layer::NO_NEW_PRIVILEGES, Box::new(rights::no_new_privileges)),
        (layer::LANDLOCK, Box::new(|| files::restrict(jail, baggage))),
        (
            layer::SECCOMP,
            Box::new(|| match &jail.system {
                Some(_) => seccomp::restrict_guest(baggage.unix_bounded.get()),
                None => seccomp::restrict(jail.names_files()),
            }),
        ),
    ]
}

fn born_into(birth: &Birth, name: &str) -> Result<(), LayerError> {
    birth.spaces.lacks(name).map_or(Ok(()), |lacking| Err(LayerError::Lacking(lacking.why.clone())))
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
