//! The course of a run: asking, passing signals on, and how it ended.

use std::io;
use std::time::Duration;

use bulkhead_http::run::{Ask, Exited, FromCommand, ToCommand, Why, Wire, WireError};
use rustix::process::Signal;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use vocab::SessionId;

use super::streams::{Carried, Streams};
use super::suspend::{Whom, suspend};
use crate::client;
use crate::failure::{Exit, Failure, exit_of};
use crate::home::Home;
use crate::terminal::{REDUCED, Screen, say};

/// What shells add to the number of the signal that ended a program.
const BY_SIGNAL: i32 = 128;

/// What shells end with when a command is there and cannot be started.
const NOT_EXECUTABLE: u8 = 126;

/// What shells end with when there is no such command.
const NO_PROGRAM: u8 = 127;

/// How long a program rests that stopped where nobody could continue it: one that does so again and again keeps nobody busy.
const UNSTOPPED_PAUSE: Duration = Duration::from_millis(100);

/// Signals that wait to be passed on.
const MAX_SIGNALS: usize = 16;

/// Signals that this command passes on.
const PASSED_ON: [Signal; 8] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::TERM,
    Signal::CONT,
    Signal::TSTP,
];

/// Runs what `ask` asks for with this command's own streams, to its end.
pub(super) async fn run(home: &Home, screen: Screen, mut ask: Ask, quiet: bool) -> Result<Exit, Failure> {
    let mut signals = listen()?;
    let stream = UnixStream::connect(home.run_socket()).await;
    let mut wire = Wire::new(stream.map_err(|error| client::nobody(home.root(), error.kind()))?);
    let mut streams = Streams::new()?;
    ask.terminal = streams.terminal;
    let given = streams.given().ok_or_else(|| Failure::internal("the program's streams are not three"))?;
    let passed: Vec<String> = ask.env.iter().map(|variable| format!("`{}`", variable.name)).collect();
    // A gateway that refuses may have hung up before it has heard all of it; what it said is there to be read.
    if let Err(error) = wire.ask(&ask, given).await {
        tracing::debug!("the gateway did not take all of it: {error}");
    }
    streams.handed_over()?;
    let (session, mcp_url, reduced) = begun(&mut wire, &mut signals).await?;
    if screen.json() {
        let started = serde_json::json!({
            "started": true, "session": session, "mcp_url": mcp_url, "reduced": reduced
        });
        say(&started.to_string());
    } else if !quiet {
        if reduced {
            say(REDUCED);
        }
        if !passed.is_empty() {
            say(&format!("the program sees the value of {}", passed.join(", ")));
        }
        say(&format!("MCP: {mcp_url} (inside the jail only)"));
    }
    let mut carried = streams.carry()?;
    let how = follow(&mut wire, &carried, &mut signals).await;
    tokio::select! {
        () = carried.finish() => {}
        // Whoever reads our output does not, and we are asked to end.
        () = ended_by(&mut signals) => {}
    }
    drop(carried);
    let how = how?;
    if screen.json() {
        say(&serde_json::json!({ "ended": true, "session": session, "how": how }).to_string());
    }
    told(how)
}

/// Waits until the program runs. A signal may be meant for it, which may run already: it is passed on. A
/// second one ends this command, and the program with it.
async fn begun(
    wire: &mut Wire,
    signals: &mut mpsc::Receiver<Signal>,
) -> Result<(SessionId, String, bool), Failure> {
    let mut passed = false;
    loop {
        let signal = tokio::select! {
            word = wire.next() => match word.map_err(|error| broken(&error))? {
                Some(ToCommand::Started { session, mcp_url, reduced }) => {
                    return Ok((session, mcp_url, reduced));
                }
                Some(ToCommand::Refused { sentence, why }) => return Err(Failure::new(code_of_no(why), sentence)),
                Some(ToCommand::Exited { .. } | ToCommand::Paused {}) => {
                    return Err(Failure::internal("the gateway said what became of the program before it began"));
                }
                None => return Err(gone()),
            },
            Some(signal) = signals.recv() => signal,
        };
        match signal {
            Signal::WINCH => {}
            Signal::TSTP => _ = suspend(Whom::This)?,
            signal if passed && signal != Signal::CONT => {
                let sentence = "the gateway did not start the program before this command was ended";
                return Err(Failure::new(Exit::Program(code_of_signal(signal.as_raw())), sentence));
            }
            signal => {
                pass_on(wire, signal).await?;
                passed = true;
            }
        }
    }
}

/// Passes signals on until the program has ended.
async fn follow(
    wire: &mut Wire,
    carried: &Carried,
    signals: &mut mpsc::Receiver<Signal>,
) -> Result<Exited, Failure> {
    loop {
        let signal = tokio::select! {
            word = wire.next() => match word.map_err(|error| broken(&error))? {
                Some(ToCommand::Exited { how }) => return Ok(how),
                Some(ToCommand::Paused {}) => {
                    pause(wire, carried, signals).await?;
                    continue;
                }
                Some(_) => return Err(Failure::internal("the gateway said twice that the program runs")),
                None => return Err(gone()),
            },
            Some(signal) = signals.recv() => signal,
        };
        match signal {
            Signal::WINCH => carried.resize(),
            Signal::CONT => {
                // Stopped by a signal that nobody hears, it was not asked to leave the terminal, and the shell has taken it back.
                carried.resume()?;
                pass_on(wire, Signal::CONT).await?;
            }
            signal => pass_on(wire, signal).await?,
        }
    }
}

async fn pass_on(wire: &mut Wire, signal: Signal) -> Result<(), Failure> {
    let sent = wire.send(&FromCommand::Signal { signal: signal.as_raw() }).await;
    match sent {
        // It is over; how is on its way.
        Err(WireError::Frame(vocab::frame::FrameError::Io(error)))
            if error.kind() == io::ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        sent => sent.map_err(|error| broken(&error)),
    }
}

/// Stops this command as its program was stopped, with the terminal as the shell left it, until it is continued, and the program
/// with it.
async fn pause(
    wire: &mut Wire,
    carried: &Carried,
    signals: &mut mpsc::Receiver<Signal>,
) -> Result<(), Failure> {
    let lost = |error: rustix::io::Errno| Failure::unreachable(format!("the terminal has gone: {error}"));
    carried.leave().map_err(lost)?;
    // A key that the person's own terminal was not told of is for all that the shell started together with this command.
    let whom = if carried.has_all_keys() { Whom::Group } else { Whom::This };
    if suspend(whom)? {
        // This thread may be the last that stops: what follows is for after.
        while let Some(signal) = signals.recv().await.filter(|signal| *signal != Signal::CONT) {
            if signal != Signal::WINCH {
                pass_on(wire, signal).await?;
            }
        }
    } else {
        tokio::time::sleep(UNSTOPPED_PAUSE).await;
    }
    carried.resume()?;
    pass_on(wire, Signal::CONT).await
}

async fn ended_by(signals: &mut mpsc::Receiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        if matches!(signal, Signal::HUP | Signal::INT | Signal::QUIT | Signal::TERM) {
            return;
        }
    }
    std::future::pending().await
}

fn told(how: Exited) -> Result<Exit, Failure> {
    match how {
        Exited::Code { code } => Ok(Exit::Program(u8::try_from(code & 0xff).unwrap_or(u8::MAX))),
        Exited::Signal { signal } => Ok(Exit::Program(code_of_signal(signal))),
        Exited::Stopped { sentence } => Err(Failure::new(Exit::Refused, sentence)),
    }
}

const fn code_of_no(why: Why) -> Exit {
    match why {
        Why::Problem(kind) => exit_of(kind),
        Why::NoProgram => Exit::Program(NO_PROGRAM),
        Why::NotExecutable => Exit::Program(NOT_EXECUTABLE),
    }
}

fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(BY_SIGNAL.saturating_add(signal)).unwrap_or(u8::MAX)
}

/// Every signal that concerns a run, as it comes.
fn listen() -> Result<mpsc::Receiver<Signal>, Failure> {
    let (sender, receiver) = mpsc::channel(MAX_SIGNALS);
    let ignored = ignored();
    // What continues a process does so even when it is ignored.
    let heard = |which: &Signal| *which == Signal::CONT || ignored >> (which.as_raw() - 1) & 1 == 0;
    for which in PASSED_ON.into_iter().chain([Signal::WINCH]).filter(heard) {
        let mut heard = signal(SignalKind::from_raw(which.as_raw()))
            .map_err(|error| Failure::internal(format!("signals cannot be heard: {error}")))?;
        let sender = sender.clone();
        tokio::spawn(
            async move { while heard.recv().await.is_some() && sender.send(which).await.is_ok() {} },
        );
    }
    Ok(receiver)
}

/// The signals that whoever started this had it ignore, as `nohup` does, a bit each from 1 on: what it ignores the
/// program is not told either. None when the kernel does not say.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

fn gone() -> Failure {
    Failure::unreachable(
        "the gateway went away, and the program with it; `bulkhead gateway status` says how it is",
    )
}

fn broken(error: &WireError) -> Failure {
    match error {
        WireError::Frame(vocab::frame::FrameError::Io(_)) => gone(),
        _ => Failure::internal(format!(
            "the gateway does not speak as this version does: {error}; `bulkhead gateway restart`"
        )),
    }
}
