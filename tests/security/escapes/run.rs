//! One payload, run without a jail or in one, and what is seen of it.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::attempt::{Attempt, End, Input, Sign, TRIED, TRYING};
use crate::call::call;
use crate::jailed;
use crate::leftovers::pty;
use crate::scene::Scene;

pub const MEMORY_BYTES: u64 = 128 << 20;
pub const OPEN_FILES: u64 = 64;
pub const FILE_BYTES: u64 = 2 << 20;
pub const TMP_BYTES: u64 = 4 << 20;
pub const PROCESSES: u32 = 24;
pub const CPU_SECONDS: u64 = 1;

/// The longest that a payload may take to try.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a jailed payload gets for a server to hear what it sent, or for a signal to arrive. Without a jail, where
/// that is to happen, it may take as long as the machine is busy.
const SOON: Duration = Duration::from_millis(150);

/// Where the payload runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Machine,
    Jail,
}

/// What became of one run.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It came through, and this showed it.
    Came(String),
    /// It did not, and said why.
    Held(String),
    /// Something was seen that this attempt was not even about.
    Aside(String),
    /// The payload never ran, which proves nothing.
    Never(String),
}

/// A payload that runs.
pub trait Running {
    /// Ends it as it would end by itself: its standard input is closed and it is waited for.
    fn told(&mut self) -> Result<(), String>;
    /// Kills it.
    fn killed(&mut self) -> Result<(), String>;
}

/// The streams of a payload: its own three, and our ends.
pub struct Streams {
    pub theirs: [OwnedFd; 3],
    input: Option<OwnedFd>,
    output: Arc<Mutex<Vec<u8>>>,
    over: Arc<Mutex<bool>>,
}

impl Streams {
    fn new(scene: &mut Scene, kind: Input) -> std::io::Result<Self> {
        let (input, ours) = std::io::pipe()?;
        let (mut reader, writer) = std::io::pipe()?;
        let mut first: OwnedFd = input.into();
        if kind == Input::Folder {
            first = std::fs::File::open(scene.at("outside"))?.into();
        }
        if kind == Input::Terminal {
            let (master, slave) = pty()?;
            let mut options = std::fs::OpenOptions::new();
            // It is to be the payload's terminal and not the harness's.
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOCTTY);
            first = options.read(true).write(true).open(slave)?.into();
            scene.terminal = Some(master);
        }
        let (output, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (into, done) = (Arc::clone(&output), Arc::clone(&over));
        std::thread::spawn(move || {
            let mut bytes = [0; 64 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                into.lock().unwrap().extend(&bytes[..count]);
            }
            *done.lock().unwrap() = true;
        });
        let error: OwnedFd = writer.try_clone()?.into();
        Ok(Self { theirs: [first, writer.into(), error], input: Some(ours.into()), output, over })
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// Waits until the payload has tried, or can say nothing more.
    fn wait(&self) -> String {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && !self.said().contains(TRIED) && !*self.over.lock().unwrap() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.said()
    }
}

/// Runs an attempt once, and says what became of it.
pub fn once(scene: &mut Scene, attempt: &Attempt, place: Place, starter: &mut jailed::Starter) -> Fate {
    let mut streams = match Streams::new(scene, attempt.input) {
        Ok(streams) => streams,
        Err(error) => return Fate::Never(format!("no streams: {error}")),
    };
    scene.fact("place", format!("{place:?}"));
    let started: Result<Box<dyn Running + '_>, String> = match place {
        Place::Machine => start(scene, attempt, &streams.theirs),
        Place::Jail => starter.start(scene, attempt, &streams.theirs),
    };
    let mut running = match started {
        Ok(running) => running,
        Err(why) if attempt.refusable && why.contains("cannot be") => return Fate::Held(why),
        Err(why) => return Fate::Never(why),
    };
    close(&mut streams);
    scene.said = streams.wait();
    if let Some(terminal) = &scene.terminal {
        scene.said.push_str(&drain(terminal));
    }
    if !scene.said.contains(TRYING) {
        drop(running.killed());
        return Fate::Never(format!("it did not begin: {}", scene.said));
    }
    let word = word(&scene.said);
    let mut seen = look(scene, attempt, &word, place);
    // A terminal that hangs up ends what reads from it, as a closed pipe does.
    drop((streams.input.take(), scene.terminal.take()));
    let ended = match attempt.end {
        End::Told => running.told(),
        End::Killed => running.killed(),
    };
    scene.said = streams.said();
    if let (None, Sign::Leaked, true) = (&seen, attempt.sign, scene.leaked()) {
        seen = Some(Fate::Came("the secret came out".into()));
    }
    let waits = place == Place::Machine && matches!(attempt.sign, Sign::Left);
    let left = left(scene, waits.then(|| wait_of(attempt, place)));
    match (seen, left, ended) {
        (Some(fate), _, _) => fate,
        (None, Some(left), _) if matches!(attempt.sign, Sign::Left) => Fate::Came(left),
        (None, Some(left), _) if place == Place::Jail => Fate::Aside(left),
        (None, _, Err(why)) => Fate::Aside(why),
        (None, _, Ok(())) => Fate::Held(word),
    }
}

/// The payload has its own copies.
fn close(streams: &mut Streams) {
    let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    streams.theirs = [null(), null(), null()];
}

fn drain(terminal: &OwnedFd) -> String {
    let fd = terminal.as_raw_fd() as usize;
    call(libc::SYS_fcntl, &[fd, libc::F_SETFL as usize, libc::O_NONBLOCK as usize]).unwrap();
    let mut bytes = [0_u8; 4096];
    let count = call(libc::SYS_read, &[fd, bytes.as_mut_ptr() as usize, bytes.len()]).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// What the payload says became of it.
fn word(said: &str) -> String {
    let last = said.rsplit_once(TRIED).map(|(_, word)| word.lines().next().unwrap_or_default().to_owned());
    last.unwrap_or_else(|| "it ended while it tried".into())
}

/// How long whatever is to be seen of an attempt is waited for.
fn wait_of(attempt: &Attempt, place: Place) -> Duration {
    if place == Place::Machine && attempt.needs.is_none() { PATIENCE } else { SOON }
}

fn within(wait: Duration, holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if begun.elapsed() > wait {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What can be seen while the payload waits. In a jail everything is looked at, whatever the attempt is about.
fn look(scene: &Scene, attempt: &Attempt, word: &str, place: Place) -> Option<Fate> {
    let came = |what: &str| Some(Fate::Came(what.into()));
    let wait = wait_of(attempt, place);
    let own = match attempt.sign {
        Sign::Leaked if scene.leaked() => came("the secret came out"),
        Sign::Heard if within(wait, || scene.ears.heard(&scene.mark)) => came("it was heard"),
        Sign::Hurt if within(wait, || scene.hurt()) => came("the bystander shows it"),
        Sign::Mounted => {
            scene.mounted().map(|line| Fate::Came(format!("the machine's mounts show it: {line}")))
        }
        Sign::Disturbed => scene.disturbed().map(Fate::Came),
        Sign::Holds(name) if scene.holds(name) => came(name),
        // Without a jail it may take its time, where others of the user are about.
        Sign::Seen(seen) if within(if word == "ok" { wait } else { Duration::ZERO }, || seen(scene)) => {
            came("it can be seen")
        }
        Sign::Word if word == "ok" => came("it says so"),
        _ => None,
    };
    if own.is_some() || place == Place::Machine {
        return own;
    }
    let aside = |what: &str| Some(Fate::Aside(what.into()));
    match () {
        () if scene.leaked() => aside("the secret came out"),
        () if scene.ears.heard(&scene.mark) => aside("somebody heard it"),
        () if scene.hurt() => aside("the bystander was hurt"),
        () if scene.renamed() => aside("the machine has another name"),
        () => {
            let mounted = scene.mounted().map(|line| format!("the machine's mounts changed: {line}"));
            let changed = || scene.disturbed().map(|what| format!("changed: {what}"));
            mounted.or_else(changed).map(Fate::Aside)
        }
    }
}

/// Processes that are left after the end.
fn left(scene: &Scene, waits: Option<Duration>) -> Option<String> {
    let left = || {
        let names = scene.run().into_iter().map(|pid| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            format!("{pid} {}", line.split('\0').take(3).collect::<Vec<_>>().join(" "))
        });
        names.collect::<Vec<_>>()
    };
    // After a jail's end nothing is left, not even for a moment; a control gets one, to be seen at all.
    let begun = Instant::now();
    let mut seen = left();
    while seen.is_empty() && waits.is_some_and(|wait| begun.elapsed() < wait) {
        seen = left();
    }
    (!seen.is_empty()).then(|| format!("left: {}", seen.join(", ")))
}

struct Plain(std::process::Child);

impl Running for Plain {
    fn told(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.0.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.killed()
    }

    fn killed(&mut self) -> Result<(), String> {
        self.0.kill().and_then(|()| self.0.wait()).map(drop).map_err(|error| error.to_string())
    }
}

/// As a careless parent starts a program: with all that it has.
fn start(scene: &Scene, attempt: &Attempt, streams: &[OwnedFd; 3]) -> Result<Box<dyn Running>, String> {
    let copy = |at: usize| {
        streams[at].as_fd().try_clone_to_owned().map(Stdio::from).map_err(|error| error.to_string())
    };
    let mut command = Command::new(&scene.program);
    command.args(scene.arguments(attempt.name)).current_dir(scene.work());
    command.stdin(copy(0)?).stdout(copy(1)?).stderr(copy(2)?);
    if attempt.input == Input::Terminal {
        // SAFETY: between fork and exec nothing but system calls are made.
        unsafe {
            command.pre_exec(|| {
                call(libc::SYS_setsid, &[])?;
                call(libc::SYS_ioctl, &[0, libc::TIOCSCTTY as usize, 0]).map(drop)
            });
        }
    }
    let child = command.spawn().map_err(|error| error.to_string())?;
    Ok(Box::new(Plain(child)))
}
