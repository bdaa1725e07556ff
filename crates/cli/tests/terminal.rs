//! A program that is run at a terminal: it has one of its own, and the person's is left as it was.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::process::Stdio;

use common::seat::{Seat, size};
use common::{Home, eventually};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::LocalModes;

const IDLE: &str = "turns: [{say: hello, repeat: true}]";

/// A shell that can be stopped while it starts one program after the other. One that does so by `vfork`, as dash does, goes on
/// waiting for a child that was stopped just before it became its program (vfork(2)), jail or none.
const WAITS: &str = "bash -c";

#[test]
fn it_has_a_terminal_of_its_own_as_large_as_the_persons() {
    let home = Home::running(IDLE).with_coder();
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size
        while test \"$(stty size)\" = '33 111'; do sleep 0.1; done
        stty size; read line; exit 7";
    let mut seat = Seat::new(&home, &["sh", "-c", script]);
    seat.until("33 111");
    assert!(!seat.modes().local_modes.contains(LocalModes::ICANON), "keys go through one by one");
    size(&seat.keyboard.try_clone().unwrap().into(), 50, 70);
    kill_process(Pid::from_child(&seat.child), Signal::WINCH).unwrap();
    seat.until("50 70\r\n");
    seat.type_in("typed\r");
    let (code, screen) = seat.ended();
    assert_eq!(code, Some(7));
    assert!(screen.contains("50 70\r\ntyped\r\n"), "{screen:?}");
}

#[test]
fn keys_that_interrupt_are_the_programs() {
    let home = Home::running(IDLE).with_coder();
    for (key, code) in [("\x03", 130), ("\x1c", 131)] {
        let mut seat = Seat::new(&home, &["sh", "-c", "echo ready; exec sleep 600"]);
        seat.until("ready");
        seat.type_in(key);
        assert_eq!(seat.ended().0, Some(code), "{key:?}");
    }
    let mut seat = Seat::new(&home, &["sh", "-c", "echo ready; exec cat"]);
    seat.until("ready");
    seat.type_in("once\r");
    seat.until("once\r\nonce\r\n");
    seat.type_in("\x04");
    assert_eq!(seat.ended(), (Some(0), "ready\r\nonce\r\nonce\r\n".to_owned()));
}

#[test]
fn a_shell_has_job_control() {
    let home = Home::running(IDLE).with_coder();
    let mut seat = Seat::new(&home, &["bash", "--norc", "--noprofile", "-i"]);
    seat.until("bash");
    seat.type_in("sh -c 'echo beg\"\"un; exec sleep 600'\r");
    seat.until("begun");
    seat.type_in("\x1a");
    seat.until("Stopped");
    seat.type_in("fg\r");
    seat.comes("it is in the foreground again", || seat.screen().matches("exec sleep").count() == 3);
    seat.type_in("\x03");
    seat.until("^C");
    seat.type_in("exit 5\r");
    assert_eq!(seat.ended().0, Some(5));
}

#[test]
fn the_key_that_stops_a_program_stops_the_command_and_a_shell_continues_both() {
    let home = Home::running(IDLE).with_coder();
    let mut seat = Seat::shell(&home);
    seat.type_in("$B run -q coder -- sh -c 'echo rea\"\"dy; read x; echo got-$x; exit 7'; echo code-$?\r");
    seat.until("ready");
    seat.type_in("\x1a");
    seat.until("Stopped");
    // The shell has the terminal, as it was.
    seat.type_in("echo shell-$((1+1))\r");
    seat.until("shell-2");
    seat.type_in("fg; echo code-$?\r");
    seat.comes("it is in the foreground again", || seat.screen().matches("$B run -q").count() == 3);
    seat.type_in("word\r");
    seat.until("got-word");
    seat.until("code-7");
    seat.type_in("exit 0\r");
    assert_eq!(seat.ended().0, Some(0));
}

#[test]
fn a_command_between_pipes_stops_with_its_program_and_is_continued() {
    let home = Home::running(IDLE).with_coder();
    let go = home.path().join("agents/coder/workspace/go");
    let mut seat = Seat::shell(&home);
    let waits = "echo rea\"\"dy; while ! test -e go; do sleep 0.05; done; echo we\"\"nt";
    seat.type_in(&format!("$B run -q coder -- {WAITS} '{waits}' < /dev/null | cat\r"));
    seat.until("ready");
    seat.type_in("\x1a");
    seat.until("Stopped");
    std::fs::write(go, "").unwrap();
    seat.type_in("echo shell-$((1+1))\r");
    seat.until("shell-2");
    assert!(!seat.screen().contains("went"), "the program went on: {}", seat.screen());
    seat.type_in("fg\r");
    seat.until("went");
    seat.type_in("exit 0\r");
    assert_eq!(seat.ended().0, Some(0));
}

#[test]
fn a_program_that_takes_the_key_itself_goes_on_and_so_does_one_that_nobody_could_continue() {
    let home = Home::running(IDLE).with_coder();
    let mut seat = Seat::shell(&home);
    let takes =
        "trap \"echo ta\"ken TSTP; echo rea\"\"dy; until test \"$x\" = word; do read x; done; echo got-$x";
    seat.type_in(&format!("$B run -q coder -- sh -c '{takes}'; echo co\"\"de-$?\r"));
    seat.until("ready");
    seat.type_in("\x1a");
    seat.until("taken");
    seat.type_in("word\r");
    seat.until("got-word");
    seat.until("code-0");
    seat.type_in("exit 0\r");
    let (code, screen) = seat.ended();
    assert_eq!(code, Some(0));
    assert!(!screen.contains("Stopped"), "{screen}");

    // No shell stands above this one.
    let mut seat = Seat::new(&home, &["sh", "-c", "echo ready; read x; echo got-$x"]);
    seat.until("ready");
    seat.type_in("\x1a");
    seat.type_in("word\r");
    seat.until("got-word");
    assert_eq!(seat.ended().0, Some(0));
}

/// The command that the shell started last.
fn command_of(seat: &Seat) -> Option<Pid> {
    let shell = seat.child.id();
    let mut found = None;
    eventually("the shell has started the command", || {
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let last = children.unwrap_or_default().split_whitespace().next_back().map(str::to_owned);
        found = last.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        found.is_some()
    });
    found
}

/// By a signal that no program hears (`SIGSTOP`), and by the one of the key (`SIGTSTP`).
#[test]
fn a_command_that_is_stopped_from_elsewhere_goes_on_with_the_terminal_as_it_had_it() {
    let home = Home::running(IDLE).with_coder();
    for (signal, rows) in [(Signal::STOP, 50), (Signal::TSTP, 51)] {
        let mut seat = Seat::shell(&home);
        let script = "echo rea\"\"dy; read x; echo got-$x; stty size; exit 7";
        seat.type_in(&format!("$B run -q coder -- sh -c '{script}'; echo co\"\"de-$?\r"));
        seat.until("ready");
        assert!(seat.is_raw());
        kill_process(command_of(&seat).unwrap(), signal).unwrap();
        seat.until("Stopped");
        seat.type_in("echo shell-$((1+1))\r");
        seat.until("shell-2");
        // Nobody is there to hear of it.
        size(&seat.keyboard.try_clone().unwrap().into(), rows, 70);
        seat.type_in("fg; echo co\"\"de-$?\r");
        seat.comes("it has the terminal again", || seat.is_raw());
        seat.type_in("word\r");
        seat.until("word\r\ngot-word");
        assert_eq!(seat.screen().matches("word").count(), 2, "each key is shown once: {}", seat.screen());
        seat.until(&format!("{rows} 70"));
        seat.until("code-7");
        seat.type_in("exit 0\r");
        assert_eq!(seat.ended().0, Some(0), "{signal:?}");
    }
}

#[test]
fn what_is_stopped_is_ended_by_the_shell_and_by_a_kill_of_its_agent() {
    let home = Home::running(IDLE).with_coder();
    let mut seat = Seat::shell(&home);
    let begin = |seat: &mut Seat| {
        // The shell may have said more than once of an earlier one that it is stopped.
        let shown = |seat: &Seat| ["ready", "Stopped"].map(|word| seat.screen().matches(word).count());
        let [ready, stopped] = shown(seat);
        seat.type_in("$B run -q coder -- sh -c 'echo rea\"\"dy; exec sleep 600'\r");
        seat.comes("it is ready", || shown(seat)[0] > ready);
        seat.type_in("\x1a");
        seat.comes("it is stopped", || shown(seat)[1] > stopped);
    };
    begin(&mut seat);
    // A shell that has not heard yet that its job goes on says of it that it is stopped (128 + SIGSTOP).
    seat.type_in("kill %1; while wait %1; code=$?; [ $code = 147 ]; do :; done; echo co\"\"de-$code\r");
    seat.until("code-143");
    eventually("nothing of it runs", || home.json(&["agents", "list"])[0]["state"] != "running");
    begin(&mut seat);
    home.run(&["agents", "kill", "coder"]).done();
    seat.type_in("fg; echo co\"\"de-$?\r");
    seat.until("the agent `coder` was stopped");
    seat.until("code-3");
    seat.type_in("exit 0\r");
    assert_eq!(seat.ended().0, Some(0));
}

/// In the background it works on without the terminal, which is the shell's, and has it again in the foreground.
#[test]
fn in_the_background_it_works_on_and_leaves_the_terminal_alone() {
    let home = Home::running(IDLE).with_coder();
    let go = home.path().join("agents/coder/workspace/go");
    let mut seat = Seat::shell(&home);
    let script = "echo rea\"\"dy; until test -e go; do sleep 0.05; done; echo we\"\"nt; read x; echo got-$x";
    seat.type_in(&format!("$B run -q coder -- {WAITS} '{script}'\r"));
    seat.until("ready");
    seat.type_in("\x1a");
    seat.until("Stopped");
    seat.type_in("bg\r");
    seat.type_in("echo shell-$((1+1))\r");
    seat.until("shell-2");
    std::fs::write(go, "").unwrap();
    seat.until("went");
    seat.type_in("echo shell-$((2+1))\r");
    seat.until("shell-3");
    seat.type_in("jobs; fg\r");
    seat.comes("it has the terminal again", || seat.is_raw());
    assert!(seat.screen().contains("Running"), "{}", seat.screen());
    seat.type_in("word\r");
    seat.until("word\r\ngot-word");
    // What is typed before that is still the program's.
    seat.comes("the shell has the terminal again", || !seat.is_raw());
    // Begun there, it ends there.
    seat.type_in("$B run -q coder -- sh -c 'exit 9' & wait $!; echo co\"\"de-$?\r");
    seat.until("code-9");
    seat.type_in("exit 0\r");
    assert_eq!(seat.ended().0, Some(0));
}

#[test]
fn what_acts_on_the_persons_terminal_does_not_arrive() {
    let home = Home::running(IDLE).with_coder();
    let hostile = r"a\033]52;c;cm0gLXJmIC8=\007b\033[6nc\033P$qm\033\\d\033[21te\033[31mf\033]0;title\007";
    let (code, screen) = Seat::new(&home, &["printf", hostile]).ended();
    assert_eq!((code, screen.as_str()), (Some(0), "abcde\u{1b}[31mf\u{1b}]0;title\u{7}\u{1b}[0m"));
    // The same when only the output is a terminal.
    let mut seat = Seat::with(&home, &["printf", r"a\033]52;c;eA==\007\nb"], Some(Stdio::null()));
    assert_eq!(seat.child.wait().unwrap().code(), Some(0));
    seat.until("a\r\nb");
    assert!(!seat.screen().contains("52;"));
}

#[test]
fn the_terminal_is_put_back_whatever_ends_the_program() {
    let home = Home::running(IDLE).with_coder();
    let start = || {
        let seat =
            Seat::new(&home, &["sh", "-c", "printf '\\033[?1049h\\033[?25l'; echo ready; exec sleep 600"]);
        seat.until("ready");
        seat
    };
    let seat = start();
    kill_process(Pid::from_child(&seat.child), Signal::TERM).unwrap();
    let (code, screen) = seat.ended();
    assert_eq!(code, Some(143));
    assert!(screen.contains("\u{1b}[?1049l") && screen.contains("\u{1b}[?25h"), "{screen:?}");
    let seat = start();
    home.run(&["agents", "kill", "coder"]).done();
    let (code, screen) = seat.ended();
    assert_eq!(code, Some(3));
    assert!(screen.contains("error: the agent `coder` was stopped"), "{screen:?}");
    home.run(&["agents", "resume", "coder"]).done();
    let seat = start();
    home.run(&["gateway", "stop"]).done();
    assert_eq!(seat.ended().0, Some(3));
    home.run(&["gateway", "start"]).done();
}
