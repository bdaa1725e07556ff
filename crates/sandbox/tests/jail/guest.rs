//! Programs that nobody here wrote, in a jail.

mod ends;
mod programs;
mod terminal;
mod world;

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bulkhead_sandbox::{Command, Exit, Guest, Jail, Roster, SpawnError, System};
use tokio::time::timeout;

use crate::Check;
use crate::stage::{Folders, roster, run};

/// Every check of guests.
pub(crate) fn checks() -> Vec<Check> {
    [CHECKS, programs::CHECKS, ends::CHECKS, terminal::CHECKS, world::CHECKS].concat()
}

const CHECKS: &[Check] = &[
    ("guest: exit codes and signals come back", exit_codes_and_signals_come_back),
    ("guest: megabytes go through its pipes", megabytes_go_through_its_pipes),
    ("guest: its environment is exactly the given one", its_environment_is_exactly_the_given_one),
];

const PATIENCE: Duration = Duration::from_secs(180);

/// What a guest has here unless a check says otherwise.
pub(crate) fn system() -> System {
    System {
        read: vec![],
        programs: vec![],
        processes: 64,
        tmp_bytes: 64 << 20,
        cpu_seconds: None,
        listen: false,
    }
}

pub(crate) fn jail(folders: &Folders, system: System) -> Jail {
    Jail {
        read: vec![folders.path("granted"), folders.path("work")],
        write: vec![folders.path("work")],
        open_files: 256,
        memory_bytes: 1 << 30,
        system: Some(system),
        ..Jail::default()
    }
}

pub(crate) use self::ends::host;

/// A command with `/dev/null` as its descriptors.
pub(crate) fn command(words: &[&str], folder: &Path) -> Command {
    let null = || OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap());
    Command {
        program: words[0].into(),
        args: words[1..].iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()), ("HOME".into(), "/tmp".into())],
        folder: folder.into(),
        stdio: [null(), null(), null()],
        terminal: false,
    }
}

/// What a program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) exit: Exit,
}

pub(crate) async fn wait(guest: &mut Guest) -> Exit {
    timeout(PATIENCE, guest.wait()).await.unwrap().unwrap()
}

/// What a command will print, standard error with standard output.
fn listen_to(command: &mut Command) -> PipeReader {
    let (from, to) = std::io::pipe().unwrap();
    command.stdio[1] = to.try_clone().unwrap().into();
    command.stdio[2] = to.into();
    from
}

/// Runs a command to its end. Standard error goes with standard output.
pub(crate) fn said(roster: &Roster, jail: &Jail, mut command: Command) -> Result<Said, SpawnError> {
    let mut from = listen_to(&mut command);
    run(async {
        let mut guest = roster.launch("a", jail, command).await?;
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let exit = wait(&mut guest).await;
        Ok(Said { out: reader.join().unwrap(), exit })
    })
}

/// Runs a shell's line and expects it to end well; what it printed.
pub(crate) fn shell(jail: &Jail, folder: &Path, line: &str) -> String {
    let said = said(&roster(), jail, command(&["sh", "-c", line], folder)).unwrap();
    assert_eq!(said.exit, Exit::Code(0), "{line}: {}", said.out);
    said.out
}

fn exit_codes_and_signals_come_back() {
    let folders = Folders::new();
    let (jail, work, roster) = (jail(&folders, system()), folders.path("work"), roster());
    for (line, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 7", Exit::Code(7)),
        ("exit 255", Exit::Code(255)),
        ("kill -TERM $$", Exit::Signal(libc::SIGTERM)),
        ("kill -KILL $$", Exit::Signal(libc::SIGKILL)),
        ("kill -SEGV $$", Exit::Signal(libc::SIGSEGV)),
    ] {
        let said = said(&roster, &jail, command(&["sh", "-c", line], &work)).unwrap();
        assert_eq!(said.exit, exit, "{line}: {}", said.out);
    }
}

fn megabytes_go_through_its_pipes() {
    const BYTES: usize = 8 << 20;
    let folders = Folders::new();
    let jail = jail(&folders, system());
    let (from, mut into) = std::io::pipe().unwrap();
    let mut cat = command(&["cat"], &folders.path("work"));
    cat.stdio[0] = from.into();
    let sent: String = (0..BYTES).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    let bytes = sent.clone();
    let writer = std::thread::spawn(move || into.write_all(bytes.as_bytes()).unwrap());
    let said = said(&roster(), &jail, cat).unwrap();
    writer.join().unwrap();
    assert_eq!(said.exit, Exit::Code(0));
    assert!(said.out == sent, "{} bytes came back", said.out.len());
}

fn its_environment_is_exactly_the_given_one() {
    let folders = Folders::new();
    let jail = jail(&folders, system());
    let mut env = command(&["/usr/bin/env"], &folders.path("work"));
    env.env = vec![("ONE".into(), "1 2\n3".into()), ("TWO".into(), "".into())];
    let said = said(&roster(), &jail, env).unwrap();
    assert_eq!(said.out, "ONE=1 2\n3\nTWO=\n");
}
