//! Standard input, output and error: handed over as they are, or carried.
//!
//! Pipes, files and devices are handed over. A terminal is carried through one of the program's own, so that
//! the program can neither act on the person's nor put keys into it. A socket is carried through a pipe: the
//! gateway hands none on, because a socket may lead anywhere.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_http::run::DESCRIPTORS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::termios::{SpecialCodeIndex, isatty, tcgetattr};
use tokio::sync::oneshot;

use super::raw::{Line, Pty, Raw, is_elsewhere, resize};
use crate::failure::Failure;
use crate::terminal::Drawing;

/// How much is carried at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// How often a terminal that nobody may hold any more is asked whether it has something left, in nanoseconds.
const LAST_LOOK_NANOS: i64 = 50_000_000;

/// How often a terminal that is another group's is looked at, so that it is ours again within a moment.
const ELSEWHERE_PAUSE: Duration = Duration::from_millis(100);

/// What a stream of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Terminal,
    Socket,
}

/// The three streams, and what has to be done for them.
pub(super) struct Streams {
    /// What the program gets; `None` once it has been handed over.
    given: Option<[OwnedFd; DESCRIPTORS]>,
    /// Whether standard input is the program's own terminal.
    pub(super) terminal: bool,
    screen: Option<Screen>,
    input: Option<(OwnedFd, PipeWriter)>,
    outputs: Vec<(PipeReader, OwnedFd)>,
}

/// The person's terminal and our end of the program's.
struct Screen {
    /// Where keys come from, if they are the program's.
    keys: Option<OwnedFd>,
    /// Where the program draws.
    canvas: OwnedFd,
    line: Line,
    ours: OwnedFd,
}

/// What goes on while the program runs.
pub(super) struct Carried {
    /// The person's terminal and the program's.
    held: Arc<Held>,
    /// Set when the program has ended.
    over: Arc<AtomicBool>,
    /// One for each stream that still has something for us.
    ends: Vec<oneshot::Receiver<()>>,
}

/// The person's terminal as this command holds it.
#[derive(Default)]
struct Held {
    /// The person's terminal and the program's, for their size.
    sizes: Option<(OwnedFd, OwnedFd)>,
    /// Put back at the end.
    raw: Option<Raw>,
    /// Somebody waits for it to be ours again.
    awaited: AtomicBool,
}

impl Held {
    /// It is this command's own again, as large as it is now.
    fn resume(&self) {
        if let Some(Err(error)) = self.raw.as_ref().map(Raw::again) {
            tracing::debug!("the terminal is not there any more: {error}");
        }
        self.resize();
    }

    /// Waits until a shell has given the terminal back, which it tells nobody of (`fg` of what runs).
    fn wait(&self, over: &AtomicBool) {
        let elsewhere = || self.sizes.as_ref().is_some_and(|(terminal, _)| is_elsewhere(terminal));
        while elsewhere() && !over.load(Ordering::Relaxed) {
            std::thread::sleep(ELSEWHERE_PAUSE);
        }
        self.awaited.store(false, Ordering::Relaxed);
        if !over.load(Ordering::Relaxed) {
            self.resume();
        }
    }

    fn resize(&self) {
        if let Some((terminal, ours)) = &self.sizes
            && let Err(error) = resize(terminal, ours)
        {
            tracing::debug!("the program's terminal keeps its size: {error}");
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Err(error) = self.leave() {
            tracing::debug!("the terminal is not there to be put back: {error}");
        }
    }
}

fn failed(error: impl Into<io::Error>) -> Failure {
    Failure::internal(format!("the program's streams cannot be made: {}", error.into()))
}

fn kind(fd: BorrowedFd<'_>) -> Kind {
    if isatty(fd) {
        return Kind::Terminal;
    }
    match fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Socket) => Kind::Socket,
        _ => Kind::Plain,
    }
}

fn copy(fd: impl AsFd) -> Result<OwnedFd, Failure> {
    rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(failed)
}

impl Streams {
    /// Looks at what this command was given.
    ///
    /// # Errors
    /// When the machine gives no terminal, pipe or descriptor.
    pub(super) fn new() -> Result<Self, Failure> {
        let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
        let own = [input.as_fd(), output.as_fd(), error.as_fd()];
        let kinds = own.map(kind);
        let [in_kind, out_kind, _] = kinds;
        let pty = match own.iter().zip(kinds).rev().find(|(_, kind)| *kind == Kind::Terminal) {
            None => None,
            Some((any, _)) => {
                // While the output is someone else's to read, that reader may want the keys, as `less` does.
                let whole = in_kind == Kind::Terminal && out_kind == Kind::Terminal;
                let line = if whole { Line::Theirs } else { Line::Ours };
                let canvas = if out_kind == Kind::Terminal { output.as_fd() } else { *any };
                Some((Pty::like(any, line).map_err(failed)?, line, copy(canvas)?))
            }
        };
        let mut streams = Self {
            given: None,
            terminal: in_kind == Kind::Terminal,
            screen: None,
            input: None,
            outputs: Vec::new(),
        };
        let mut given = Vec::with_capacity(DESCRIPTORS);
        for (index, (fd, kind)) in own.into_iter().zip(kinds).enumerate() {
            given.push(match (kind, &pty) {
                (Kind::Terminal, Some((pty, ..))) => copy(&pty.theirs)?,
                (Kind::Socket, _) => streams.through_a_pipe(index, fd)?,
                _ => copy(fd)?,
            });
        }
        streams.given = given.try_into().ok();
        if let Some((pty, line, canvas)) = pty {
            let keys = streams.terminal.then(|| copy(&input)).transpose()?;
            streams.screen = Some(Screen { keys, canvas, line, ours: pty.ours });
        }
        Ok(streams)
    }

    fn through_a_pipe(&mut self, index: usize, socket: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
        let (reader, writer) = io::pipe().map_err(failed)?;
        let socket = copy(socket)?;
        if index == 0 {
            self.input = Some((socket, writer));
            return Ok(reader.into());
        }
        self.outputs.push((reader, socket));
        Ok(writer.into())
    }

    /// What the program gets.
    pub(super) fn given(&self) -> Option<[BorrowedFd<'_>; DESCRIPTORS]> {
        self.given.as_ref().map(|given| given.each_ref().map(AsFd::as_fd))
    }

    /// Lets go of what was handed over, so that its other ends see the program's end and not ours.
    ///
    /// # Errors
    /// When `/dev/null` cannot be opened.
    pub(super) fn handed_over(&mut self) -> Result<(), Failure> {
        self.given = None;
        let null = File::options().read(true).write(true).open("/dev/null").map_err(failed)?;
        if kind(io::stdin().as_fd()) == Kind::Plain {
            rustix::stdio::dup2_stdin(&null).map_err(failed)?;
        }
        if kind(io::stdout().as_fd()) == Kind::Plain {
            rustix::stdio::dup2_stdout(&null).map_err(failed)?;
        }
        Ok(())
    }

    /// Begins to carry.
    ///
    /// # Errors
    /// When the terminal has gone, or the machine gives no thread.
    pub(super) fn carry(self) -> Result<Carried, Failure> {
        let over = Arc::new(AtomicBool::new(false));
        let mut carried = Carried { held: Arc::default(), over: Arc::clone(&over), ends: Vec::new() };
        if let Some((from, to)) = self.input {
            // Nobody waits for this one: what is not read when the program ends is not read.
            drop(thread(move || pump(File::from(from), to))?);
        }
        for (from, to) in self.outputs {
            carried.ends.push(thread(move || pump(from, File::from(to)))?);
        }
        if let Some(Screen { keys, canvas, line, ours }) = self.screen {
            let sizes = Some((copy(&canvas)?, copy(&ours)?));
            let whole = keys.as_ref().filter(|_| line == Line::Theirs);
            let raw = whole.map(Raw::enter).transpose().map_err(failed)?;
            carried.held = Arc::new(Held { sizes, raw, awaited: AtomicBool::new(false) });
            if let Some(from) = keys {
                let to = copy(&ours)?;
                drop(thread(move || type_in(&from, &to, line))?);
                // It may have been started in the background.
                carried.resume()?;
            }
            carried.ends.push(thread(move || draw(&ours, canvas, &over))?);
        }
        Ok(carried)
    }
}

impl Carried {
    /// Waits until all that the program wrote has arrived.
    pub(super) async fn finish(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for end in std::mem::take(&mut self.ends) {
            if end.await.is_err() {
                tracing::debug!("a stream of the program broke off");
            }
        }
    }

    /// Whether every key is the program's.
    pub(super) fn has_all_keys(&self) -> bool {
        self.held.raw.is_some()
    }

    /// Puts the person's terminal back to what it was.
    pub(super) fn leave(&self) -> Result<(), Errno> {
        self.held.raw.as_ref().map_or(Ok(()), Raw::leave)
    }

    /// This command goes on: the terminal is its own again, in the foreground at once, else once it is there.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn resume(&self) -> Result<(), Failure> {
        if self.held.awaited.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (held, over) = (Arc::clone(&self.held), Arc::clone(&self.over));
        if held.sizes.as_ref().is_some_and(|(terminal, _)| is_elsewhere(terminal)) {
            drop(thread(move || held.wait(&over))?);
        } else {
            held.wait(&over);
        }
        Ok(())
    }

    /// The person's terminal has another size.
    pub(super) fn resize(&self) {
        self.held.resize();
    }
}

/// Runs `work` on a thread of its own, and says when it is done.
fn thread(work: impl FnOnce() + Send + 'static) -> Result<oneshot::Receiver<()>, Failure> {
    let (done, end) = oneshot::channel();
    let named = std::thread::Builder::new().name("stream".to_owned());
    named
        .spawn(move || {
            work();
            if done.send(()).is_err() {
                tracing::trace!("nobody waits for this stream");
            }
        })
        .map_err(failed)?;
    Ok(end)
}

/// Carries bytes until either side has gone.
fn pump(mut from: impl io::Read, mut to: impl io::Write) {
    if let Err(error) = io::copy(&mut from, &mut to).and_then(|_| to.flush()) {
        tracing::debug!("a stream broke off: {error}");
    }
}

/// Carries what is typed to the program's terminal until either has gone. What is typed while the terminal is another group's is theirs.
fn type_in(from: &OwnedFd, to: &OwnedFd, line: Line) {
    let mut keys = vec![0; CHUNK_BYTES];
    loop {
        // Looked at first: a read that waits when the terminal is taken away stops this command.
        if let Err(error) = poll(&mut [PollFd::new(from, PollFlags::IN)], None)
            && error != Errno::INTR
        {
            return tracing::debug!("nothing more is typed: {error}");
        }
        if is_elsewhere(from) {
            std::thread::sleep(ELSEWHERE_PAUSE);
            continue;
        }
        let typed = match rustix::io::read(from, &mut keys) {
            Ok(0) => match (line, tcgetattr(from)) {
                // Our terminal has taken the key that ends the input for itself; the program's needs one, too.
                (Line::Ours, Ok(modes)) => put(to, &[modes.special_codes[SpecialCodeIndex::VEOF]]),
                _ => return,
            },
            Ok(count) => put(to, keys.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = typed {
            tracing::debug!("nothing more is typed: {error}");
            return;
        }
    }
}

/// Writes all of `bytes` to a terminal that does not block.
fn put(to: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Draws what the program writes to its terminal on the person's, until the program's has gone. A person's
/// terminal that has gone does not end it: the program's output then goes nowhere.
fn draw(ours: &OwnedFd, canvas: OwnedFd, over: &AtomicBool) {
    let (mut drawing, mut canvas) = (Drawing::default(), File::from(canvas));
    let mut written = vec![0; CHUNK_BYTES];
    let mut show = |bytes: &[u8]| {
        if let Err(error) = canvas.write_all(bytes) {
            tracing::debug!("the terminal takes nothing: {error}");
        }
    };
    let look = Timespec { tv_sec: 0, tv_nsec: LAST_LOOK_NANOS };
    loop {
        let last = over.load(Ordering::Relaxed);
        let ready = poll(&mut [PollFd::new(ours, PollFlags::IN)], Some(&look));
        match ready {
            Ok(0) if last => break,
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => break,
        }
        match rustix::io::read(ours, &mut written) {
            Ok(0) => break,
            Ok(count) => show(&drawing.pass(written.get(..count).unwrap_or_default())),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Nobody holds the program's end any more.
            Err(_) => break,
        }
    }
    show(&drawing.finish());
}
