//! Starts and work.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Child, Exit, Jail, Program, Roster, System};

use crate::Done;
use crate::stage::{self, micros, part, ratio};

/// Rounds in which the things that are compared take turns.
const ROUNDS: usize = 300;

/// Rounds of the processor's work.
const WORK_ROUNDS: usize = 40;

/// What a guest of the benchmark may have.
const GUESTS_PROCESSES: u32 = 16;
const GUESTS_TMP_BYTES: u64 = 1 << 20;

/// How long a spare is given to be made. It begins some 20 ms after a start, and takes a few.
const SPARE_WAIT: Duration = Duration::from_millis(60);

/// The same binary that ends at once, from fork to its end.
fn bare(binary: &Path) -> Done<Duration> {
    let begun = Instant::now();
    // With a further word it says that this is not how it is used, without a look at anything.
    let mut command = Command::new(binary);
    command.args(["__spawner", "nothing"]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(begun.elapsed())
}

async fn told(child: &mut Child) -> Done<()> {
    child.send(&"a call").await?;
    let answer: Option<String> = child.recv().await?;
    answer.map(drop).ok_or_else(|| "no answer".into())
}

/// A start of an agent of the real binary beside a bare start of it; and a first answer from a spare beside
/// the same from a cold start.
pub(crate) async fn starts(binary: &Path) -> Done<()> {
    let spawner = Program { path: binary.to_owned(), args: vec!["__spawner".into()] };
    let (real, own) = (Roster::new(&spawner)?, stage::roster()?);
    let (mut bares, mut colds, mut firsts) = (vec![], vec![], vec![]);
    let (mut warms, mut calls, mut rested) = (vec![], vec![], vec![]);
    let jail = Jail::default();
    for round in 0..ROUNDS {
        let owner = format!("{}", round % 100);
        bares.push(bare(binary)?);
        let begun = Instant::now();
        drop(real.spawn(&owner, "agent", &jail).await?);
        colds.push(begun.elapsed());
        tokio::time::sleep(SPARE_WAIT).await;

        let begun = Instant::now();
        let mut child = own.spawn(&owner, "echo", &jail).await?;
        told(&mut child).await?;
        firsts.push(begun.elapsed());
        tokio::time::sleep(SPARE_WAIT).await;
        let begun = Instant::now();
        let mut spare = own.spawn(&owner, "echo", &jail).await?;
        told(&mut spare).await?;
        warms.push(begun.elapsed());
        let begun = Instant::now();
        told(&mut spare).await?;
        calls.push(begun.elapsed());
        tokio::time::sleep(SPARE_WAIT).await;
        let begun = Instant::now();
        told(&mut spare).await?;
        rested.push(begun.elapsed());
        drop((child, spare));
        for roster in [&real, &own] {
            let left = roster.kill(&owner).left;
            roster.open(&owner);
            if left > 0 {
                return Err(format!("{left} processes are left").into());
            }
        }
    }
    let all = [bares, colds, firsts, warms, calls, rested];
    let [bare, cold, first, warm, call, rest] = all.map(|times| part(&times, 0.5));
    println!("\nstarts, p50 of {ROUNDS}");
    println!("  fork + exec, nothing done  {:8.0} µs", micros(bare));
    println!(
        "  cold jailed agent          {:8.0} µs   {:5.2}   (target: at most 2.5)",
        micros(cold),
        ratio(cold, bare)
    );
    println!("  cold, with a first answer  {:8.0} µs", micros(first));
    println!(
        "  spare, with a first answer {:8.0} µs   1/{:.1}   (target: at most 1/15)",
        micros(warm),
        ratio(first, warm)
    );
    println!("  a further answer           {:8.0} µs   1/{:.1}", micros(call), ratio(first, call));
    println!("  the same after a pause     {:8.0} µs   1/{:.1}", micros(rest), ratio(first, rest));
    drop((real.stop(), own.stop()));
    Ok(())
}

/// The same work outside, in the jail of a role and in that of a guest, in turns.
pub(crate) async fn work() -> Done<()> {
    let roster = stage::roster()?;
    let mut child = roster.spawn("work", "work", &Jail::default()).await?;
    let (mut outside, mut inside, mut guests) = (vec![], vec![], vec![]);
    for _ in 0..WORK_ROUNDS {
        let said = Command::new("/proc/self/exe").arg("__work").output()?;
        outside.push(nanos(&said.stdout)?);
        child.send(&"go").await?;
        inside.push(Duration::from_nanos(child.recv().await?.ok_or("no answer")?));
        guests.push(guests_work(&roster).await?);
    }
    let least = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let outside = least(&outside);
    println!("\nwork of a processor, least of {WORK_ROUNDS}");
    println!("  outside                    {:8.0} µs", micros(outside));
    for (name, times) in [("in the jail of a role ", inside), ("in the jail of a guest", guests)] {
        let least = least(&times);
        let more = (ratio(least, outside) - 1.0) * 100.0;
        println!("  {name}     {:8.0} µs   {more:+.2} %   (target: under 1 %)", micros(least));
    }
    drop(roster.stop());
    Ok(())
}

fn nanos(said: &[u8]) -> Done<Duration> {
    Ok(Duration::from_nanos(std::str::from_utf8(said)?.trim().parse()?))
}

/// The same binary as a program that nobody here wrote.
async fn guests_work(roster: &Roster) -> Done<Duration> {
    let program = std::env::current_exe()?;
    let system = System {
        read: vec![program.clone()],
        programs: vec![],
        processes: GUESTS_PROCESSES,
        tmp_bytes: GUESTS_TMP_BYTES,
        cpu_seconds: None,
        listen: true,
    };
    let jail = Jail { system: Some(system), ..Jail::default() };
    let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let (mut from, to) = std::io::pipe()?;
    let command = sandbox::Command {
        program,
        args: vec!["__work".into()],
        env: vec![],
        folder: "/tmp".into(),
        stdio: [null()?, to.into(), null()?],
        terminal: false,
    };
    let mut guest = roster.launch("guest", &jail, command).await?;
    let exit = guest.wait().await?;
    let mut said = Vec::new();
    from.read_to_end(&mut said)?;
    match exit {
        Exit::Code(0) => nanos(&said),
        other => Err(format!("the guest ended by {other:?}").into()),
    }
}
