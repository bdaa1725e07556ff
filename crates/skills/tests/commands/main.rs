//! Commands as the gateway has them: permits from the monitor and the journal, programs in the real jail.
//!
//! This binary is also the jailed program, as in `jailed.rs`; hence no test harness.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test without the usual harness is not marked as one"
)]

#[path = "../support/mod.rs"]
mod support;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use monitor::{Bounds, Refused, Ruling};
use serde_json::{Value, json};
use support::harness::{self, run};
use support::{Home, now};
use vocab::Status;

/// How long a test waits for what must come: only a broken build takes so long.
const PATIENCE: Duration = Duration::from_secs(180);

const SHELL: &str = "- file-reader: reads\n  - paths: {home}/docs, .\n- file-writer: writes\n\
    - exec: runs\n  - commands: sh, cat, cp, sleep, setsid, nohup, head, yes, id, env, ls, touch, grep, {home}/tools/hello, {home}/tools/script\n  - time: 20 s\n";

/// Every check, by name.
const CHECKS: &[(&str, fn())] = &[
    ("a_granted_command_runs_and_its_output_comes_back", || {
        run(a_granted_command_runs_and_its_output_comes_back())
    }),
    ("arguments_arrive_one_by_one_and_no_shell_reads_them", || {
        run(arguments_arrive_one_by_one_and_no_shell_reads_them())
    }),
    ("a_command_sees_its_reach_and_nothing_else", || run(a_command_sees_its_reach_and_nothing_else())),
    ("no_other_program_is_there_to_be_started", || run(no_other_program_is_there_to_be_started())),
    ("an_end_that_is_not_well_is_told", || run(an_end_that_is_not_well_is_told())),
    ("a_flood_comes_back_as_its_beginning_and_its_end", || {
        run(a_flood_comes_back_as_its_beginning_and_its_end())
    }),
    ("what_never_ends_is_ended_and_what_it_wrote_comes_back", || {
        run(what_never_ends_is_ended_and_what_it_wrote_comes_back())
    }),
    ("what_it_left_in_the_background_ends_with_it", || run(what_it_left_in_the_background_ends_with_it())),
    ("a_kill_leaves_no_process_of_a_command", || run(a_kill_leaves_no_process_of_a_command())),
    ("a_command_that_is_given_up_leaves_no_process", || run(a_command_that_is_given_up_leaves_no_process())),
    ("a_program_that_vanished_or_was_exchanged_is_not_started", || {
        run(a_program_that_vanished_or_was_exchanged_is_not_started())
    }),
    ("a_script_needs_its_interpreter_to_be_granted", || run(a_script_needs_its_interpreter_to_be_granted())),
    ("a_greedy_command_meets_its_limits", || run(a_greedy_command_meets_its_limits())),
];

fn main() -> ExitCode {
    harness::main(CHECKS)
}

/// A home with a folder to read, a secret beside it, and two tools of its own.
fn home() -> Home {
    let home = Home::new(SHELL);
    for folder in ["docs", "tools"] {
        std::fs::create_dir(home.path().join(folder)).unwrap();
    }
    std::fs::write(home.path().join("docs/a.md"), "granted\n").unwrap();
    std::fs::write(home.path().join("secret"), "SECRET").unwrap();
    std::fs::copy(std::fs::canonicalize("/bin/echo").unwrap(), home.path().join("tools/hello")).unwrap();
    program(&home, "tools/script", "#!/bin/sh\necho from a script\n");
    home
}

fn program(home: &Home, name: &str, text: &str) {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn call(command: &str, args: &[&str]) -> Value {
    json!({ "command": command, "args": args })
}

fn sh(script: &str) -> Value {
    call("sh", &["-c", script])
}

/// The mark and the rest of a result.
fn parted(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The processes of this machine with `marker` among their arguments.
fn alive(marker: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes())
    };
    numbers.filter(has).collect()
}

/// Waits until as many processes have `marker` as are wanted, and says whether it came to that.
async fn comes_to(marker: &str, wanted: usize) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if alive(marker).len() == wanted {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn a_granted_command_runs_and_its_output_comes_back() {
    let mut home = home();
    let done =
        home.done("exec", json!({"command": "cat", "args": ["-", "/dev/null"], "stdin": "zażółć\n"})).await;
    let (mark, text) = parted(&done);
    assert!(mark.starts_with("[command cat ended well, after "), "{mark}");
    assert!(mark.ends_with("s; standard output 11 bytes, standard error 0 bytes]"), "{mark}");
    assert_eq!(text, "zażółć\n");
    let tool = home.path().join("tools/hello");
    let done = home.done("exec", call(tool.to_str().unwrap(), &["hello"])).await;
    assert_eq!(parted(&done).1, "hello\n");
    let both = home.done("exec", sh("echo out; echo err >&2; exit 3")).await;
    assert!(parted(&both).0.contains("ended with exit code 3"), "{both}");
    assert_eq!(parted(&both).1, "out\n[standard error]\nerr\n");
    let none = home.done("exec", sh("cat; printf %s \"$#\"")).await;
    assert_eq!(parted(&none).1, "0", "without stdin there is nothing to read");
    let words = home.done("exec", sh("printf 'a\\377b\\033[2J'")).await;
    assert_eq!(parted(&words).1, "a\\xffb\\u{1b}[2J", "what is no text is written out");
}

async fn arguments_arrive_one_by_one_and_no_shell_reads_them() {
    let mut home = home();
    let args = ["a b", "$(id)", "; id", "*", "-n'\"", "", "zażółć", "`id`"];
    let tool = home.path().join("tools/hello");
    let done = home.done("exec", call(tool.to_str().unwrap(), &args)).await;
    assert_eq!(parted(&done).1, format!("{}\n", args.join(" ")));
    let counted = home.done("exec", call("sh", &["-c", "echo $#", "sh", "a b", "", "c"])).await;
    assert_eq!(parted(&counted).1, "3\n");
}

async fn a_command_sees_its_reach_and_nothing_else() {
    let mut home = home();
    let (docs, secret) = (home.path().join("docs"), home.path().join("secret"));
    let shown = home.done("exec", sh(&format!("cat {0}/a.md; pwd; ls {0}", docs.display()))).await;
    assert_eq!(parted(&shown).1, format!("granted\n{}\na.md\n", home.workspace().display()));
    let made = home.done("exec", sh("echo mine > made && cat made")).await;
    assert_eq!(parted(&made).1, "mine\n");
    assert_eq!(std::fs::read_to_string(home.workspace().join("made")).unwrap(), "mine\n");
    symlink(&secret, home.workspace().join("way-out")).unwrap();
    for outside in [
        format!("cat {}", secret.display()),
        "cat way-out".to_owned(),
        format!("cat {}/../secret", docs.display()),
        format!("cat /proc/1/root{}", secret.display()),
        format!("cat /proc/self/root{}", secret.display()),
    ] {
        let said = home.done("exec", sh(&outside)).await;
        assert!(!said.contains("SECRET") && parted(&said).0.contains("exit code"), "{outside}: {said}");
    }
    for written in [
        format!("echo x > {}/new", docs.display()),
        format!("echo x > {}/a.md", docs.display()),
        "echo x > /usr/bin/new".to_owned(),
        "echo x > /etc/new".to_owned(),
    ] {
        let said = home.done("exec", sh(&written)).await;
        assert!(parted(&said).0.contains("exit code"), "{written}: {said}");
    }
    // This home lies beneath `/tmp`, and what is beside the granted folders there is the jail's own memory.
    for beside in [secret.display().to_string(), format!("{}/new", home.path().display())] {
        home.done("exec", sh(&format!("echo x > {beside}"))).await;
    }
    assert!(!home.path().join("new").exists());
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "SECRET");
    assert_eq!(std::fs::read_dir(&docs).unwrap().count(), 1);
    let variables = home.done("exec", call("env", &[])).await;
    let names: Vec<&str> =
        parted(&variables).1.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.iter().all(|name| ["PATH", "HOME", "LANG", "PWD"].contains(name)), "{names:?}");
    let devices = home.done("exec", sh("cat /proc/net/dev | grep -c : ; ls /sys 2>&1")).await;
    assert!(!devices.contains("eth"), "{devices}");
}

async fn no_other_program_is_there_to_be_started() {
    let mut home = home();
    let tried = home
        .done("exec", sh("chmod 777 made; /bin/chmod 777 made; /usr/bin/python3 -c 1; ls /usr/bin"))
        .await;
    for program in ["chmod", "python3"] {
        assert!(tried.contains(&format!("{program}: not found")), "{tried}");
    }
    let (_, listed) = tried.split_once('\n').unwrap();
    assert!(
        listed.lines().any(|line| line == "cat") && !listed.lines().any(|line| line == "chmod"),
        "{tried}"
    );
    // A program that it brings along is no granted one.
    let own = home.done("exec", sh("cp /bin/cat ./mine && ./mine /dev/null")).await;
    assert!(own.contains("Permission denied") && parted(&own).0.contains("exit code 126"), "{own}");
}

async fn an_end_that_is_not_well_is_told() {
    let mut home = home();
    let killed = home.done("exec", sh("kill -TERM $$")).await;
    assert!(parted(&killed).0.contains("was ended by signal 15, termination"), "{killed}");
    let args = json!({"command": "ls", "folder": "no/such/folder"});
    let failed = home.failed("exec", args).await;
    assert!(failed.contains("`ls` was not started") && failed.contains("no/such/folder"), "{failed}");
}

async fn a_flood_comes_back_as_its_beginning_and_its_end() {
    let mut home = home();
    let flood = home.done("exec", sh("echo first; yes | head -c 30000000; echo last; echo ERR >&2")).await;
    assert!(flood.contains("]\nfirst\ny\ny\n"), "{}", &flood.get(..200).unwrap_or_default());
    assert!(flood.contains("bytes cut out here]") && flood.ends_with("y\nlast\n[standard error]\nERR\n"));
    assert!(flood.len() < 64 * 1024, "{}", flood.len());
}

async fn what_never_ends_is_ended_and_what_it_wrote_comes_back() {
    // On a machine that stands still for some seconds it does begin, too.
    let mut home = Home::new(&SHELL.replace("time: 20 s", "time: 10 s"));
    let begun = Instant::now();
    let ended = home
        .done("exec", sh("echo begun; sleep 3330001 & trap '' TERM INT HUP; while :; do sleep 3330001; done"))
        .await;
    assert!(parted(&ended).0.contains("was ended: its 10 s were up"), "{ended}");
    assert_eq!(parted(&ended).1, "begun\n");
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(alive("3330001"), Vec::<u32>::new());
    let mut home = Home::new(&SHELL.replace("time: 20 s", "time: 1 s"));
    let closed = home.done("exec", sh("exec 1>&- 2>&- 0<&-; sleep 3330002")).await;
    assert!(parted(&closed).0.contains("its 1 s were up"), "closed pipes are no end: {closed}");
    assert_eq!(alive("3330002"), Vec::<u32>::new());
}

async fn what_it_left_in_the_background_ends_with_it() {
    let mut home = home();
    for (marker, script) in [
        ("3330011", "sleep 3330011 & echo left"),
        ("3330012", "setsid sleep 3330012 & echo left"),
        (
            "3330013",
            "(setsid sh -c 'sleep 3330013 & sleep 3330013' </dev/null >/dev/null 2>&1 &) & echo left",
        ),
        ("3330014", "nohup sleep 3330014 >/dev/null 2>&1 & echo left"),
    ] {
        let done = home.done("exec", sh(&format!("{script}; sleep 0.3"))).await;
        assert_eq!(parted(&done).1, "left\n", "{script}");
        assert_eq!(alive(marker), Vec::<u32>::new(), "{script}");
    }
}

async fn a_kill_leaves_no_process_of_a_command() {
    let mut home = home();
    let script = "setsid sh -c 'sleep 3330021 & sleep 3330021' & sleep 3330021";
    let permit = home.permit("exec", &sh(script)).await;
    let roster = home.roster.clone();
    let killer = tokio::spawn(async move {
        assert!(comes_to("3330021", 3).await, "all of it runs: {:?}", alive("3330021"));
        let killed = roster.kill("echo");
        (killed, alive("3330021"))
    });
    let outcome = home.skills.perform(permit, &mut home.bench, now()).await.unwrap();
    let (killed, left) = killer.await.unwrap();
    assert_eq!((killed.left, left), (0, Vec::new()), "the kill itself waits until all are gone");
    assert!(killed.processes >= 1);
    assert_eq!(outcome.status, Status::Failed, "{outcome:?}");
    let permit = home.permit("exec", &sh("sleep 3330021")).await;
    home.gate().close();
    let refused = home.skills.perform(permit, &mut home.bench, now()).await.unwrap_err();
    assert_eq!(refused, Refused::Stopped);
    home.gate().open();
    let again = home.call("exec", sh("sleep 3330021")).await;
    assert_eq!((again.status, alive("3330021").len()), (Status::Failed, 0), "no new one for a stopped owner");
}

async fn a_command_that_is_given_up_leaves_no_process() {
    let mut home = home();
    let permit = home.permit("exec", &sh("setsid sleep 3330031 & sleep 3330031")).await;
    tokio::select! {
        outcome = home.skills.perform(permit, &mut home.bench, now()) => panic!("{outcome:?}"),
        runs = comes_to("3330031", 2) => assert!(runs),
    }
    assert!(comes_to("3330031", 0).await, "{:?}", alive("3330031"));
}

async fn a_program_that_vanished_or_was_exchanged_is_not_started() {
    let mut home = home();
    let tool = home.path().join("tools/hello");
    let hello = call(tool.to_str().unwrap(), &["hello"]);
    let permit = home.permit("exec", &hello).await;
    std::fs::rename(&tool, home.path().join("tools/away")).unwrap();
    let outcome = home.skills.perform(permit, &mut home.bench, now()).await.unwrap();
    assert_eq!(outcome.status, Status::Failed);
    assert!(format!("{outcome:?}").contains("is no longer what was judged"), "{outcome:?}");
    // Not there when it is judged: denied, and nothing is tried.
    assert!(matches!(home.ruling("exec", &hello).await, Ruling::Deny(_)));
    // A link that leads elsewhere since.
    symlink("away", &tool).unwrap();
    let permit = home.permit("exec", &hello).await;
    let Bounds::Command(judged) = permit.bounds() else { panic!("a command has bounds") };
    assert_eq!(judged.file, home.path().join("tools/away"));
    std::fs::remove_file(&tool).unwrap();
    symlink(std::fs::canonicalize("/bin/sh").unwrap(), &tool).unwrap();
    let outcome = home.skills.perform(permit, &mut home.bench, now()).await.unwrap();
    assert!(format!("{outcome:?}").contains("it leads to `/"), "{outcome:?}");
}

async fn a_script_needs_its_interpreter_to_be_granted() {
    let mut home = home();
    let script = home.path().join("tools/script");
    let done = home.done("exec", call(script.to_str().unwrap(), &[])).await;
    assert_eq!(parted(&done).1, "from a script\n");
    program(&home, "tools/script", "#!/usr/bin/perl\nprint 1;\n");
    let failed = home.failed("exec", call(script.to_str().unwrap(), &[])).await;
    assert!(
        failed.contains("a script that `/usr/bin/perl` runs") && failed.contains("grant it too"),
        "{failed}"
    );
}

async fn a_greedy_command_meets_its_limits() {
    let mut home = Home::new(&SHELL.replace("time: 20 s", "time: 300 s\n  - cpu: 1\n  - memory: 64 MiB"));
    let busy = home.done("exec", sh("while :; do :; done")).await;
    assert!(
        parted(&busy).0.contains("was ended by signal") && busy.contains("1 s of processor time"),
        "{busy}"
    );
    let large = home.done("exec", sh("x=$(yes | head -c 200000000); echo ${#x}")).await;
    assert!(!parted(&large).1.contains("200000000"), "{}", parted(&large).0);
    let forked = home
        .done("exec", sh("i=0; while [ $i -lt 500 ]; do sleep 3330041 & i=$((i+1)); done; echo all"))
        .await;
    assert!(!parted(&forked).1.starts_with("all\n"), "{forked}");
    assert_eq!(alive("3330041"), Vec::<u32>::new());
}
