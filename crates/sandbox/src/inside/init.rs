//! The first process of a guest's jail. The program that nobody here wrote is its child.
//!
//! In comes, on its socket, the one program to start with its descriptors; then signals to pass on. Out go
//! the listener, whether the program runs, and how it ended. With this process everything in its PID
//! namespace ends: when the program has ended, when the gateway closes the socket, or when it is killed.
//!
//! It has no more rights than the program, and fewer once that runs. The program cannot end it (the first
//! process of a namespace takes no signal from inside), nor look into it (it is not dumpable).

mod program;

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, kill_process, kill_process_group, set_dumpable_behavior, wait,
};
use vocab::frame::{self, FrameError};

use super::{Entered, seccomp};
use crate::handoff;
use crate::wire::{Launch, Tell, Told};

/// The signal after which a program that was stopped goes on.
const CONTINUE: i32 = Signal::CONT.as_raw();

/// How many bytes the kernel tells of one signal.
const SIGNAL_BYTES: usize = size_of::<libc::signalfd_siginfo>();

/// Starts the one program and stays until it ends. Whatever it returns, the process ends with it.
pub(crate) fn run(entered: Entered) -> ExitCode {
    match serve(entered) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads what it would print; the gateway sees that it is gone.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(Entered { mut stream, listener, filtered }: Entered) -> Result<(), FrameError> {
    let ended = children()?;
    let Some((launch, handed)) = order(&mut stream)? else {
        return Ok(());
    };
    let stdio = handoff::exactly(handed)?;
    // Not before: the gateway still adjusts one that was made ahead.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(io::Error::from)?;
    let program = match program::start(launch, stdio) {
        Ok(program) => program,
        Err(program::NotStarted { code, why }) => {
            return frame::write(&mut stream, &Told::Not { code, why });
        }
    };
    if filtered {
        seccomp::restrict_init().map_err(|error| io::Error::other(error.to_string()))?;
    }
    running(&mut stream, listener)?;
    watch(stream, &ended, program)
}

/// Makes the ends of children something to be read, and not to be interrupted by.
fn children() -> io::Result<OwnedFd> {
    #[expect(unsafe_code, reason = "no safe call makes a set of signals")]
    // SAFETY: `sigset_t` is plain numbers, and the three calls write to nothing else; the process has one
    // thread, so that no other handles the signal.
    let raw = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "the kernel has given a new descriptor's number")]
    // SAFETY: it is open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// The first frame and the descriptors beside it; `None` when the gateway went away before.
fn order(stream: &mut UnixStream) -> Result<Option<(Launch, Vec<OwnedFd>)>, FrameError> {
    let mut handed = Vec::new();
    let mut first = [0];
    if handoff::receive(stream.as_fd(), &mut first, &mut handed)? == 0 {
        return Ok(None);
    }
    let mut whole = io::Read::chain(first.as_slice(), stream);
    Ok(frame::read(&mut whole)?.map(|launch| (launch, handed)))
}

/// Says that the program runs, and hands the listener out.
fn running(stream: &mut UnixStream, listener: Option<TcpListener>) -> Result<(), FrameError> {
    let bytes = frame::encode(&Told::Running)?;
    let with: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    let sent = handoff::send(stream.as_fd(), &bytes, &with)?;
    Ok(io::Write::write_all(stream, bytes.get(sent..).unwrap_or_default())?)
}

/// Takes the dead and passes signals on, until the program has ended or the gateway is gone.
fn watch(mut stream: UnixStream, ended: &OwnedFd, program: Pid) -> Result<(), FrameError> {
    // However often the program has itself stopped and continued: one word is said for each that came.
    let mut stop_told = false;
    loop {
        let mut both = [PollFd::new(&stream, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        retry_on_intr(|| poll(&mut both, None)).map_err(io::Error::from)?;
        let [spoken, died] = both.map(|one| !one.revents().is_empty());
        if died {
            drain(ended)?;
            match take_the_dead(program)? {
                Some(Told::Stopped) if stop_told => {}
                Some(Told::Stopped) => {
                    stop_told = true;
                    frame::write(&mut stream, &Told::Stopped)?;
                }
                Some(end) => return frame::write(&mut stream, &end),
                None => {}
            }
        }
        if spoken {
            match frame::read(&mut stream)? {
                Some(Tell::Signal { signal }) => {
                    stop_told &= signal != CONTINUE;
                    pass_on(program, signal);
                }
                None => return Ok(()),
            }
        }
    }
}

fn drain(ended: &OwnedFd) -> io::Result<()> {
    let mut one = [0; SIGNAL_BYTES];
    match retry_on_intr(|| read(ended, &mut one)) {
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes every child that has ended, whoever's it was; how the program ended, or that it was stopped, if it is among them.
fn take_the_dead(program: Pid) -> io::Result<Option<Told>> {
    let mut told = None;
    loop {
        match retry_on_intr(|| wait(WaitOptions::NOHANG | WaitOptions::UNTRACED)) {
            Ok(Some((child, status))) if status.stopped() => {
                if child == program {
                    told = Some(Told::Stopped);
                }
            }
            Ok(Some((dead, status))) if dead == program => {
                let byte = |number: Option<i32>| number.and_then(|number| u8::try_from(number).ok());
                told = match (byte(status.exit_status()), byte(status.terminating_signal())) {
                    (Some(code), _) => Some(Told::Exited { code }),
                    (None, signal) => Some(Told::Killed { signal: signal.unwrap_or_default() }),
                };
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(told),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends a signal to the program and to those it started in the same group, as a terminal does.
fn pass_on(program: Pid, signal: i32) {
    let signal = rustix::process::Signal::from_named_raw(signal);
    // One that just ended is taken in the next round; a signal that does not exist goes nowhere.
    if let Some(signal) = signal
        && kill_process_group(program, signal).is_err()
    {
        // It has left its group for another, this process's own, too; it is still nobody else's number, since nobody else takes its end.
        kill_process(program, signal).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::wire::Text;

    fn launch() -> Launch {
        let text = || Text::Plain("x".into());
        Launch { program: text(), args: vec![], env: vec![], folder: text(), terminal: false }
    }

    #[test]
    fn the_first_frame_comes_with_three_descriptors_or_not_at_all() {
        for count in 0..=handoff::MAX_HANDED {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let bytes = frame::encode(&launch()).unwrap();
            let sent = handoff::send(&ours, &bytes, &vec![ours.as_fd(); count]).unwrap();
            assert_eq!(sent, bytes.len());
            let (got, handed) = order(&mut theirs).unwrap().unwrap();
            assert_eq!(got, launch());
            assert_eq!(handoff::exactly::<3>(handed).is_ok(), count == 3, "{count}");
        }
    }

    #[test]
    fn what_keeps_to_no_form_is_no_order() {
        let whole = frame::encode(&launch()).unwrap();
        let tell = frame::encode(&Tell::Signal { signal: 9 }).unwrap();
        let cases: [&[u8]; 5] =
            [b"x", b"\xff\xff\xff\xff\x01", b"\0\0\0\0", &whole[..whole.len() - 1], &tell];
        for bytes in cases {
            let (mut ours, mut theirs) = UnixStream::pair().unwrap();
            ours.write_all(bytes).unwrap();
            drop(ours);
            assert!(order(&mut theirs).is_err(), "{bytes:?}");
        }
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(order(&mut theirs).unwrap().is_none());
    }
}
