//! Not one packet leaves the machine by default: every connection that the gateway and its processes make is
//! watched from outside.

use std::process::Command;

use bulkhead_tests::{Home, skipped};

/// A turn that would like to look at the world.
const LOOKS_OUT: &str = "
turns:
  - calls:
      - {skill: browser, arguments: {url: \"http://192.0.2.7/collect\"}}
      - {skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}
      - {skill: message, arguments: {channel: \"slack:content-team\", text: hello}}
  - say: that is all
";

const SOUL: &str = "# Scout

## Identity

- Name: scout
- Role: Looks around
- Model: rehearsal/scene

## Skills

- browser: Look around
- file-reader: Look things up
  - paths: HOME/handbook
- message: Tell others

## Channels

- slack: content-team
";

/// The system calls that say where to, in one line each.
const WATCHED: &str = "trace=connect,sendto,sendmsg,sendmmsg,bind";

#[test]
fn nothing_leaves_the_machine_by_default() {
    if Command::new("strace").arg("--version").output().is_err() {
        skipped("security::egress::nothing_leaves_the_machine_by_default", "strace is not installed");
        return;
    }
    let home = Home::new();
    // As `init` makes it: whatever answers on this machine. What is asked for then shows that the watch sees.
    home.edit("default = \"rehearsal/scene\"", "default = \"auto\"");
    home.soul("scout", SOUL);
    home.scene(LOOKS_OUT);
    let log = home.outside().join("calls");
    let mut watched = home.start_watched(&["-e", WATCHED, "-e", "signal=none", "-o", log.to_str().unwrap()]);
    let said = home.run(&["chat", "scout", "look around"]).done();
    said.has("denied").has("not connected").has("done       file.read").has("that is all");
    assert_eq!(home.json(&["approvals", "list"]), serde_json::json!([]));
    // Where no model server runs on this machine, this is refused; where one does, it may answer.
    let auto = home.run(&["chat", "helper", "hello"]);
    assert!([0, 3, 4].contains(&auto.code), "{}", auto.err);
    home.run(&["gateway", "stop"]).done();
    watched.wait().unwrap();

    let calls = std::fs::read_to_string(&log).unwrap();
    let addressed: Vec<&str> = calls.lines().filter(|line| line.contains("sa_family=")).collect();
    assert!(
        addressed.iter().any(|line| line.contains("connect(") && line.contains("\"127.0.0.1\"")),
        "the watch saw no connection at all: {calls}"
    );
    for call in addressed {
        let stays = call.contains("AF_UNIX")
            || call.contains("inet_addr(\"127.")
            || call.contains("inet_pton(AF_INET6, \"::1\"");
        assert!(stays, "this leaves the machine: {call}");
    }
    home.verifies();
}
