//! The real processes of a running turn, as the kernel sees them.

use std::fs;

use bulkhead_tests::procs::{self, Jailed};
use bulkhead_tests::server::Server;
use bulkhead_tests::{Home, Said, eventually};
use serde_json::json;

/// Has a worker that has read a file, and waits for its model.
const READS_THEN_THINKS: &str = "
turns:
  - calls: [{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}]
  - say: too late
    delay_ms: 600000
";

/// The descriptors that a jailed process may hold beside its socket: the standard ones.
const STANDARD: [u32; 3] = [0, 1, 2];

fn in_a_turn(look: impl FnOnce(u32, &[Jailed])) {
    let home = Home::playing(READS_THEN_THINKS);
    let gateway = home.gateway();
    let chat = home.begin(&["chat", "helper", "look it up"]);
    eventually("an agent's process and a worker run", || procs::jailed(gateway).len() == 2);
    eventually("the file was read", || {
        home.records(&["--kind", "outcome"]).iter().any(|outcome| outcome["action"]["verb"] == "file.read")
    });
    let jailed = procs::jailed(gateway);
    let roles: Vec<&str> = jailed.iter().map(|process| process.role.as_str()).collect();
    assert!(roles.contains(&"agent") && roles.contains(&"worker"), "{roles:?}");
    look(gateway, &jailed);
    home.run(&["agents", "kill", "helper"]).done();
    drop(Said::of(chat));
}

#[test]
fn agent_and_worker_are_jailed_in_every_layer() {
    in_a_turn(|gateway, jailed| {
        for process in jailed {
            let Jailed { pid, role } = process;
            for space in ["user", "mnt", "pid", "net", "ipc", "uts"] {
                let name = format!("ns/{space}");
                assert_ne!(procs::link(*pid, &name), procs::link(gateway, &name), "{role}: {space}");
            }
            let is = |name: &str| procs::status(*pid, name).unwrap();
            assert_eq!((is("NoNewPrivs").as_str(), is("Seccomp").as_str()), ("1", "2"), "{role}");
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(is(set), "0".repeat(16), "{role}: {set}");
            }
            assert_eq!(is("Threads"), "1", "{role}");
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
            assert!(environment.is_empty(), "{role}: {}", String::from_utf8_lossy(&environment));
            assert_eq!(procs::link(*pid, "cwd").to_str(), Some("/"), "{role}");
        }
        let spaces: Vec<_> = jailed.iter().map(|process| procs::link(process.pid, "ns/net")).collect();
        assert_ne!(spaces[0], spaces[1], "agent and worker share a network");
    });
}

/// What forks with other threads about may fork with their locks held.
#[test]
fn the_spawner_has_one_thread_however_much_it_has_made() {
    in_a_turn(|gateway, _| {
        let kept = procs::kept(gateway);
        let spawners: Vec<&Jailed> = kept.iter().filter(|process| process.role == "spawner").collect();
        assert_eq!(spawners.len(), 1, "{kept:?}");
        assert_eq!(procs::status(spawners[0].pid, "Threads").as_deref(), Some("1"));
    });
}

#[test]
fn a_worker_serves_one_conversation_and_is_thrown_away() {
    let speaker = Server::speaker();
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&speaker.server.settings());
    home.start();
    let gateway = home.gateway();
    let path = json!({"path": home.at("handbook/expenses.md")});
    let mut served: Vec<u32> = Vec::new();
    for number in 1..=3 {
        let chat = home.begin(&["chat", "helper", "look it up"]);
        let words = speaker.answer();
        words.call("file-reader", &path);
        words.end();
        let words = speaker.answer();
        eventually("the file was read", || {
            let outcomes = home.records(&["--kind", "outcome", "--action", "file.read"]);
            outcomes.iter().filter(|outcome| outcome["status"] == "done").count() == number
        });
        let workers = procs::jailed(gateway).into_iter().filter(|process| process.role == "worker");
        let [worker] = workers.collect::<Vec<_>>().try_into().unwrap();
        assert!(!served.contains(&worker.pid), "{worker:?} served another conversation: {served:?}");
        words.say("There it is.");
        words.end();
        Said::of(chat).done().has("There it is.");
        eventually("its worker is gone", || !procs::lives(worker.pid));
        served.push(worker.pid);
    }
}

/// What a process has for values counts against its bound, used or not: none is near it when it begins.
#[test]
fn a_jailed_process_begins_with_its_memory_before_it() {
    in_a_turn(|_, jailed| {
        for Jailed { pid, role } in jailed {
            let kib = procs::status(*pid, "VmData").unwrap();
            let used: u64 = kib.split(' ').next().unwrap().parse::<u64>().unwrap() * 1024;
            let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
            let line = limits.lines().find_map(|line| line.strip_prefix("Max data size")).unwrap();
            let bound: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
            assert!(used < bound / 2, "{role}: {used} of {bound} bytes");
        }
    });
}

#[test]
fn a_jailed_process_holds_its_socket_and_nothing_else() {
    in_a_turn(|_, jailed| {
        for Jailed { pid, role } in jailed {
            let held = procs::descriptors(*pid);
            let (standard, others): (Vec<_>, Vec<_>) =
                held.iter().partition(|(number, _)| STANDARD.contains(number));
            assert!(standard.iter().all(|(_, to)| to == "/dev/null"), "{role}: {held:?}");
            let sockets = others.iter().filter(|(_, to)| to.starts_with("socket:")).count();
            assert_eq!((sockets, others.len()), (1, 1), "{role}: {held:?}");
        }
    });
}

#[test]
fn a_jailed_process_sees_no_network_interface_that_is_up() {
    in_a_turn(|_, jailed| {
        for Jailed { pid, role } in jailed {
            let routes = fs::read_to_string(format!("/proc/{pid}/net/route")).unwrap();
            assert!(routes.lines().count() <= 1, "{role}: {routes}");
            let addresses = fs::read_to_string(format!("/proc/{pid}/net/fib_trie")).unwrap_or_default();
            assert!(!addresses.contains("LOCAL"), "{role}: {addresses}");
            let six = fs::read_to_string(format!("/proc/{pid}/net/if_inet6")).unwrap_or_default();
            assert!(six.is_empty(), "{role}: {six}");
            let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
            let traffic = interfaces.lines().skip(2).filter(|line| {
                let numbers = line.split(':').nth(1).unwrap_or_default();
                numbers.split_whitespace().any(|number| number != "0")
            });
            assert_eq!(traffic.count(), 0, "{role}: {interfaces}");
        }
    });
}
