//! What containment costs and how fast it ends: a jailed start beside a bare one of the same binary, a start
//! from a spare beside a cold one, a kill on a machine that has four times too much to do beside a plain
//! SIGKILL, the memory of an idle agent, and a processor's work inside and outside the jail.
//!
//! `cargo bench -p bulkhead-tests --bench containment [-- PART]`, with one of `starts`, `memory`, `work`, `one` and
//! `many`, or all of them. It needs the release binary beside itself: `cargo build --release -p bulkhead`. It is its
//! own spawner where a jailed process has to do something that no agent does.
//! It prints figures and ratios within one run and asserts nothing about them, because a machine's day is no
//! test; that nothing is left it does assert.

mod kill;
mod memory;
mod procs;
mod stage;
mod start;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// As many threads as the gateway has for its tasks.
const THREADS: usize = 2;

fn main() -> ExitCode {
    if let Some(code) = stage::play() {
        return code;
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Done<()> {
    let binary = binary()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("{} cores, load {}", std::thread::available_parallelism()?, load.trim());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    // On a thread for tasks, as in the gateway.
    let task = runtime.spawn(async move {
        match part.as_deref() {
            None => {
                start::starts(&binary).await?;
                memory::memory(&binary).await?;
                start::work().await?;
                kill::one().await?;
                kill::many().await
            }
            Some("starts") => start::starts(&binary).await,
            Some("memory") => memory::memory(&binary).await,
            Some("work") => start::work().await,
            Some("one") => kill::one().await,
            Some("many") => kill::many().await,
            Some(other) => Err(format!("there is no part `{other}`").into()),
        }
    });
    runtime.block_on(task)??;
    drop(runtime);
    procs::nothing_left()
}

/// The release binary, beside the folder that this benchmark was built into.
fn binary() -> Done<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.ancestors().nth(2).unwrap_or(Path::new(".")).join("bulkhead");
    if binary.is_file() {
        return Ok(binary);
    }
    let why = "build it first with `cargo build --release -p bulkhead`";
    Err(format!("there is no `{}`: {why}", binary.display()).into())
}
