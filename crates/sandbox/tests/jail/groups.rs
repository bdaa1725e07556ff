//! Cgroups: where the gateway may have them, a group for each owner; where it may not, nothing is refused.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulkhead_sandbox::{Jail, Layer, System, layer, probe};

use crate::kill::jailed;
use crate::stage::{roster, run, runs, spawner, until};
use crate::{Check, NOBODY, guest};

pub(crate) const CHECKS: &[Check] = &[
    ("cgroup: a leaf while it lives and none after", a_leaf_while_it_lives),
    ("cgroup: an owner ends as one", an_owner_ends_as_one),
    ("cgroup: a guest has a leaf of its own", a_guest_has_a_leaf_of_its_own),
    ("cgroup: a guest's memory is bounded as a whole", a_guests_memory_is_bounded_as_a_whole),
    ("cgroup: a guest's processes are bounded as a whole", a_guests_processes_are_bounded_as_a_whole),
    ("cgroup: without one all goes on", without_one_all_goes_on),
    ("cgroup: an ordinary user to whom one is delegated", delegated_to_an_ordinary_user),
    ("cgroup: what a dead gateway left is removed", what_a_dead_gateway_left),
    ("cgroup: one that is full says so", a_full_one_says_so),
];

fn reported() -> Layer {
    run(probe(&spawner())).unwrap().into_iter().find(|found| found.name == layer::CGROUP).unwrap()
}

/// Whether there are groups here. Says so if there are none.
fn had(what: &str) -> bool {
    let found = reported();
    if !found.present {
        println!("SKIPPED: cgroup: {what}, because this user has none: {}", found.why);
    }
    found.present
}

/// The group of a process, as a folder.
fn of(pid: u32) -> PathBuf {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    roots.iter().find(|root| root.join("cgroup.procs").exists()).unwrap().join(own)
}

fn a_leaf_while_it_lives() {
    if !had("a leaf while it lives and none after") {
        return;
    }
    let roster = roster();
    let folder = run(async {
        let (one, other) = (jailed(&roster, "a/../b").await, jailed(&roster, "c").await);
        let (leaf, others) = (of(one.pid()), of(other.pid()));
        let group = leaf.parent().unwrap();
        let ours = format!("bulkhead-{}", std::process::id());
        assert!(leaf.ends_with("roles") && group.parent().unwrap().to_string_lossy().contains(&ours));
        assert!(group.file_name().unwrap().to_string_lossy().starts_with("a____b-"), "{}", leaf.display());
        assert_ne!(group, others.parent().unwrap());
        let members = fs::read_to_string(leaf.join("cgroup.procs")).unwrap();
        assert!(members.lines().any(|line| line == one.pid().to_string()));
        assert_eq!(roster.kill("a/../b").processes, 1);
        until("the group is gone", || !group.exists());
        assert!(runs(other.pid()));
        group.parent().unwrap().to_owned()
    });
    drop(roster.stop());
    drop(roster);
    until("the gateway's group is gone", || !folder.exists());
}

/// A process that the roster does not know of ends too: by the group, since nothing else could.
fn an_owner_ends_as_one() {
    if !had("an owner ends as one") {
        return;
    }
    let mut unknown = Command::new("sleep").arg("1000").spawn().unwrap();
    let roster = roster();
    run(async {
        let child = jailed(&roster, "a").await;
        fs::write(of(child.pid()).join("cgroup.procs"), unknown.id().to_string()).unwrap();
        assert_eq!(roster.kill("b").processes, 0);
        assert!(runs(unknown.id()));
        assert_eq!(roster.kill("a").processes, 1);
        until("it has ended", || !runs(unknown.id()));
    });
    unknown.wait().unwrap();
}

fn a_guest_has_a_leaf_of_its_own() {
    if !had("a guest has a leaf of its own") {
        return;
    }
    let roster = roster();
    run(async {
        let jail = Jail { system: Some(guest::system()), ..Jail::default() };
        let mut leaves = Vec::new();
        let mut guests = Vec::new();
        for _ in 0..2 {
            let command = guest::command(&["sh", "-c", "sleep 1000 & sleep 1000"], "/".as_ref());
            let guest = roster.launch("a", &jail, command).await.unwrap();
            leaves.push(of(guest.pid()));
            guests.push(guest);
        }
        assert_ne!(leaves[0], leaves[1]);
        assert_eq!(leaves[0].parent(), leaves[1].parent());
        let members = || fs::read_to_string(leaves[0].join("cgroup.procs")).unwrap().lines().count();
        until("all of it is in its leaf", || members() == 4);
        drop(guests);
        until("the leaves are gone", || !leaves.iter().any(|leaf| leaf.exists()));
    });
}

/// Whether guests are bounded by a controller here. Says so if they are not.
fn controlled(what: &str, controller: &str) -> bool {
    let found = reported();
    let bounded = found.present && found.why.contains(controller);
    if !bounded {
        println!("SKIPPED: cgroup: {what}, because there is no {controller} controller: {}", found.why);
    }
    bounded
}

/// A number that a file of a group has: all that it says, or what stands after a word.
fn number(leaf: &Path, file: &str, word: &str) -> Option<u64> {
    let text = fs::read_to_string(leaf.join(file)).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}

/// Four that each have less than a process may, and together more than the guest may. What is too much is not put aside to
/// disk either, where nothing would bound it.
fn a_guests_memory_is_bounded_as_a_whole() {
    if !controlled("a guest's memory is bounded as a whole", "memory") {
        return;
    }
    const MEMORY: u64 = 96 << 20;
    const SCRATCH: u64 = 16 << 20;
    let roster = roster();
    run(async {
        let system = System { tmp_bytes: SCRATCH, ..guest::system() };
        let jail = Jail { memory_bytes: MEMORY, system: Some(system), ..Jail::default() };
        let line = "for i in 1 2 3 4; do (head -c 60000000 /dev/zero; exec sleep 1000) | tail -c 60000000 & done; wait";
        let guest =
            roster.launch("a", &jail, guest::command(&["sh", "-c", line], "/".as_ref())).await.unwrap();
        let leaf = of(guest.pid());
        assert_eq!(number(&leaf, "memory.max", ""), Some(MEMORY + SCRATCH));
        // A kernel without swap has no such file.
        let swap = leaf.join("memory.swap.max");
        assert!(!swap.exists() || number(&leaf, "memory.swap.max", "") == Some(0));
        until("one of them is ended over it", || {
            // Where it is the first of them, all are.
            number(&leaf, "memory.events", "oom_kill ").is_none_or(|ended| ended > 0)
        });
        assert_eq!(roster.kill("a").left, 0);
    });
}

/// Root's too, whose processes no limit of a process counts.
fn a_guests_processes_are_bounded_as_a_whole() {
    if !controlled("a guest's processes are bounded as a whole", "pids") {
        return;
    }
    const PROCESSES: u32 = 16;
    let roster = roster();
    run(async {
        let system = System { processes: PROCESSES, ..guest::system() };
        let jail = Jail { system: Some(system), ..Jail::default() };
        let bomb = "f() { sleep 1000 & f & f; }; while :; do f 2>/dev/null; done";
        let guest =
            roster.launch("a", &jail, guest::command(&["bash", "-c", bomb], "/".as_ref())).await.unwrap();
        let leaf = of(guest.pid());
        let most = u64::from(PROCESSES) + 1;
        assert_eq!(number(&leaf, "pids.max", ""), Some(most));
        // An ordinary user's are kept from it by their own limit, which is the same.
        if rustix::process::getuid().is_root() {
            until("it is at its bound", || number(&leaf, "pids.events", "max ").is_some_and(|met| met > 0));
        }
        let members = fs::read_to_string(leaf.join("cgroup.procs")).unwrap().lines().count();
        assert!(u64::try_from(members).unwrap() <= most, "{members} processes");
        assert_eq!(roster.kill("a").left, 0);
    });
}

fn without_one_all_goes_on() {
    let found = reported();
    if found.present {
        println!("SKIPPED: cgroup: without one all goes on, because this user has one: {}", found.why);
        return;
    }
    assert!(!found.why.is_empty() && found.mend.starts_with("optional"), "{found:?}");
    let roster = roster();
    run(async {
        let child = jailed(&roster, "a").await;
        let lies = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert_eq!(lies(child.pid()), lies(std::process::id()));
        assert_eq!(roster.kill("a").processes, 1);
    });
}

/// Goes into `group` and becomes, as an ordinary user, a gateway.
pub(crate) fn delegated(group: &str, binary: &str) {
    fs::write(Path::new(group).join("cgroup.procs"), "0").unwrap();
    panic!("{}", Command::new(binary).arg("gateway").current_dir("/").uid(NOBODY).gid(NOBODY).exec());
}

/// A gateway of another process, and its children's numbers, its spawner's last.
fn gateway(command: &mut Command) -> (Child, Vec<u32>) {
    let mut gateway = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(gateway.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids: Vec<u32> = lines.take_while(|line| line != "all").map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 4);
    (gateway, pids)
}

fn delegated_to_an_ordinary_user() {
    if !rustix::process::getuid().is_root() || !had("an ordinary user to whom one is delegated") {
        return println!("SKIPPED: cgroup: an ordinary user to whom one is delegated, which needs root");
    }
    let group = of(std::process::id()).join(format!("test-{}", std::process::id()));
    fs::create_dir(&group).unwrap();
    for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
        chown(group.join(file), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let copy = folder.path().join("jail");
    fs::copy("/proc/self/exe", &copy).unwrap();
    let mut command = Command::new("/proc/self/exe");
    let (mut gateway, pids) = gateway(command.arg("delegated").arg(&group).arg(&copy));
    let leaf = of(pids[0]);
    let grouped = leaf.starts_with(&group) && leaf.ends_with("roles");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until("all have ended", || !pids.iter().any(|pid| runs(*pid)));
    let (ours, owner) = (leaf.ancestors().nth(2).unwrap(), leaf.parent().unwrap());
    for folder in [&leaf, owner, ours, &group] {
        until("its group is empty", || fs::remove_dir(folder).is_ok());
    }
    assert!(grouped, "{}", leaf.display());
}

fn what_a_dead_gateway_left() {
    if !had("what a dead gateway left is removed") {
        return;
    }
    let start = || gateway(Command::new("/proc/self/exe").arg("gateway"));
    let (mut first, pids) = start();
    let left = of(pids[0]);
    // That gateway shares a group with this process, which may have controllers: its own have none, and are there.
    assert!(left.ends_with("roles"), "{}", left.display());
    let left = left.ancestors().nth(2).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    until("all have ended", || !pids.iter().any(|pid| runs(*pid)));
    assert!(left.exists());
    // What was made ahead is not among those that it named.
    until("nothing lives there", || number(left, "cgroup.events", "populated ") == Some(0));
    let (mut second, pids) = start();
    assert!(!left.exists());
    let leaf = of(pids[0]);
    second.kill().unwrap();
    second.wait().unwrap();
    for folder in leaf.ancestors().take(3) {
        until("its group is empty", || fs::remove_dir(folder).is_ok());
    }
}

fn a_full_one_says_so() {
    if !controlled("one that is full says so", "pids") {
        return;
    }
    let roster = roster();
    run(async {
        let child = jailed(&roster, "a").await;
        let group = of(child.pid()).parent().unwrap().to_owned();
        fs::write(group.join("pids.max"), "1").unwrap();
        let refused = roster.spawn("a", "jailed", &Jail::default()).await.unwrap_err().to_string();
        assert!(refused.contains("its cgroup"), "{refused}");
        // The same for a program of somebody else's; with room again it starts, and nothing of the first is left.
        let jail = Jail { system: Some(guest::system()), ..Jail::default() };
        let launch = || roster.launch("a", &jail, guest::command(&["true"], "/".as_ref()));
        let refused = launch().await.unwrap_err().to_string();
        assert!(refused.contains("its cgroup") && !refused.contains('\n'), "{refused}");
        assert_eq!(roster.count("a"), 1);
        fs::write(group.join("pids.max"), "max").unwrap();
        let mut guest = launch().await.unwrap();
        assert_eq!(guest::wait(&mut guest).await, bulkhead_sandbox::Exit::Code(0));
    });
}
