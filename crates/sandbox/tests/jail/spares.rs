//! Processes made ahead: used once, by whom they are for, and gone with their owner.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use bulkhead_sandbox::{Jail, MAX_SPARES, Roster};

use crate::Check;
use crate::kill::{end, in_use, jailed, offspring};
use crate::stage::{Folders, PATIENCE, ask, roster, run, tight, until};

pub(crate) const CHECKS: &[Check] = &[
    ("a spare is used once", a_spare_is_used_once),
    ("a spare is for its owner, its role and its jail", a_spare_is_for_its_own),
    ("a folder that was replaced is another jail", a_replaced_folder_is_another_jail),
    ("a kill ends the spares", a_kill_ends_the_spares),
    ("a dead spare is not handed out", a_dead_spare_is_not_handed_out),
    ("the spares are bounded", the_spares_are_bounded),
    ("a spare outlives the runtime that it was made on", a_spare_outlives_its_runtime),
];

/// The processes that wait.
fn waiting(roster: &Roster) -> BTreeSet<u32> {
    let all = offspring(roster);
    all.difference(&in_use(roster)).copied().collect()
}

/// Whether a process that waits is on the shelf: as it is put there, how willingly the kernel ends it is opened and kept open.
fn shelved(pid: u32) -> bool {
    let score = PathBuf::from(format!("/proc/{pid}/oom_score_adj"));
    let held =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    // The filter is the last layer that a process lays. Before it does, its score is opened for a moment.
    let filtered =
        || fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default().contains("Seccomp:\t2");
    filtered() && held.into_iter().any(|file| file == score)
}

/// Waits for the one process that is made ahead.
async fn spare(roster: &Roster, before: &BTreeSet<u32>) -> u32 {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let new: Vec<u32> = waiting(roster).difference(before).copied().filter(|pid| shelved(*pid)).collect();
        if let [one] = new[..] {
            return one;
        }
    }
    panic!("no process was made ahead");
}

fn a_spare_is_used_once() {
    run(async {
        let roster = roster();
        let first = jailed(&roster, "a").await;
        let ahead = spare(&roster, &BTreeSet::new()).await;
        let mut second = jailed(&roster, "a").await;
        assert_eq!(second.pid(), ahead);
        assert_eq!(in_use(&roster), [first.pid(), ahead].into());
        assert_eq!(second.layers(), first.layers());
        assert!(ask(&mut second, "time-and-chance", &[]).await.is_ok());
        drop(second);
        let next = spare(&roster, &[ahead].into()).await;
        let third = jailed(&roster, "a").await;
        assert_eq!(third.pid(), next);
        assert!(![first.pid(), ahead].contains(&next));
        until("what was dropped is buried", || roster.count("a") == in_use(&roster).len());
    });
}

fn a_spare_is_for_its_own() {
    run(async {
        let roster = roster();
        let _first = jailed(&roster, "a").await;
        let ahead = spare(&roster, &BTreeSet::new()).await;
        assert_ne!(jailed(&roster, "b").await.pid(), ahead);
        assert_ne!(roster.spawn("a", "hostile", &tight()).await.unwrap().pid(), ahead);
        let other = Jail { open_files: 17, ..tight() };
        assert_ne!(roster.spawn("a", "jailed", &other).await.unwrap().pid(), ahead);
        assert_eq!(jailed(&roster, "a").await.pid(), ahead);
    });
}

fn a_replaced_folder_is_another_jail() {
    let folders = Folders::new();
    run(async {
        let (roster, jail) = (roster(), folders.jail());
        let _first = roster.spawn("a", "jailed", &jail).await.unwrap();
        let ahead = spare(&roster, &BTreeSet::new()).await;
        fs::rename(folders.path("granted"), folders.path("away")).unwrap();
        fs::create_dir(folders.path("granted")).unwrap();
        fs::write(folders.path("granted/file"), "other").unwrap();
        let mut second = roster.spawn("a", "jailed", &jail).await.unwrap();
        assert_ne!(second.pid(), ahead);
        let read = ask(&mut second, "read", &[folders.path("granted/file").to_string_lossy().into()]).await;
        assert_eq!(read.as_deref(), Ok("other"));
    });
}

fn a_kill_ends_the_spares() {
    run(async {
        let roster = roster();
        let _first = jailed(&roster, "a").await;
        let ahead = spare(&roster, &BTreeSet::new()).await;
        let other = jailed(&roster, "b").await;
        let kept = spare(&roster, &[ahead].into()).await;
        let killed = roster.kill("a");
        assert_eq!((killed.processes, killed.left), (1, 0));
        assert_eq!(offspring(&roster), [other.pid(), kept].into());
        roster.open("a");
        assert_ne!(jailed(&roster, "a").await.pid(), ahead);
        assert!(roster.stop().iter().all(|(_, killed)| killed.left == 0));
        assert_eq!((offspring(&roster), roster.spawner()), (BTreeSet::new(), None));
    });
}

fn a_dead_spare_is_not_handed_out() {
    run(async {
        let roster = roster();
        let _first = jailed(&roster, "a").await;
        let ahead = spare(&roster, &BTreeSet::new()).await;
        end(ahead);
        until("the spare is dead", || !crate::stage::runs(ahead));
        let mut second = jailed(&roster, "a").await;
        assert_ne!(second.pid(), ahead);
        assert!(ask(&mut second, "time-and-chance", &[]).await.is_ok());
    });
}

fn the_spares_are_bounded() {
    run(async {
        let roster = roster();
        // One that gives way has its signal before it is gone, and one is made behind what asks for it.
        let comes = async |holds: &dyn Fn(usize) -> bool| {
            let comes = async {
                while !holds(waiting(&roster).len()) {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, comes).await.unwrap();
        };
        for number in 0..MAX_SPARES + 8 {
            drop(jailed(&roster, &format!("owner-{number}")).await);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            comes(&|count| count <= MAX_SPARES).await;
        }
        comes(&|count| (MAX_SPARES / 2..=MAX_SPARES).contains(&count)).await;
        drop(roster);
    });
}

fn a_spare_outlives_its_runtime() {
    let roster = roster();
    let ahead = run(async {
        drop(jailed(&roster, "a").await);
        spare(&roster, &BTreeSet::new()).await
    });
    run(async {
        let mut child = jailed(&roster, "a").await;
        assert_eq!(child.pid(), ahead);
        assert!(ask(&mut child, "time-and-chance", &[]).await.is_ok());
    });
}
