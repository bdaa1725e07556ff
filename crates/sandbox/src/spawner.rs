//! The spawner: a process with one thread that forks itself into jails.
//!
//! The gateway starts it once, with an empty environment and one socket as its standard input. For each
//! request it forks: the new process is born into its namespaces, is the gateway's child and not the
//! spawner's, jails itself (see `inside`) and then plays its role. Nothing is executed for that, so
//! that nothing is loaded or relocated, and all these processes share the pages that nobody writes to.
//!
//! Until a fork nothing of an agent's is read and no random number is drawn, since what is in memory then
//! every jailed process has.

pub(crate) mod fork;
pub(crate) mod spaces;

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::io::Errno;
use rustix::process::setsid;
use rustix::thread::set_name;

use self::fork::{Parent, Side, fork};
use self::spaces::Spaces;
use crate::control::{self, Reply, Request};
use crate::inside::{self, Birth, descriptors, identity, init, parent};
use crate::{Layer, Socket, layer};

/// A role by name, and what the process does in it once its jail stands.
pub type Role<'a> = (&'a str, fn(Socket) -> ExitCode);

/// The spawner's own name, as tools show processes.
const NAME: &str = "spawner";

/// Serves the gateway until it goes away; in a new process, plays the role that the gateway asked for.
///
/// To be called first in `main`, before any thread is started and any descriptor is opened. Whatever it
/// returns, the process is to end with it.
#[must_use]
pub fn serve(roles: &[Role<'_>]) -> ExitCode {
    match work(roles) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(newborn)) => newborn.live(),
        // Nobody reads what it would print; the gateway sees that it is gone.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The role of the first process of a guest's jail. Every spawner serves it.
pub(crate) const INIT: &str = "init";

/// What a process does once its jail stands.
#[derive(Debug, Clone, Copy)]
enum Plays {
    /// One of the roles that the spawner was given.
    Role(fn(Socket) -> ExitCode),
    /// It starts a program that nobody here wrote.
    Init,
}

/// A process that was just born, still with all that the spawner has.
struct Newborn {
    name: String,
    role: Plays,
    stream: UnixStream,
    birth: Birth,
}

impl Newborn {
    fn live(self) -> ExitCode {
        let Self { name, role, stream, birth } = self;
        call_oneself(&name);
        match inside::enter(stream, birth) {
            Ok(entered) => match role {
                Plays::Role(role) => role(Socket::new(entered.stream)),
                Plays::Init => init::run(entered),
            },
            Err(_) => ExitCode::FAILURE,
        }
    }
}

/// For tools that show processes. A name that cannot be had is no reason not to live.
fn call_oneself(name: &str) {
    if let Ok(name) = CString::new(name) {
        set_name(&name).unwrap_or_default();
    }
}

/// Answers requests. Returns the new process in the new process, nothing when the gateway has gone.
fn work(roles: &[Role<'_>]) -> io::Result<Option<Newborn>> {
    let (control, closed) = descriptors::take()?;
    // What a terminal sends to a gateway in its foreground is for the gateway, which ends the rest in order.
    setsid()?;
    call_oneself(NAME);
    let gateway = match stand(&control, closed) {
        Ok(gateway) => gateway,
        Err(lacking) => return refuse(&control, &lacking).map(|()| None),
    };
    let user = identity::outer();
    while let Some((request, descriptors)) = control::receive::<Request>(&control)? {
        let mut descriptors = descriptors.into_iter();
        let reply = match (role(roles, &request.role), descriptors.next()) {
            (Some(role), Some(socket)) => match bear(&request, descriptors.next().as_ref()) {
                Ok(Made::Here(spaces)) => {
                    let birth = Birth { gateway, spaces, user };
                    return Ok(Some(Newborn { name: request.role, role, stream: socket.into(), birth }));
                }
                Ok(Made::There { pid, pidfd, grouped }) => {
                    control::send(&control, &Reply::Born { pid, grouped }, &[pidfd.as_fd()])?;
                    continue;
                }
                Ok(Made::Not(reply)) => reply,
                Err(error) => failed(&error),
            },
            _ => failed(&Errno::INVAL.into()),
        };
        control::send(&control, &reply, &[])?;
    }
    Ok(None)
}

/// What every process needs of the one that it is forked from: the gateway's descriptor; or the layer that cannot be had.
fn stand(control: &OwnedFd, closed: io::Result<()>) -> Result<OwnedFd, Layer> {
    let lacking = |name, error: &dyn std::fmt::Display| Layer::lacking(name, error.to_string());
    closed.map_err(|error| lacking(layer::DESCRIPTORS, &error))?;
    let gateway = parent::gateway(control).map_err(|error| lacking(layer::PIDFD, &error))?;
    parent::tie(&gateway).map_err(|error| lacking(layer::PARENT_DEATH, &error))?;
    Ok(gateway)
}

/// Answers every request with what is lacking, until the gateway has gone.
fn refuse(control: &OwnedFd, lacking: &Layer) -> io::Result<()> {
    let Layer { name, why, mend, .. } = lacking.clone();
    let reply = Reply::Refused { layer: name, why, mend };
    while control::receive::<Request>(control)?.is_some() {
        control::send(control, &reply, &[])?;
    }
    Ok(())
}

fn role(roles: &[Role<'_>], name: &str) -> Option<Plays> {
    if name == INIT {
        return Some(Plays::Init);
    }
    roles.iter().find(|(known, _)| *known == name).map(|(_, role)| Plays::Role(*role))
}

fn failed(error: &io::Error) -> Reply {
    Reply::Failed { errno: error.raw_os_error().unwrap_or(libc::EIO) }
}

/// What became of a request.
enum Made {
    /// This is the new process.
    Here(Spaces),
    /// The new process is there.
    There { pid: u32, pidfd: OwnedFd, grouped: bool },
    /// There is none.
    Not(Reply),
}

fn bear(request: &Request, cgroup: Option<&OwnedFd>) -> io::Result<Made> {
    let mut spaces = Spaces::all();
    let cgroup = cgroup.map(AsFd::as_fd);
    let side = match fork_grouped(spaces.flags, cgroup) {
        Err(error) if spaces::is_to_blame(&error) => {
            spaces = spaces::find()?;
            if let Some(lacking) = spaces.lacking.first().filter(|_| !request.reduced) {
                let Layer { name, why, mend, .. } = lacking.clone();
                return Ok(Made::Not(Reply::Refused { layer: name, why, mend }));
            }
            fork_grouped(spaces.flags, cgroup)?
        }
        other => other?,
    };
    Ok(match side {
        Side::Child => Made::Here(spaces),
        Side::Parent { pid, pidfd, grouped } => Made::There { pid, pidfd, grouped },
    })
}

/// Forks into the cgroup, or, where the kernel does not let it, without one: a cgroup is never demanded. One
/// that is full is no such reason.
fn fork_grouped(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side> {
    match fork(namespaces, Parent::CallersParent, cgroup) {
        Err(error) if cgroup.is_some() && spaces::is_to_blame(&error) => {
            fork(namespaces, Parent::CallersParent, None)
        }
        other => other,
    }
}
