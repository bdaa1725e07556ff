//! A layer of the jail that cannot be had: nothing of an agent starts, and whoever asked is told which layer it is and
//! what to do about it.

use std::fs;
use std::process::{Command, Stdio};

use bulkhead_tests::home::bulkhead;
use bulkhead_tests::{Home, Said, procs, skipped};

const CODER: &str = "# Coder

## Identity

- Name: coder
- Role: Runs programs

## Skills

- file-reader: Read
  - paths: .
- file-writer: Write
- exec: Run
  - commands: sh
";

/// Has a worker in the middle of the turn.
const WRITES: &str = "
turns:
  - calls: [{skill: file-writer, arguments: {path: HOME/agents/coder/workspace/note, content: hello}}]
  - say: written
";

/// Starts the gateway in a user namespace in which no further one may be made, as in many containers; or says why not.
fn start_without(home: &Home) -> Result<(), String> {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" gateway start";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(bulkhead());
    command.env("BULKHEAD_HOME", home.path()).env("NO_COLOR", "1").stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let said = Said::of(child.map_err(|error| format!("`unshare` does not start: {error}"))?);
    if said.err.contains("unshare: ") {
        return Err(format!("this machine lets nobody make a user namespace: {}", said.err));
    }
    said.done();
    Ok(())
}

/// What the record says of the ends of turns and of runs.
fn ends(home: &Home) -> Vec<String> {
    let records = home.whole(&["--agent", "coder"]);
    let ends = records.iter().filter(|record| record["event"] == "turn.ended");
    ends.map(|record| record["content"].to_string()).collect()
}

#[test]
fn without_a_layer_no_turn_and_no_program_starts_and_the_layer_and_its_mend_are_said() {
    let home = Home::new();
    home.soul("coder", CODER);
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"*\"]");
    home.scene(WRITES);
    if let Err(why) = start_without(&home) {
        skipped("security::layers::without_a_layer_no_turn", &why);
        return;
    }
    let gateway = home.gateway();
    let program = ["run", "coder", "--", "sh", "-c", "echo hello >ran"];
    for command in [&["chat", "coder", "hi"][..], &program] {
        let said = home.run(command).fails(4, "the jail's layer `user-namespace` cannot be had");
        assert!(said.err.contains("`sysctl user.max_user_namespaces=16384`"), "{}", said.err);
        assert_eq!(said.out, "");
        // Nothing half-started is left behind.
        let left = procs::kept(gateway);
        assert!(left.len() == 1 && left[0].role == "spawner", "{command:?}: {left:?}");
    }
    let written = |name: &str| fs::read_to_string(home.at("agents/coder/workspace").join(name));
    assert!(written("note").is_err() && written("ran").is_err());
    let told = ends(&home);
    assert!(told.len() == 2 && told.iter().all(|end| end.contains("user-namespace")), "{told:?}");
    assert_eq!(home.records(&["--agent", "coder", "--kind", "proposal"]), [""; 0]);
    home.verifies();

    // The same home, where the layer is there.
    home.run(&["gateway", "stop"]).done();
    home.start();
    home.run(&["chat", "coder", "hi"]).done().has("written");
    home.run(&program).done();
    assert_eq!((written("note").unwrap().as_str(), written("ran").unwrap().as_str()), ("hello", "hello\n"));
    home.verifies();
}
