//! What this binary is when it is called with a word: the spawner, a hog, or nothing at all. And figures.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sandbox::spawner::{self, Role};
use sandbox::{Program, Roster, Socket};
use vocab::frame;

use crate::Done;

/// How often the machine's processors are asked for by others while something is killed.
const OVERSUBSCRIBED: usize = 4;

/// Rounds of the processor's work: some tens of milliseconds.
const WORK: u64 = 40_000_000;

const ROLES: &[Role<'_>] = &[("echo", echo), ("busy", busy), ("work", work)];

/// Does what the first word says, if it says something.
pub(crate) fn play() -> Option<ExitCode> {
    match std::env::args().nth(1)?.as_str() {
        "__spawner" => Some(spawner::serve(ROLES)),
        "__hog" => spin(),
        "__work" => {
            println!("{}", worked().as_nanos());
            Some(ExitCode::SUCCESS)
        }
        _ => None,
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Says back what it is told.
fn echo(mut stream: Socket) -> ExitCode {
    while let Ok(Some(said)) = frame::read::<String>(&mut stream) {
        if frame::write(&mut stream, &said).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Says that it is there and never rests again.
fn busy(mut stream: Socket) -> ExitCode {
    match frame::read::<String>(&mut stream) {
        Ok(Some(said)) if frame::write(&mut stream, &said).is_ok() => spin(),
        _ => ExitCode::FAILURE,
    }
}

fn work(mut stream: Socket) -> ExitCode {
    while let Ok(Some(_)) = frame::read::<String>(&mut stream) {
        let nanos = u64::try_from(worked().as_nanos()).unwrap_or(u64::MAX);
        if frame::write(&mut stream, &nanos).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// The time that processors have spent on this process, what the kernel did for it included.
fn spent() -> Duration {
    #[expect(unsafe_code, reason = "no safe call that this crate has tells a process's time")]
    // SAFETY: the time is two numbers, written by a call that it outlives.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Numbers and memory that a processor alone has to do with. Its own time, since others may want the processor, too.
fn worked() -> Duration {
    let begun = spent();
    let mut table = vec![1_u64; 4096];
    let mut state = 1_u64;
    for round in 0..WORK {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
        if let Some(cell) = table.get_mut((state >> 52) as usize) {
            *cell ^= state;
        }
    }
    std::hint::black_box(&table);
    spent().saturating_sub(begun)
}

/// This binary as the spawner.
pub(crate) fn roster() -> Done<Roster> {
    Ok(Roster::new(&Program { path: "/proc/self/exe".into(), args: vec!["__spawner".into()] })?)
}

/// Processes that want every processor several times over. They are gone when this is dropped.
pub(crate) struct Hogs(Vec<Child>);

impl Hogs {
    pub(crate) fn start() -> Done<Self> {
        let count = std::thread::available_parallelism()?.get() * OVERSUBSCRIBED;
        let hog = || Command::new("/proc/self/exe").arg("__hog").stdin(Stdio::null()).spawn();
        Ok(Self((0..count).map(|_| hog()).collect::<Result<_, _>>()?))
    }

    /// Lets them rest, or go on.
    pub(crate) fn rest(&self, rest: bool) -> Done<()> {
        let signal = if rest { Signal::STOP } else { Signal::CONT };
        for hog in &self.0 {
            let pid = Pid::from_raw(hog.id().cast_signed()).ok_or("a process without a number")?;
            kill_process(pid, signal)?;
        }
        Ok(())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            hog.kill()
                .and_then(|()| hog.wait())
                .map_or_else(|error| eprintln!("a hog stays: {error}"), |_| ());
        }
    }
}

/// The value below which this share of all is.
pub(crate) fn part(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn ratio(time: Duration, to: Duration) -> f64 {
    time.as_secs_f64() / to.as_secs_f64()
}
