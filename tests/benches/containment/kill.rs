//! The end of processes on a machine that has four times too much to do.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, pidfd_send_signal, waitid,
};
use sandbox::{Child, Jail, Killed, Roster};

use crate::Done;
use crate::stage::{self, Hogs, micros, part, ratio};

/// Kills of each kind.
const RUNS: usize = 200;

/// Busy processes of one agent.
const CROWD: usize = 100;

/// How long processes are busy before they are killed.
const SETTLE: Duration = Duration::from_millis(20);

fn pid(number: u32) -> Done<Pid> {
    Pid::from_raw(number.cast_signed()).ok_or_else(|| "a process without a number".into())
}

/// A process without a jail that never rests, by its pidfd to its end.
fn bare() -> Done<Duration> {
    let hog = Command::new("/proc/self/exe").arg("__hog").stdin(Stdio::null()).spawn()?;
    let pidfd = pidfd_open(pid(hog.id())?, PidfdFlags::empty())?;
    std::thread::sleep(SETTLE);
    let begun = Instant::now();
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
    Ok(begun.elapsed())
}

/// Starts processes, and has them be busy once all are there. Each has said that it is.
async fn busy(roster: &Roster, count: usize) -> Done<Vec<Child>> {
    let mut children = Vec::with_capacity(count);
    for _ in 0..count {
        children.push(roster.spawn("a", "busy", &Jail::default()).await?);
    }
    for child in &mut children {
        child.send(&"go").await?;
    }
    for child in &mut children {
        child.recv::<String>().await?.ok_or("no answer")?;
    }
    Ok(children)
}

fn ended(killed: Killed, count: usize) -> Done<Duration> {
    if killed.left > 0 || killed.processes as usize != count {
        return Err(format!("{} ended and {} are left", killed.processes, killed.left).into());
    }
    Ok(killed.elapsed)
}

/// A busy agent, and the spare that waits for its next session, beside a bare process.
pub(crate) async fn one() -> Done<()> {
    let (roster, hogs) = (stage::roster()?, Hogs::start()?);
    let (mut bares, mut kills) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        bares.push(bare()?);
        let children = busy(&roster, 1).await?;
        tokio::time::sleep(SETTLE).await;
        kills.push(ended(roster.kill("a"), 1)?);
        drop(children);
        roster.open("a");
    }
    drop(hogs);
    let over = part(&kills, 0.99).as_secs_f64() - part(&bares, 0.99).as_secs_f64();
    println!("\none process, 4 hogs on each core, {RUNS} kills{:>12}{:>10}", "p50", "p99");
    for (name, times) in [("SIGKILL by pidfd, bare", &bares), ("kill of a busy agent", &kills)] {
        println!("  {name:<42}{:10.0}{:10.0} µs", micros(part(times, 0.5)), micros(part(times, 0.99)));
    }
    println!("  p99 over the bare one's {:>38.0} µs   (target: at most 1000)", over * 1e6);
    drop(roster.stop());
    Ok(())
}

/// SIGKILL to each, and to its end: what a careful script would do.
fn plain(children: &[Child]) -> Done<Duration> {
    let pids = children.iter().map(|child| pid(child.pid())).collect::<Done<Vec<_>>>()?;
    let begun = Instant::now();
    for pid in &pids {
        kill_process(*pid, Signal::KILL)?;
    }
    for pid in &pids {
        waitid(WaitId::Pid(*pid), WaitIdOptions::EXITED)?;
    }
    Ok(begun.elapsed())
}

/// A hundred busy processes of one agent, killed by the roster and by a plain SIGKILL to each, in turns.
pub(crate) async fn many() -> Done<()> {
    let (roster, hogs) = (stage::roster()?, Hogs::start()?);
    let (mut plains, mut kills) = (Vec::new(), Vec::new());
    for run in 0..RUNS * 2 {
        hogs.rest(true)?;
        let children = busy(&roster, CROWD).await?;
        hogs.rest(false)?;
        tokio::time::sleep(SETTLE).await;
        if run.is_multiple_of(2) {
            plains.push(plain(&children)?);
            ended(roster.kill("a"), CROWD)?;
            drop(children);
        } else {
            kills.push(ended(roster.kill("a"), CROWD)?);
            drop(children);
        }
        roster.open("a");
    }
    drop(hogs);
    let (slow, fast) = (part(&plains, 0.99), part(&kills, 0.99));
    println!(
        "\n{CROWD} busy processes, 4 hogs on each core, {RUNS} kills{:>6}{:>10}{:>10}",
        "p50", "p99", "most"
    );
    for (name, times) in [("a plain SIGKILL to each", &plains), ("kill of the agent", &kills)] {
        let [middle, slow, most] = [0.5, 0.99, 1.0].map(|share| micros(part(times, share)));
        println!("  {name:<42}{middle:10.0}{slow:10.0}{most:10.0} µs");
    }
    println!("  p99 to p99 {:>51.2}      (target: at most 0.5)", ratio(fast, slow));
    drop(roster.stop());
    Ok(())
}
