//! The same payload as a guest: a program that nobody of us wrote, in a jail.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use sandbox::{Command, Guest, Jail, Program, Roster, System};

use crate::attempt::{Attempt, Input};
use crate::run::{CPU_SECONDS, FILE_BYTES, MEMORY_BYTES, OPEN_FILES, PROCESSES, Running, TMP_BYTES};
use crate::scene::{SPAWNER, Scene};

/// Whose the guest is.
const OWNER: &str = "echo";

/// The longest that a guest may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What starts guests: a gateway's roster.
pub struct Starter {
    runtime: tokio::runtime::Runtime,
    roster: Option<Roster>,
}

impl Default for Starter {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, roster: None }
    }
}

/// What an agent with these grants gets, by default or with a few programs by name.
fn jail(scene: &Scene, attempt: &Attempt) -> Jail {
    let programs = if attempt.named { vec![scene.program.clone(), "/usr/bin/true".into()] } else { vec![] };
    Jail {
        read: scene.read.iter().map(|name| scene.at(name)).collect(),
        write: vec![scene.work()],
        memory_bytes: MEMORY_BYTES,
        open_files: OPEN_FILES,
        file_bytes: FILE_BYTES,
        system: Some(System {
            read: vec![scene.program.clone()],
            programs,
            processes: PROCESSES,
            tmp_bytes: TMP_BYTES,
            cpu_seconds: Some(CPU_SECONDS),
            listen: true,
        }),
        reduced: false,
    }
}

impl Starter {
    /// Starts the payload in the jail of its grants.
    pub fn start(
        &mut self,
        scene: &Scene,
        attempt: &Attempt,
        streams: &[OwnedFd; 3],
    ) -> Result<Box<dyn Running + '_>, String> {
        let _inside = self.runtime.enter();
        let roster = match self.roster.take() {
            Some(roster) => roster,
            None => {
                let spawner = Program { path: scene.program.clone(), args: vec![SPAWNER.into()] };
                Roster::new(&spawner).map_err(|error| error.to_string())?
            }
        };
        let roster = self.roster.insert(roster);
        let copy = |at: usize| streams[at].as_fd().try_clone_to_owned().map_err(|error| error.to_string());
        let command = Command {
            program: scene.program.clone(),
            args: scene.arguments(attempt.name).into_iter().map(OsString::from).collect(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            folder: scene.work(),
            stdio: [copy(0)?, copy(1)?, copy(2)?],
            terminal: attempt.input == Input::Terminal,
        };
        let launched = self.runtime.block_on(roster.launch(OWNER, &jail(scene, attempt), command));
        let guest = launched.map_err(|error| error.to_string())?;
        Ok(Box::new(Jailed { guest, roster, runtime: &self.runtime }))
    }
}

struct Jailed<'a> {
    guest: Guest,
    roster: &'a Roster,
    runtime: &'a tokio::runtime::Runtime,
}

impl Running for Jailed<'_> {
    fn told(&mut self) -> Result<(), String> {
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.guest.wait()).await });
        match ended {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it did not end by itself".into()),
        }
    }

    fn killed(&mut self) -> Result<(), String> {
        let killed = self.roster.kill(OWNER);
        self.roster.open(OWNER);
        if killed.left == 0 { Ok(()) } else { Err(format!("a kill left {} processes", killed.left)) }
    }
}
