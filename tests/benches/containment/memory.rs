//! Memory of agents that idle: of the binary as the linker wrote it, and of a copy of it, as an installed one is.

use std::path::Path;
use std::time::Duration;

use sandbox::{Child, Jail, Program, REST_AFTER, Roster};
use vocab::Entry;
use vocab::frame::{FromAgent, ToAgent};

use crate::{Done, procs};

/// Agents that idle at once.
const AGENTS: usize = 10;

/// How long spares are given to be made, and an agent that has asked to be only waiting. Less than [`REST_AFTER`].
const SETTLE: Duration = Duration::from_millis(250);

/// How much longer than [`REST_AFTER`] an agent idles before it counts as one that does.
const LONGER: Duration = Duration::from_secs(1);

/// As many tokens as a small model takes.
const CONTEXT_TOKENS: u32 = 8192;

/// What idle agents of the real binary take.
pub(crate) async fn memory(binary: &Path) -> Done<()> {
    println!("\nproportional memory in KiB; each agent has asked its model and has a spare beside it");
    let idle = REST_AFTER + LONGER;
    println!("  (just asked: {SETTLE:?} ago; idle: {idle:?} ago; target: one that idles at most 1024)");
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("bulkhead");
    std::fs::copy(binary, &copy)?;
    for (name, program) in [("as linked", binary), ("copied", &copy)] {
        for agents in [1, AGENTS] {
            of(name, program, agents).await?;
        }
    }
    Ok(())
}

async fn of(name: &str, binary: &Path, count: usize) -> Done<()> {
    let roster = Roster::new(&Program { path: binary.to_owned(), args: vec!["__spawner".into()] })?;
    let (mut held, mut agents) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut agent = roster.spawn(&number.to_string(), "agent", &Jail::default()).await?;
        ask(&mut agent).await?;
        agents.push(agent.pid());
        // It lives as long as it is held.
        held.push(agent);
    }
    tokio::time::sleep(SETTLE).await;
    let asked = most(&agents)?;
    tokio::time::sleep(REST_AFTER + LONGER - SETTLE).await;
    let idle = most(&agents)?;
    let spawner = roster.spawner().ok_or("there is no spawner")?;
    let (spare, of_spawner) = (most(&spares(&agents, spawner)?)?, procs::proportional_kib(spawner)?);
    println!(
        "  {name:9}  agents {count:2}   just asked {asked:5}   idle {idle:5}   spare {spare:5}   spawner {of_spawner:5}"
    );
    drop(held);
    drop(roster.stop());
    Ok(())
}

/// Has an agent take up a turn, up to where it waits for its model's answer.
async fn ask(agent: &mut Child) -> Done<()> {
    let transcript = vec![Entry::Person { text: "What does the handbook say about leave?".into() }];
    agent.send(&ToAgent::Begin { transcript, context_tokens: CONTEXT_TOKENS }).await?;
    let proposed: Option<FromAgent> = agent.recv().await?;
    proposed.map(drop).ok_or_else(|| "the agent proposed nothing".into())
}

fn spares(agents: &[u32], spawner: u32) -> Done<Vec<u32>> {
    Ok(procs::children()?.into_iter().filter(|pid| *pid != spawner && !agents.contains(pid)).collect())
}

/// The most that one of these processes has.
fn most(processes: &[u32]) -> Done<u64> {
    let each = processes.iter().map(|pid| procs::proportional_kib(*pid)).collect::<Done<Vec<_>>>()?;
    Ok(each.into_iter().max().unwrap_or_default())
}
