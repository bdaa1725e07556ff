//! A machine that has not enough: of user namespaces, of processes, of memory. One sentence, and nothing left.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bulkhead_sandbox::{Exit, Jail, Roster, SpawnError, layer};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::kill::{in_use, jailed, offspring};
use crate::stage::{PATIENCE, roster, run, tight, until};
use crate::{Check, guest};

pub(crate) const CHECKS: &[Check] = &[
    ("wanting: no user namespace is allowed", no_user_namespace_is_allowed),
    ("wanting: out of processes", out_of_processes),
    ("wanting: out of memory", out_of_memory),
    ("wanting: out of memory for a program", out_of_memory_for_a_program),
    (
        "wanting: a helper is killed while a program is prepared",
        a_helper_is_killed_while_a_program_is_prepared,
    ),
];

/// How much more memory than it has the spawner may take, in turns: from none to more than enough.
const MORE_BYTES: [u64; 8] = [0, 1 << 12, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 30];

/// How much memory a process and the program that it becomes may take: from too little for any to enough.
const MOST_BYTES: [u64; 4] = [1 << 12, 1 << 18, 1 << 20, 1 << 32];

/// Says what a start and a launch come to.
pub(crate) fn without_user_namespaces(guest: bool) {
    let roster = roster();
    let refused = run(async {
        if guest {
            let jail = Jail { system: Some(guest::system()), reduced: true, ..Jail::default() };
            roster.launch("a", &jail, guest::command(&["true"], "/".as_ref())).await.map(drop)
        } else {
            roster.spawn("a", "jailed", &Jail::default()).await.map(drop)
        }
    });
    match refused.unwrap_err() {
        SpawnError::Refused { layer, why, mend } => println!("{layer}: {why}; {mend}"),
        other => println!("wrong: {other}"),
    }
    nothing_left(&roster);
}

fn nothing_left(roster: &Roster) {
    until("nothing is left", || roster.count("a") == 0 && offspring(roster).is_empty());
}

/// Nothing of what failed is left once there is enough again, and nothing that was made ahead meanwhile: that has the limits of its
/// time, and would be taken for the next that is to succeed.
async fn nothing_stays(roster: &Roster) {
    let since = Instant::now();
    while roster.count("a") != 0 || !in_use(roster).is_empty() {
        assert!(since.elapsed() < PATIENCE, "these are left: {:?}", in_use(roster));
        // What a dying spawner bore is looked for after each job.
        begun(roster, "another", true, &Jail::default()).await.unwrap();
        until("that job is over", || roster.count("another") == 0);
    }
    assert_eq!(roster.kill("a").left, 0);
    roster.open("a");
}

/// In a user namespace whose own limit is none: the kernel itself refuses.
fn no_user_namespace_is_allowed() {
    for guest in [None, Some("guest")] {
        let line = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" wanting \"$@\"";
        // Told by its path, since `/proc/self/exe` would be the shell's.
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", line]).arg(own).args(guest);
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                println!("SKIPPED: wanting: no user namespace is allowed, because of `unshare`: {error}");
                return;
            }
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let refused = format!("{}: no further namespace is allowed here; ", layer::USER_NAMESPACE);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&refused) && said.contains("sysctl"), "{said} {why}");
        assert_eq!((said.lines().count(), output.status.code()), (1, Some(0)), "{why}");
    }
}

/// Sets a soft limit of the spawner's.
fn limit(roster: &Roster, resource: Resource, most: Option<u64>) {
    until("the spawner is there", || roster.spawner().is_some());
    let spawner = Pid::from_raw(roster.spawner().unwrap().cast_signed());
    let maximum = rustix::process::getrlimit(resource).maximum;
    // It may have ended, and then the next one has the gateway's limits.
    prlimit(spawner, resource, Rlimit { current: most.or(maximum), maximum }).ok();
}

/// A role's process, or a program of somebody else's, in `jail`; it is gone again.
async fn begun(roster: &Roster, owner: &str, guest: bool, jail: &Jail) -> Result<(), SpawnError> {
    if !guest {
        return roster.spawn(owner, "jailed", jail).await.map(drop);
    }
    let jail = Jail { system: Some(guest::system()), ..jail.clone() };
    let mut guest = roster.launch(owner, &jail, guest::command(&["true"], "/".as_ref())).await?;
    assert_eq!(guest::wait(&mut guest).await, Exit::Code(0));
    Ok(())
}

/// What a guest needs to start anything.
fn roomy(guest: bool) -> Jail {
    if guest { Jail::default() } else { tight() }
}

fn out_of_processes() {
    for guest in [false, true] {
        too_few_processes(guest);
    }
}

fn too_few_processes(guest: bool) {
    if rustix::process::getuid().is_root() {
        return println!("SKIPPED: wanting: out of processes, because Linux does not count root's");
    }
    let roster = roster();
    run(async {
        drop(jailed(&roster, "first").await);
        assert_eq!(roster.kill("first").left, 0);
        limit(&roster, Resource::Nproc, Some(1));
        let refused = begun(&roster, "a", guest, &roomy(guest)).await.unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, SpawnError::Start { .. }), "{refused:?}");
        assert!(said.contains("limits on processes") && !said.contains('\n'), "{said}");
        limit(&roster, Resource::Nproc, None);
        nothing_stays(&roster).await;
        begun(&roster, "a", guest, &roomy(guest)).await.unwrap();
    });
}

/// The order alone is more than the process may take, then a part of what is needed to read it is there, then
/// all of it: and then the folder is missing.
fn out_of_memory() {
    for guest in [false, true] {
        too_little_memory(guest);
    }
}

fn too_little_memory(guest: bool) {
    let name = format!("/none/{}", "x/".repeat(1500));
    let large = Jail { read: vec![name.into(); 200], ..roomy(guest) };
    let mut ended = 0;
    for more in MORE_BYTES {
        let roster = roster();
        run(async {
            drop(jailed(&roster, "first").await);
            assert_eq!(roster.kill("first").left, 0);
            limit(&roster, Resource::As, Some(size(&roster) + more));
            let refused = begun(&roster, "a", guest, &large).await.unwrap_err();
            let said = refused.to_string();
            match refused {
                SpawnError::Ended => {
                    assert!(said.contains("memory may be short") && !said.contains('\n'), "{said}")
                }
                SpawnError::Refused { .. } => assert!(said.contains("/none/"), "{said}"),
                other => panic!("{other:?}"),
            }
            let short = said.contains("memory may be short");
            ended += usize::from(short);
            assert!(!short || more < MORE_BYTES[MORE_BYTES.len() - 1]);
            limit(&roster, Resource::As, None);
            nothing_stays(&roster).await;
            begun(&roster, "a", guest, &roomy(guest)).await.unwrap();
        });
    }
    assert!(ended > 0, "there was always enough");
}

/// What the spawner has of address space, in bytes.
fn size(roster: &Roster) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/statm", roster.spawner().unwrap())).unwrap();
    let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
    pages * u64::try_from(rustix::param::page_size()).unwrap()
}

/// The jail stands, and what is left is too little for the program that it is for: its first process cannot fork, or the kernel
/// cannot load the program.
fn out_of_memory_for_a_program() {
    let mut short = 0;
    for most in MOST_BYTES {
        let roster = roster();
        run(async {
            drop(jailed(&roster, "first").await);
            assert_eq!(roster.kill("first").left, 0);
            limit(&roster, Resource::As, Some(most));
            let jail = Jail { system: Some(guest::system()), ..Jail::default() };
            let launched = roster.launch("a", &jail, guest::command(&["true"], "/".as_ref())).await;
            let failed = match launched {
                Err(error) => {
                    let said = error.to_string();
                    assert!(matches!(error, SpawnError::Ended | SpawnError::Command { .. }), "{error:?}");
                    assert!(!said.is_empty() && !said.contains('\n'), "{said}");
                    true
                }
                // The kernel ends a program that it has begun to load.
                Ok(mut guest) => guest::wait(&mut guest).await != Exit::Code(0),
            };
            short += usize::from(failed);
            limit(&roster, Resource::As, None);
            nothing_stays(&roster).await;
            begun(&roster, "a", true, &Jail::default()).await.unwrap();
        });
    }
    assert!(short > 0, "there was always enough");
}

/// The spawner, and what prepares the jail, are killed over and over while a program is launched.
fn a_helper_is_killed_while_a_program_is_prepared() {
    let (roster, over) = (roster(), AtomicBool::new(false));
    until("the spawner is there", || roster.spawner().is_some());
    until("earlier checks have left nothing", || offspring(&roster).is_empty());
    let lost = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..60_u64 {
                std::thread::sleep(Duration::from_micros(round * 397 % 9_000));
                let helpers = offspring(&roster).into_iter().chain(roster.spawner());
                // One or the other, or both.
                helpers.skip((round % 2) as usize).for_each(crate::kill::end);
            }
            over.store(true, Ordering::SeqCst);
        });
        run(async {
            while !over.load(Ordering::SeqCst) {
                let jail = Jail { system: Some(guest::system()), ..Jail::default() };
                match roster.launch("a", &jail, guest::command(&["true"], "/".as_ref())).await {
                    Ok(mut guest) => drop(guest::wait(&mut guest).await),
                    Err(error) => {
                        let said = error.to_string();
                        assert!(!said.contains('\n'), "{said}");
                        assert!(matches!(error, SpawnError::Ended | SpawnError::Spawner { .. }), "{error:?}");
                        lost.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        });
    });
    assert!(lost.into_inner() > 0, "nothing was ever killed in time");
    until("all are gone", || {
        // What a dying spawner bore is looked for after each job.
        run(begun(&roster, "a", true, &Jail::default())).unwrap();
        roster.count("a") == 0
    });
    drop(roster.stop());
    until("nothing is left", || offspring(&roster).is_empty());
}
