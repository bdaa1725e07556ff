//! What this machine can do: every layer tried for real, and not read off a version number.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::{Command, Exit, Jail, Layer, Program, Roster, SpawnError, System};

/// What is started to see whether a program can be: it does nothing, and every machine has it.
const NOTHING: &str = "/usr/bin/true";

/// How long it may take.
const NOTHING_WAIT: Duration = Duration::from_secs(20);

/// The room that it gets, like any other.
const PROCESSES: u32 = 8;
const TMP_BYTES: u64 = 1024 * 1024;

/// The role of the process that [`probe`] tries everything in.
pub const PROBE: &str = "probe";

/// Lays every layer in a throw-away process of `spawner`, which serves [`PROBE`], and says which of them it
/// had; last comes [`crate::layer::CGROUP`], which is never demanded.
///
/// # Errors
/// When not even a reduced jail stands.
pub async fn probe(spawner: &Program) -> Result<Vec<Layer>, SpawnError> {
    let roster = Roster::new(spawner).map_err(SpawnError::Socket)?;
    let child = roster.spawn("probe", PROBE, &Jail { reduced: true, ..Jail::default() }).await?;
    let mut layers = child.layers().to_vec();
    layers.push(roster.cgroup(child.lease().process().grouped()));
    Ok(layers)
}

/// Starts a program that nobody here wrote in a throw-away jail and waits for its end; the layers that it had. A jail of this
/// kind has more to lay than a role's: a `/proc`, terminals, loopback, and a filter and Landlock rules of its own.
///
/// # Errors
/// When not even a reduced jail stands, or the program does not run in it as it should.
pub async fn probe_program(spawner: &Program) -> Result<Vec<Layer>, SpawnError> {
    let roster = Roster::new(spawner).map_err(SpawnError::Socket)?;
    let system = System {
        read: Vec::new(),
        programs: Vec::new(),
        processes: PROCESSES,
        tmp_bytes: TMP_BYTES,
        cpu_seconds: None,
        listen: true,
    };
    let jail = Jail { reduced: true, system: Some(system), ..Jail::default() };
    let null =
        || io::Result::Ok(OwnedFd::from(std::fs::File::options().read(true).write(true).open("/dev/null")?));
    let stdio =
        [null(), null(), null()].into_iter().collect::<io::Result<Vec<_>>>().map_err(SpawnError::Socket)?;
    let stdio = stdio.try_into().map_err(|_| SpawnError::Ended)?;
    let command = Command {
        program: NOTHING.into(),
        args: Vec::new(),
        env: Vec::new(),
        folder: "/".into(),
        stdio,
        terminal: false,
    };
    let mut guest = roster.launch("probe", &jail, command).await?;
    let layers = guest.layers().to_vec();
    match tokio::time::timeout(NOTHING_WAIT, guest.wait()).await {
        Ok(Ok(Exit::Code(0))) => Ok(layers),
        Ok(_) => Err(SpawnError::Ended),
        Err(_) => Err(SpawnError::Silent),
    }
}
