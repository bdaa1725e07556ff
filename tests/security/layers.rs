//! A layer of the jail that cannot be had: nothing of an agent starts, and whoever asked is told which layer it is and
//! what to do about it.

use std::fs;
use std::process::{Command, Stdio};

use bulkhead_tests::home::bulkhead;
use bulkhead_tests::lacking::{Refused, Word, without};
use bulkhead_tests::{Home, Said, eventually_or, procs, skipped};
use serde_json::Value;

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

/// Nothing that was begun stays. A process that has said what it lacks may end a moment after that was heard.
fn nothing_half_started(gateway: u32, what: &str) {
    let left = || procs::kept(gateway);
    let none = || left().iter().all(|kept| kept.role == "spawner");
    eventually_or(&format!("{what}: nothing half-started is left;"), none, || format!("{:?}", left()));
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
        nothing_half_started(gateway, command[0]);
        assert_eq!(procs::kept(gateway).len(), 1);
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

/// A fork into a namespace is refused, as containers do: the newer call altogether, the older one by its flag.
fn space(flag: i32) -> Vec<Refused> {
    let forbidden = Refused::forbidden(libc::SYS_clone, 0, Word::Has(flag.unsigned_abs()));
    vec![Refused::unknown(libc::SYS_clone3), forbidden]
}

/// A word of `prctl` that is refused.
fn word(what: i32) -> Vec<Refused> {
    vec![Refused::forbidden(libc::SYS_prctl, 0, Word::Is(what.unsigned_abs()))]
}

/// Each layer by its name, and how it is taken away.
fn each_layer() -> Vec<(&'static str, Vec<Refused>)> {
    let unknown = |call| vec![Refused::unknown(call)];
    // Only to set one: to look at one is anybody's.
    let limits = Refused::forbidden(libc::SYS_prlimit64, 2, Word::Has(u32::MAX));
    vec![
        ("pidfd", unknown(libc::SYS_pidfd_open)),
        ("pidfd", unknown(libc::SYS_pidfd_send_signal)),
        ("descriptors", unknown(libc::SYS_close_range)),
        ("user-namespace", space(libc::CLONE_NEWUSER)),
        ("mount-namespace", space(libc::CLONE_NEWNS)),
        ("pid-namespace", space(libc::CLONE_NEWPID)),
        ("network-namespace", space(libc::CLONE_NEWNET)),
        ("ipc-namespace", space(libc::CLONE_NEWIPC)),
        ("uts-namespace", space(libc::CLONE_NEWUTS)),
        ("own-root", unknown(libc::SYS_fsopen)),
        ("own-root", unknown(libc::SYS_pivot_root)),
        ("limits", vec![limits]),
        ("capabilities", unknown(libc::SYS_capset)),
        ("parent-death", word(libc::PR_SET_PDEATHSIG)),
        ("no-new-privileges", word(libc::PR_SET_NO_NEW_PRIVS)),
        ("landlock", unknown(libc::SYS_landlock_create_ruleset)),
        ("seccomp", unknown(libc::SYS_seccomp)),
    ]
}

/// The command on a machine that refuses these calls.
fn lacking(home: &Home, refused: &[Refused], args: &[&str]) -> Said {
    let mut command = Command::new(bulkhead());
    command.args(args).env("BULKHEAD_HOME", home.path()).env("NO_COLOR", "1").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Said::of(without(&mut command, refused).spawn().unwrap())
}

/// What `doctor` finds missing of that layer: its sentence and its mend.
fn found(said: &Said, layer: &str) -> (String, String) {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let all = said.json()["findings"].as_array().unwrap().clone();
    let is = |finding: &&Value| finding["check"] == format!("layer:{layer}") && finding["state"] == "missing";
    let finding = all.iter().find(is).unwrap_or_else(|| panic!("`{layer}` is not found missing: {all:#?}"));
    assert!(all.iter().any(|finding| finding["check"] == "containment" && finding["state"] == "missing"));
    (text(finding, "message"), text(finding, "mend"))
}

/// Every layer that is demanded, and what a kill relies on: without it `doctor` names it with its mend, no agent and no program
/// starts, and whoever wants one reads the same.
#[test]
fn each_layer_that_is_taken_away_is_named_by_doctor_and_by_who_refuses_to_start() {
    let layers = each_layer();
    for name in sandbox::layer::ALL.iter().chain(&[sandbox::layer::PIDFD]) {
        assert!(layers.iter().any(|(taken, _)| taken == name), "{name} is never taken away");
    }
    let home = Home::new();
    home.soul("coder", CODER);
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"*\"]");
    home.scene("turns: [{say: hello, repeat: true}]");
    for (layer, refused) in &layers {
        let (message, mend) = found(&lacking(&home, refused, &["doctor", "--json"]).with(1), layer);
        assert!(!message.is_empty() && !mend.is_empty(), "{layer}: {message}; {mend}");
        lacking(&home, refused, &["gateway", "start"]).done();
        let gateway = home.gateway();
        let sentence = format!("the jail's layer `{layer}` cannot be had: {message}; {mend}");
        for command in [&["chat", "coder", "hi"][..], &["run", "coder", "--", "true"]] {
            let said = home.run(command).fails(4, &sentence);
            assert_eq!(said.out, "", "{layer}");
            nothing_half_started(gateway, &format!("{layer}: {}", command[0]));
        }
        home.run(&["gateway", "stop"]).done();
    }
    home.verifies();

    // The same home, where all are there.
    home.start();
    home.run(&["chat", "coder", "hi"]).done().has("hello");
    home.run(&["run", "coder", "--", "true"]).done();
}
