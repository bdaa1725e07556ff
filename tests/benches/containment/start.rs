//! Starts, memory and work.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Child, Jail, Program, Roster};

use crate::stage::{self, micros, part, ratio};
use crate::{Done, procs};

/// Rounds in which the things that are compared take turns.
const ROUNDS: usize = 300;

/// Rounds of the processor's work.
const WORK_ROUNDS: usize = 15;

/// How long a spare is given to be made. It begins some 20 ms after a start, and takes a few.
const SPARE_WAIT: Duration = Duration::from_millis(60);

/// Agents that idle at once.
const AGENTS: usize = 10;

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
    let (mut bares, mut colds, mut firsts, mut warms, mut calls) = (vec![], vec![], vec![], vec![], vec![]);
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
        drop((child, spare));
        for roster in [&real, &own] {
            let left = roster.kill(&owner).left;
            roster.open(&owner);
            if left > 0 {
                return Err(format!("{left} processes are left").into());
            }
        }
    }
    let [bare, cold, first, warm, call] = [bares, colds, firsts, warms, calls].map(|times| part(&times, 0.5));
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
    drop((real.stop(), own.stop()));
    Ok(())
}

/// What idle agents of the real binary take.
pub(crate) async fn memory(binary: &Path) -> Done<()> {
    let roster = Roster::new(&Program { path: binary.to_owned(), args: vec!["__spawner".into()] })?;
    println!("\nproportional memory");
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(roster.spawn(&number.to_string(), "agent", &Jail::default()).await?);
        if [1, AGENTS].contains(&agents.len()) {
            tokio::time::sleep(SPARE_WAIT * 4).await;
            let each =
                agents.iter().map(|agent| procs::proportional_kib(agent.pid())).collect::<Done<Vec<_>>>()?;
            let most = each.iter().max().copied().unwrap_or_default();
            println!(
                "  an idle agent, of {:3}       {most:8} KiB           (target: at most 1024)",
                agents.len()
            );
        }
    }
    let spawner = roster.spawner().ok_or("there is no spawner")?;
    println!("  the spawner                {:8} KiB", procs::proportional_kib(spawner)?);
    drop(roster.stop());
    Ok(())
}

/// The same work inside and outside a jail, in turns.
pub(crate) async fn work() -> Done<()> {
    let roster = stage::roster()?;
    let mut child = roster.spawn("work", "work", &Jail::default()).await?;
    let (mut inside, mut outside) = (vec![], vec![]);
    for _ in 0..WORK_ROUNDS {
        let said = Command::new("/proc/self/exe").arg("__work").output()?;
        outside.push(Duration::from_nanos(String::from_utf8(said.stdout)?.trim().parse()?));
        child.send(&"go").await?;
        inside.push(Duration::from_nanos(child.recv().await?.ok_or("no answer")?));
    }
    let least = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let (inside, outside) = (least(&inside), least(&outside));
    println!("\nwork of a processor, least of {WORK_ROUNDS}");
    println!("  outside                    {:8.0} µs", micros(outside));
    println!(
        "  in the jail                {:8.0} µs   {:+.2} %   (target: under 1 %)",
        micros(inside),
        (ratio(inside, outside) - 1.0) * 100.0
    );
    drop(roster.stop());
    Ok(())
}
