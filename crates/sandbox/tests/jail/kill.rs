//! The end of processes: none is left, whatever it does and whenever it was started.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_sandbox::{Child, MAX_CHILDREN, Program, Roster, SPARE_OOM_SCORE, SpawnError};

use crate::Check;
use crate::program::Ask;
use crate::stage::{roster, run, runs, tight, until};

pub(crate) const CHECKS: &[Check] = &[
    ("kill ends busy and sleeping processes", kill_ends_busy_and_sleeping_processes),
    ("a kill touches no other owner", a_kill_touches_no_other_owner),
    ("nothing is kept of a process that is gone", nothing_is_kept_of_one_that_is_gone),
    ("a killed owner gets nothing until it is opened", a_killed_owner_gets_nothing),
    ("kill against spawn", kill_against_spawn),
    ("stop is for good", stop_is_for_good),
    ("dropping a child ends it", dropping_a_child_ends_it),
    ("dropping a spawn ends it", dropping_a_spawn_ends_it),
    ("processes that say nothing", processes_that_say_nothing),
    ("programs that are no spawner", programs_that_are_no_spawner),
    ("a killed spawner is replaced", a_killed_spawner_is_replaced),
    ("kill of the spawner against spawn", kill_of_the_spawner_against_spawn),
    ("the places are bounded and come back", the_places_come_back),
    ("children die with the gateway", children_die_with_the_gateway),
    ("a key at the gateway's terminal reaches no child", no_key_reaches_a_child),
    ("children do not die with the thread that asked", children_outlive_the_asking_thread),
];

pub(crate) async fn jailed(roster: &Roster, owner: &str) -> Child {
    roster.spawn(owner, "jailed", &tight()).await.unwrap()
}

async fn set_to(child: &mut Child, attempt: &str) {
    child.send(&Ask { attempt: attempt.into(), args: vec![] }).await.unwrap();
}

/// Every process that this one is the parent of and has not yet reaped, the roster's spawner apart.
pub(crate) fn offspring(roster: &Roster) -> BTreeSet<u32> {
    let spawner = roster.spawner();
    let own = std::process::id().to_string();
    let parent = |stat: &str| stat.rsplit(") ").next()?.split(' ').nth(1).map(str::to_owned);
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().parse().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            parent(&stat).is_some_and(|parent| parent == own) && Some(*pid) != spawner
        })
        .collect()
}

/// Those of [`offspring`] that were not made ahead.
pub(crate) fn in_use(roster: &Roster) -> BTreeSet<u32> {
    let waits = |pid: &u32| {
        let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
        score.trim() == SPARE_OOM_SCORE.to_string()
    };
    offspring(roster).into_iter().filter(|pid| !waits(pid)).collect()
}

fn kill_ends_busy_and_sleeping_processes() {
    run(async {
        let roster = roster();
        let mut children = Vec::new();
        for task in ["spin", "spin", "sleep", "sleep"] {
            let mut child = jailed(&roster, "a").await;
            set_to(&mut child, task).await;
            children.push(child);
        }
        let killed = roster.kill("a");
        assert_eq!((killed.processes, killed.left), (4, 0));
        assert_eq!(offspring(&roster), BTreeSet::new());
        for mut child in children {
            assert!(matches!(child.recv::<Ask>().await, Ok(None) | Err(_)));
        }
        assert_eq!((roster.kill("a").processes, roster.count("a")), (0, 0));
    });
}

fn a_kill_touches_no_other_owner() {
    run(async {
        let roster = roster();
        let (one, mut other) = (jailed(&roster, "a").await, jailed(&roster, "b").await);
        assert_eq!(roster.kill("a").processes, 1);
        assert!(!runs(one.pid()));
        assert!(crate::stage::ask(&mut other, "time-and-chance", &[]).await.is_ok());
        assert_eq!(roster.kill_all().iter().map(|(_, killed)| killed.processes).sum::<u32>(), 1);
    });
}

/// The mount namespaces, other than its own, that this process has a descriptor of.
fn worlds() -> BTreeSet<String> {
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|to| to.to_string_lossy().into_owned())
        .filter(|to| to.starts_with("mnt:"))
        .collect()
}

/// The gateway holds the mount namespace of each process, which no jail inherits, and lets it go in the end.
fn nothing_is_kept_of_one_that_is_gone() {
    let roster = roster();
    run(async {
        let (one, mut other) = (jailed(&roster, "a").await, jailed(&roster, "b").await);
        let world =
            |pid| fs::read_link(format!("/proc/{pid}/ns/mnt")).unwrap().to_string_lossy().into_owned();
        let held = BTreeSet::from([world(one.pid()), world(other.pid())]);
        assert!(held.is_subset(&worlds()), "{held:?}");
        assert!(crate::stage::ask(&mut other, "time-and-chance", &[]).await.is_ok());
        let open = fs::read_dir(format!("/proc/{}/fd", other.pid())).unwrap();
        let open: Vec<_> = open.map(|entry| fs::read_link(entry.unwrap().path()).unwrap()).collect();
        assert!(!open.iter().any(|to| to.to_string_lossy().starts_with("mnt:")), "{open:?}");
        drop(one);
        assert_eq!(roster.kill("b").processes, 1);
        until("its namespace is gone", || worlds().is_disjoint(&held));
    });
    assert!(!roster.stop().is_empty());
    until("all are gone", || worlds().is_empty());
}

fn a_killed_owner_gets_nothing() {
    run(async {
        let roster = roster();
        assert_eq!(roster.kill("a").processes, 0);
        let refused = roster.spawn("a", "jailed", &tight()).await;
        assert!(matches!(refused, Err(SpawnError::Closed { owner }) if owner == "a"));
        roster.open("a");
        drop(jailed(&roster, "a").await);
        roster.close("a");
        assert!(roster.spawn("a", "jailed", &tight()).await.is_err());
    });
}

/// Processes are started as fast as they can be while they are killed again and again. After each kill,
/// before anything is opened again, not one may be left.
fn kill_against_spawn() {
    const KILLS: u32 = 300;
    const STARTERS: usize = 3;
    let roster = roster();
    until("the spawner is there", || roster.spawner().is_some());
    until("earlier checks have left nothing", || offspring(&roster).is_empty());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..STARTERS {
            let (roster, over) = (roster.clone(), &over);
            scope.spawn(move || {
                run(async {
                    while !over.load(Ordering::SeqCst) {
                        match roster.spawn("a", "jailed", &tight()).await {
                            Ok(child) => drop(child),
                            Err(SpawnError::Closed { .. }) => tokio::task::yield_now().await,
                            Err(other) => panic!("{other}"),
                        }
                    }
                });
            });
        }
        let mut ended = 0;
        for round in 0..KILLS {
            // Another moment in the life of a spawn each time.
            std::thread::sleep(Duration::from_micros(u64::from(round) * 37 % 5_000));
            let killed = roster.kill("a");
            let left = offspring(&roster);
            assert_eq!((killed.left, roster.count("a"), left), (0, 0, BTreeSet::new()), "round {round}");
            ended += killed.processes;
            roster.open("a");
        }
        over.store(true, Ordering::SeqCst);
        assert!(ended > 0, "no kill met a process");
    });
    // Some met a start on its way, and hurried whoever does that.
    let spawner = fs::read_to_string(format!("/proc/{}/stat", roster.spawner().unwrap())).unwrap();
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let threads =
        threads.map(|task| fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default());
    for stat in threads.chain([spawner]) {
        // Field 41 is the policy; what stands before the last bracket is fields 1 and 2.
        assert!(matches!(stat.rsplit(") ").next().unwrap().split(' ').nth(38), None | Some("0")), "{stat}");
    }
}

fn stop_is_for_good() {
    run(async {
        let roster = roster();
        let (one, other) = (jailed(&roster, "a").await, jailed(&roster, "b").await);
        let stopped = roster.stop();
        assert_eq!(stopped.iter().map(|(_, killed)| killed.processes).sum::<u32>(), 2);
        assert!(!runs(one.pid()) && !runs(other.pid()));
        roster.open("a");
        for owner in ["a", "b", "new"] {
            let refused = roster.spawn(owner, "jailed", &tight()).await;
            assert!(matches!(refused, Err(SpawnError::Closed { .. })), "{refused:?}");
        }
    });
}

fn dropping_a_child_ends_it() {
    run(async {
        let roster = roster();
        let mut child = jailed(&roster, "a").await;
        set_to(&mut child, "spin").await;
        drop(child);
        until("the child is gone", || roster.count("a") == 0 && in_use(&roster).is_empty());
    });
}

fn dropping_a_spawn_ends_it() {
    run(async {
        let (roster, jail) = (roster(), tight());
        let mut dropped = 0;
        for after in 0..100 {
            let spawn = Box::pin(roster.spawn("a", "jailed", &jail));
            // Another moment in the life of a spawn each time.
            let given_up = tokio::time::timeout(Duration::from_micros(after * 40), spawn).await;
            dropped += u32::from(given_up.is_err());
        }
        assert!(dropped > 0, "every process was there at once");
        until("the processes are gone", || roster.count("a") == 0 && in_use(&roster).is_empty());
    });
}

fn processes_that_say_nothing() {
    run(async {
        let roster = roster();
        // The clock now runs when nothing else can happen, and a jail takes its time.
        tokio::time::pause();
        let mut tries = 0..1_000;
        let silent = loop {
            // One whose jail stood before anybody looked at the clock says nothing about this.
            match roster.spawn("a", "jailed", &tight()).await {
                Ok(child) => drop(child),
                Err(error) => break error,
            }
            assert!(tries.next().is_some(), "every jail stood at once");
        };
        assert!(matches!(silent, SpawnError::Silent), "{silent:?}");
        until("all are gone", || roster.count("a") == 0 && in_use(&roster).is_empty());
    });
}

fn programs_that_are_no_spawner() {
    let spawned = |path: &str, args: &[&str]| {
        let args = args.iter().map(ToString::to_string).collect();
        let roster = Roster::new(&Program { path: path.into(), args }).unwrap();
        let error = run(roster.spawn("a", "jailed", &tight())).unwrap_err();
        assert!(matches!(error, SpawnError::Spawner { .. }), "{path}: {error:?}");
        until("all are gone", || roster.count("a") == 0 && in_use(&roster).is_empty());
        error.to_string()
    };
    assert!(spawned("/nonexistent/program", &[]).contains("/nonexistent/program"));
    assert!(spawned("/etc/passwd", &[]).contains("/etc/passwd"));
    spawned("/bin/true", &[]);
    spawned("/bin/cat", &[]);
    assert!(spawned("/bin/sleep", &["1000"]).contains("did not answer"));
}

fn a_killed_spawner_is_replaced() {
    run(async {
        let roster = roster();
        let mut child = jailed(&roster, "a").await;
        let first = roster.spawner().unwrap();
        end(first);
        // What it has borne lives on, is heard and can be killed.
        assert!(crate::stage::ask(&mut child, "time-and-chance", &[]).await.is_ok());
        let other = jailed(&roster, "a").await;
        assert_ne!(roster.spawner().unwrap(), first);
        assert!(runs(child.pid()) && runs(other.pid()));
        assert_eq!((roster.kill("a").processes, offspring(&roster)), (2, BTreeSet::new()));
    });
}

/// The spawner is killed over and over while it bears processes. None is left that nobody knows of.
fn kill_of_the_spawner_against_spawn() {
    let (roster, over) = (roster(), AtomicBool::new(false));
    until("the spawner is there", || roster.spawner().is_some());
    until("earlier checks have left nothing", || offspring(&roster).is_empty());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..60_u64 {
                std::thread::sleep(Duration::from_micros(round * 97 % 3_000));
                if let Some(spawner) = roster.spawner() {
                    end(spawner);
                }
            }
            over.store(true, Ordering::SeqCst);
        });
        run(async {
            while !over.load(Ordering::SeqCst) {
                match roster.spawn("a", "jailed", &tight()).await {
                    Ok(child) => drop(child),
                    Err(error) => assert!(matches!(error, SpawnError::Spawner { .. }), "{error}"),
                }
            }
        });
    });
    until("all are gone", || {
        // What a dying spawner bore is looked for after each job.
        drop(run(jailed(&roster, "a")));
        roster.count("a") <= 1 && in_use(&roster).len() <= 1
    });
}

pub(crate) fn end(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It may have ended meanwhile.
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap_or_default();
}

fn the_places_come_back() {
    run(async {
        let roster = roster();
        for _ in 0..MAX_CHILDREN + 8 {
            let refused = roster.spawn("a", "no such role", &tight()).await;
            assert!(matches!(refused, Err(SpawnError::Start { .. })), "{refused:?}");
        }
        let mut children = Vec::new();
        let refused = loop {
            match roster.spawn("a", "jailed", &tight()).await {
                Ok(child) => children.push(child),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, SpawnError::Full { limit: MAX_CHILDREN, .. }), "{refused:?}");
        assert_eq!(children.len(), MAX_CHILDREN);
        drop(children);
        until("all are gone", || roster.count("a") == 0);
        drop(jailed(&roster, "a").await);
    });
}

fn children_die_with_the_gateway() {
    let mut gateway = Command::new("/proc/self/exe").arg("gateway").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(gateway.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids: Vec<u32> = lines.take_while(|line| line != "all").map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 4);
    assert!(pids.iter().all(|pid| runs(*pid)));
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until("the children are gone", || !pids.iter().any(|pid| runs(*pid)));
}

/// A terminal signals the processes of its foreground group, and when it hangs up those of its session.
fn no_key_reaches_a_child() {
    let of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<i32> = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .skip(2)
            .take(3)
            .map(|n| n.parse().unwrap())
            .collect();
        (fields[0], fields[1], fields[2])
    };
    run(async {
        let roster = roster();
        let child = jailed(&roster, "a").await;
        let spawner = roster.spawner().unwrap();
        let alone = (spawner.cast_signed(), spawner.cast_signed(), 0);
        assert_eq!((of(spawner), of(child.pid())), (alone, alone), "group, session and terminal");
        assert_ne!(of(std::process::id()).0, alone.0);
    });
}

/// Linux ties a process to the thread that started it; the roster's thread lives as long as the roster.
fn children_outlive_the_asking_thread() {
    let roster = roster();
    let asking = roster.clone();
    let child = std::thread::spawn(move || run(async { jailed(&asking, "a").await.pid() })).join().unwrap();
    // The child was dropped with its runtime; a second one is kept while the thread that asked for it ends.
    until("the first is gone", || !runs(child));
    let asking = roster.clone();
    let kept = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let child = runtime.block_on(jailed(&asking, "a"));
        (runtime, child)
    });
    let (runtime, mut child) = kept.join().unwrap();
    let answer = runtime.block_on(crate::stage::ask(&mut child, "time-and-chance", &[]));
    assert!(answer.is_ok(), "{answer:?}");
}
