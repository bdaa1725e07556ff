//! Runs every attempt, each twice, and says what was held.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::attempt::{Attempt, Need};
use crate::attempts;
use crate::machine::{self, User};
use crate::run::{Fate, Place};

/// How many machines there are at once.
const MACHINES: usize = 3;

/// The longest that one machine may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// The last line that a machine prints.
const FATE: &str = "fate";

/// A fate as a line.
pub fn line(fate: &Fate) -> String {
    let (word, what) = match fate {
        Fate::Came(what) => ("came", what),
        Fate::Held(what) => ("held", what),
        Fate::Aside(what) => ("aside", what),
        Fate::Never(what) => ("never", what),
    };
    format!("\n{FATE}\t{word}\t{}", what.replace(['\n', '\t', '\r'], " "))
}

fn fate(output: &str) -> Fate {
    let line = output.lines().rev().find_map(|line| line.strip_prefix(FATE)?.strip_prefix('\t'));
    match line.and_then(|line| line.split_once('\t')) {
        Some(("came", what)) => Fate::Came(what.into()),
        Some(("held", what)) => Fate::Held(what.into()),
        Some(("aside", what)) => Fate::Aside(what.into()),
        Some((_, what)) => Fate::Never(what.into()),
        None => Fate::Never(format!("the machine died: {}", output.trim())),
    }
}

/// What is said of one attempt for one user.
enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

fn judge(control: &Fate, jailed: &Fate, needs: Option<Need>, user: User) -> Verdict {
    match jailed {
        Fate::Came(what) => return Verdict::Failed(format!("came through: {what}")),
        Fate::Aside(what) => return Verdict::Failed(format!("beside what it tried: {what}")),
        Fate::Never(what) => return Verdict::Failed(format!("never ran in the jail: {what}")),
        Fate::Held(_) => {}
    }
    match (control, needs) {
        (Fate::Came(_), _) => Verdict::Passed,
        (Fate::Held(why), Some(Need::Root)) if user == User::Ordinary => {
            Verdict::Skipped(format!("an ordinary user cannot, jail or not: {why}"))
        }
        (Fate::Held(why), Some(Need::Kernel)) => {
            Verdict::Skipped(format!("not possible on this machine, jail or not: {why}"))
        }
        (Fate::Held(why) | Fate::Aside(why) | Fate::Never(why), _) => {
            Verdict::Failed(format!("does not come through without a jail, so that it proves nothing: {why}"))
        }
    }
}

/// Runs one attempt in a machine of its own.
fn machine(user: User, place: Place, program: &Path, attempt: &Attempt) -> Fate {
    let mut child = Command::new(program)
        .args(["machine", &format!("{user:?}"), &format!("{place:?}")])
        .arg(program)
        .arg(attempt.name)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Fate::Never(format!("not done within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    fate(&reader.join().unwrap())
}

fn both(user: User, program: &Path, attempt: &Attempt, only: Option<Place>) -> (Verdict, String) {
    let begun = Instant::now();
    let held = || Fate::Held("not tried".into());
    let run = |place: Place| machine(user, place, program, attempt);
    let control =
        if only == Some(Place::Jail) { Fate::Came("not tried".into()) } else { run(Place::Machine) };
    let jailed = if only == Some(Place::Machine) { held() } else { run(Place::Jail) };
    let detail = format!(
        "{} ms; without a jail: {}; in it: {}",
        begun.elapsed().as_millis(),
        line(&control).trim(),
        line(&jailed).trim()
    );
    (judge(&control, &jailed, attempt.needs, user), detail.replace('\t', " "))
}

/// Runs the suite. Words: part of a name, `--list`, `--control` or `--jailed` for one half only, `--why`.
pub fn all(words: &[&str]) -> ExitCode {
    let chosen: Vec<&Attempt> = chosen(words);
    if words.contains(&"--list") {
        chosen.iter().for_each(|attempt| println!("{}", attempt.name));
        return ExitCode::SUCCESS;
    }
    let only = match () {
        () if words.contains(&"--control") => Some(Place::Machine),
        () if words.contains(&"--jailed") => Some(Place::Jail),
        () => None,
    };
    let folder = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let program = folder.path().join("escapes");
    std::fs::copy("/proc/self/exe", &program).unwrap();
    let users =
        if machine::current_user() == 0 { vec![User::Root, User::Ordinary] } else { vec![User::Ordinary] };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for user in users {
        println!("as {user:?}:");
        let results = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..MACHINES {
                scope.spawn(|| {
                    while let Some(attempt) = chosen.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let (verdict, detail) = both(user, &program, attempt, only);
                        results.lock().unwrap().push((attempt.name, verdict, detail));
                    }
                });
            }
        });
        for (name, verdict, detail) in results.into_inner().unwrap() {
            match verdict {
                Verdict::Passed => passed += 1,
                Verdict::Failed(why) => {
                    failed += 1;
                    println!("FAILED  {name}: {why}");
                }
                Verdict::Skipped(why) => {
                    skipped += 1;
                    println!("SKIPPED {name}: {why}");
                }
            }
            if words.contains(&"--why") {
                println!("        {name}: {detail}");
            }
        }
    }
    println!("{skipped} of {} skipped by name above", passed + failed + skipped);
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn chosen(words: &[&str]) -> Vec<&'static Attempt> {
    let filter = words.iter().find(|word| !word.starts_with('-'));
    attempts().filter(|attempt| filter.is_none_or(|wanted| attempt.name.contains(wanted))).collect()
}
