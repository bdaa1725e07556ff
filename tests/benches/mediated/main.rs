//! What mediation costs: an action from proposal to recorded outcome beside the least that a durable record could
//! cost, on one disk within one run; then what the gateway's own process costs, and how long the demo takes.
//!
//! `cargo bench -p bulkhead-tests --bench mediated [-- FOLDER]`; the folder decides the disk, which is else that of
//! the build. It needs the release binary beside itself: `cargo build --release -p bulkhead`. It prints medians and
//! ratios and asserts nothing about them, because a machine's day is no test.

mod agent;
mod command;
mod disk;
mod figures;
mod processor;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::{Caller, Home, Step};
use disk::{Bare, Rows};
use figures::{median, micros, per_second, ratio};

/// The gateway's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rounds in which the things that are compared take turns, so that a busy moment of the machine meets all.
const ROUNDS: usize = 20;

/// Operations of one caller in one round.
const OPERATIONS: usize = 50;

/// Callers at once, each with a worker of its own.
const CALLERS: usize = 32;

/// Actions that are done and not counted, so that every worker is there and warm.
const WARM_UP: usize = 20;

/// As many threads as the gateway has for its tasks.
const THREADS: usize = 2;

fn main() -> Done<()> {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = std::fs::canonicalize(asked.as_deref().unwrap_or(env!("CARGO_TARGET_TMPDIR")))?;
    let folder = tempfile::tempdir_in(parent)?;
    let program = command::binary()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("{} cores, load {}", std::thread::available_parallelism()?, load.trim());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.block_on(actions(&program, folder.path()))?;
    drop(runtime);
    command::figures(&program, folder.path())
}

/// One caller beside a bare append, then many callers beside single rows.
async fn actions(program: &Path, folder: &Path) -> Done<()> {
    let home = Home::new(program, folder)?;
    let mut callers = (0..CALLERS).map(|number| home.caller(number)).collect::<Done<Vec<_>>>()?;
    together(&home, &mut callers, WARM_UP).await?;
    let bytes = disk::bytes_of_an_action(&home.database())?;
    let (mut bare, mut rows) = (Bare::new(folder, bytes)?, Rows::new(folder, bytes)?);
    one_caller(&mut callers, &mut bare, &mut rows).await?;
    many_callers(&home, &mut callers, &mut rows).await?;
    drop(callers);
    home.close().await
}

async fn one_caller(callers: &mut Vec<Caller>, bare: &mut Bare, rows: &mut Rows) -> Done<()> {
    let mut caller = callers.pop().ok_or("there is no caller")?;
    let (mut plain, mut row, mut steps, mut processor) = (vec![], vec![], vec![], vec![]);
    let mut ratios = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let before = bare.append(OPERATIONS)?;
        row.extend(rows.insert(OPERATIONS)?);
        let workers = caller.workers();
        let idle = processor::taken(&workers)?;
        // On a worker of the runtime, as turns are.
        let (back, done) = tokio::spawn(act(caller, OPERATIONS)).await??;
        caller = back;
        processor.push((processor::taken(&workers)? - idle) / u32::try_from(OPERATIONS)?);
        let after = bare.append(OPERATIONS)?;
        let beside: Vec<Duration> = before.into_iter().chain(after).collect();
        ratios.push(ratio(median(done.iter().map(Step::whole)), median(beside.iter().copied())));
        plain.extend(beside);
        steps.extend(done);
    }
    callers.push(caller);
    let (plain, whole) = (median(plain), median(steps.iter().map(Step::whole)));
    println!("\none caller, p50 of {} each, {} bytes", steps.len(), bare.bytes());
    println!("  append + fdatasync         {:8.0} µs", micros(plain));
    println!(
        "  one row, SQLite, FULL      {:8.0} µs   {:5.2}",
        micros(median(row.iter().copied())),
        ratio(median(row), plain)
    );
    println!(
        "  a mediated action          {:8.0} µs   {:5.2}   (target: at most 1.8)",
        micros(whole),
        ratio(whole, plain)
    );
    println!("    median of the rounds' ratios          {:5.2}", figures::middle(ratios));
    println!("    judge                    {:8.0} µs", micros(median(steps.iter().map(|step| step.judge))));
    println!("    record, durable          {:8.0} µs", micros(median(steps.iter().map(|step| step.record))));
    println!("    effect in its worker     {:8.0} µs", micros(median(steps.iter().map(|step| step.effect))));
    println!("    admit, outcome behind    {:8.0} µs", micros(median(steps.iter().map(|step| step.outcome))));
    println!("    processor time of each   {:8.0} µs", micros(median(processor)));
    Ok(())
}

async fn many_callers(home: &Home, callers: &mut Vec<Caller>, rows: &mut Rows) -> Done<()> {
    let (mut actions, mut commits, mut ratios, mut processor) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let single: Duration = rows.insert(OPERATIONS)?.iter().sum();
        let workers: Vec<u32> = callers.iter().flat_map(Caller::workers).collect();
        let idle = processor::taken(&workers)?;
        let many = together(home, callers, OPERATIONS).await?;
        processor.push((processor::taken(&workers)? - idle) / u32::try_from(OPERATIONS * callers.len())?);
        let again: Duration = rows.insert(OPERATIONS)?.iter().sum();
        let commit = per_second(OPERATIONS * 2, single + again);
        let action = per_second(OPERATIONS * callers.len(), many);
        commits.push(commit);
        actions.push(action);
        ratios.push(action / commit);
    }
    println!("\n{} callers, median of {ROUNDS} rounds", callers.len());
    println!("  single-row SQLite commits  {:8.0} /s", figures::middle(commits));
    println!(
        "  mediated actions           {:8.0} /s   {:5.2}   (target: at least 2.5)",
        figures::middle(actions),
        figures::middle(ratios)
    );
    println!("    processor time of each   {:8.0} µs", micros(median(processor)));
    Ok(())
}

/// Every caller acts `count` times, all at once; the time until all of it is durable.
async fn together(home: &Home, callers: &mut Vec<Caller>, count: usize) -> Done<Duration> {
    let begun = Instant::now();
    let tasks: Vec<_> = callers.drain(..).map(|caller| tokio::spawn(act(caller, count))).collect();
    for task in tasks {
        callers.push(task.await??.0);
    }
    home.flush().await?;
    Ok(begun.elapsed())
}

async fn act(mut caller: Caller, count: usize) -> Done<(Caller, Vec<Step>)> {
    let mut steps = Vec::with_capacity(count);
    for _ in 0..count {
        steps.push(caller.act().await?);
    }
    Ok((caller, steps))
}
