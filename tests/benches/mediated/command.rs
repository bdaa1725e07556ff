//! The release binary as people run it: how fast its gateway starts, what it takes idle, how fast a list is, how long the
//! demo takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Done;
use crate::figures::{median, middle, millis};

/// Starts and stops of a gateway.
const STARTS: usize = 15;

/// Lists of agents at each start.
const LISTS: usize = 10;

/// Starts after which the gateway's memory is looked at.
const IDLE_ROUNDS: usize = 3;

/// Runs of the demo.
const DEMOS: usize = 5;

/// How the demo says, with exit code 4, that it showed what it could.
const LACKING: &str = "this machine lacks layers of the jail: ";

/// How long a gateway has had nothing to do when it counts as idle.
const IDLE: Duration = Duration::from_secs(2);

/// The release binary, beside the folder that this benchmark was built into.
pub(crate) fn binary() -> Done<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.ancestors().nth(2).unwrap_or(Path::new(".")).join("bulkhead");
    if !binary.is_file() {
        let binary = binary.display();
        return Err(format!(
            "there is no `{binary}`, which the workers run: build it first with `cargo build --release -p bulkhead`"
        )
        .into());
    }
    Ok(binary)
}

/// A home with the sample agents, for the command.
struct Home<'a> {
    binary: &'a Path,
    root: PathBuf,
}

impl Home<'_> {
    fn run(&self, args: &[&str]) -> Done<(Duration, Vec<u8>)> {
        let begun = Instant::now();
        let said = Command::new(self.binary).args(args).arg("--home").arg(&self.root).output()?;
        let time = begun.elapsed();
        if !said.status.success() {
            let why = String::from_utf8_lossy(&said.stderr).into_owned();
            return Err(format!("`bulkhead {}` failed: {why}", args.join(" ")).into());
        }
        Ok((time, said.stdout))
    }

    /// Makes it, with any free port for its health.
    fn make(&self) -> Done<()> {
        self.run(&["init"])?;
        let settings = self.root.join("bulkhead.toml");
        let text = std::fs::read_to_string(&settings)?;
        Ok(std::fs::write(&settings, text.replace("127.0.0.1:7400", "127.0.0.1:0"))?)
    }
}

/// Prints what the gateway's process costs, and how long the demo takes.
pub(crate) fn figures(binary: &Path, folder: &Path) -> Done<()> {
    let home = Home { binary, root: folder.join("home") };
    home.make()?;
    let (mut starts, mut lists, mut resident) = (vec![], vec![], vec![]);
    for round in 0..STARTS {
        let (time, about) = home.run(&["gateway", "start", "--json"])?;
        starts.push(time);
        let used = used(&home, &about, &mut lists, round < IDLE_ROUNDS);
        home.run(&["gateway", "stop"])?;
        resident.extend(used?);
    }
    let first = starts.first().copied().unwrap_or_default();
    let (start, list, resident) = (median(starts), median(lists), middle(resident));
    println!("\nthe gateway of a home with the sample agents, median of {STARTS} starts");
    println!("  start to answering         {:8.1} ms   (target: under 200)", millis(start));
    println!("    the first, which makes the journal {:.1} ms", millis(first));
    println!("  resident when idle         {resident:8.1} MB   (target: under 30)");
    println!("  agents list                {:8.1} ms   (target: under 50)", millis(list));
    let (took, missing) = demos(binary, folder)?;
    println!("\nthe demo, whole, median of {DEMOS} runs{missing}");
    println!("  bulkhead demo              {:8.2} s    (target: under 10 s)", took.as_secs_f64());
    Ok(())
}

/// How long the demo takes, with its temporary folders in `folder`; and what this machine lacks for it, in words.
fn demos(binary: &Path, folder: &Path) -> Done<(Duration, String)> {
    let (mut times, mut missing) = (vec![], String::new());
    for _ in 0..DEMOS {
        let begun = Instant::now();
        let said = Command::new(binary).arg("demo").env("TMPDIR", folder).output()?;
        times.push(begun.elapsed());
        let why = String::from_utf8_lossy(&said.stderr).trim().trim_start_matches("error: ").to_owned();
        match said.status.code() {
            Some(0) => {}
            // All that this machine can show was contained.
            Some(4) if why.starts_with(LACKING) => missing = format!("; {why}"),
            code => return Err(format!("`bulkhead demo` ended with {code:?}: {why}").into()),
        }
    }
    Ok((median(times), missing))
}

/// Uses a gateway that has just started; gives its resident memory, in megabytes, once it has nothing to do.
fn used(home: &Home<'_>, about: &[u8], lists: &mut Vec<Duration>, idle: bool) -> Done<Option<f64>> {
    for _ in 0..LISTS {
        lists.push(home.run(&["agents", "list"])?.0);
    }
    if !idle {
        return Ok(None);
    }
    std::thread::sleep(IDLE);
    let about: Value = serde_json::from_slice(about)?;
    let pid = about.get("pid").and_then(Value::as_u64).ok_or("the gateway did not say its process")?;
    resident(pid).map(Some)
}

/// The resident memory of a process, in megabytes of a million bytes.
fn resident(pid: u64) -> Done<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory is told")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}
