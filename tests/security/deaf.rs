//! A stop is heard whatever a jailed program uses up of what its user may have, and whoever else holds the gateway busy.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use bulkhead_tests::{ANSWERS, Home, Said, eventually, is_root, procs, skipped};
use serde_json::Value;

use crate::people::{BOB, EVE, Team};
use crate::stop::{Held, READS_TWICE, thinking};

/// Users who have nothing else on this machine, so that nobody else goes without what is used up here.
const USERS: [u32; 4] = [47_113, 47_114, 47_115, 47_116];

const SOUL: &str = "# Hog\n\n## Identity\n\n- Name: hog\n- Role: Takes all that there is\n";

/// Has descriptors watched by as many `epoll` as it can have, in one process after the other, until the kernel grants its
/// user no further one (`fs.epoll.max_user_watches`). What is used up goes with the processes.
const HOG: &str = r"
import errno, os, resource, select, time
MOST, EACH = 400, 480
for _ in range(MOST):
    told, tell = os.pipe()
    if os.fork() == 0:
        watched = [os.dup(told) for _ in range(EACH)]
        said = b'more'
        try:
            for _ in range(EACH):
                epoll = select.epoll()
                held = globals().setdefault('held', [])
                held.append(epoll)
                for one in watched:
                    epoll.register(one, select.EPOLLIN)
        except OSError as error:
            said = b'none' if error.errno == errno.ENOSPC else str(error).encode()
        os.write(tell, said)
        while True:
            time.sleep(3600)
    said = os.read(told, 100)
    os.close(told); os.close(tell)
    if said != b'more':
        break
print('left:', said.decode(), flush=True)
while True:
    time.sleep(3600)
";

/// A program that has left its user no descriptor to watch; the command that runs it.
fn hog(home: &Home) -> Child {
    let mut command = home.command(&["run", "-q", "hog", "--", "python3", "-c", HOG]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    if line != "left: none\n" {
        drop(run.kill());
        let mut said = String::new();
        drop(run.stderr.take().unwrap().read_to_string(&mut said));
        panic!("`{line}` {said}");
    }
    run
}

/// That nothing which needs a watched descriptor works: the attack has come through.
fn is_deaf(home: &Home) {
    let said = home.run(&["agents", "list"]);
    assert_ne!(said.code, 0, "a command found a descriptor to watch: {}", said.out);
    let mut stream = UnixStream::connect(home.at("gateway.sock")).unwrap();
    // It may be hung up on at once.
    drop(stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: x\r\n\r\n"));
    eventually("the gateway says that it cannot take a connection", || {
        fs::read_to_string(home.at("data/gateway.log")).unwrap().contains("a connection could not be taken")
    });
}

/// The hog is among those that were killed, with its processes: seen to end, or struck and still giving back what they took,
/// which can take the kernel longer than a kill waits.
#[track_caller]
fn is_killed(report: &Value) {
    let all = report["killed"].as_array().unwrap();
    let hog = all.iter().find(|killed| killed["agent"] == "hog").unwrap();
    let count = |what: &str| hog[what].as_u64().unwrap();
    assert!(count("processes") + count("left") > 0, "{report}");
}

fn deafened(test: &str, user: u32, stop: impl FnOnce(&Home)) {
    if !is_root() {
        skipped(test, "a user who has nothing else here takes root");
        return;
    }
    let home = Home::of_user(user);
    home.soul("hog", SOUL);
    let gateway = home.start();
    let run = hog(&home);
    is_deaf(&home);
    stop(&home);
    assert_ne!(Said::of(run).code, 0);
    eventually("no process of it is left", || procs::jailed(gateway).is_empty());
}

#[test]
fn a_program_that_leaves_nothing_to_watch_with_does_not_keep_its_kill_from_being_heard() {
    deafened("security::deaf::a_program_that_leaves_nothing_to_watch_with", USERS[0], |home| {
        is_killed(&home.json(&["agents", "kill", "hog"]));
        // What it took is given back, and the gateway hears everybody again.
        eventually("commands are heard again", || home.run(&["agents", "list"]).code == 0);
        home.verifies();
    });
}

#[test]
fn nor_that_of_all_agents_nor_a_stop_of_the_gateway() {
    deafened("security::deaf::nor_that_of_all_agents", USERS[1], |home| {
        is_killed(&home.json(&["agents", "kill", "--all"]));
    });
    deafened("security::deaf::nor_a_stop_of_the_gateway", USERS[2], |home| {
        let stopped = home.json(&["gateway", "stop"]);
        is_killed(&stopped);
        assert_eq!(home.records(&["--event", "gateway.stopped"]).len(), 1);
    });
}

/// Opens connection after connection, has each begin with an answer, and holds on to all of them. Says how many were taken
/// and how many turned away.
const HOLDER: &str = r"
import socket, sys, time
path, most = sys.argv[1], int(sys.argv[2])
held, taken, turned_away = [], 0, 0
for _ in range(most):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(170)
    one.connect(path)
    try:
        # Half a request, which its place waits for.
        one.sendall(b'POST /api/v1/agents/helper/messages HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n'
                    b'content-type: application/json\r\ncontent-length: 100\r\n\r\n')
    except BrokenPipeError:
        pass
    said = one.recv(100)
    if said.startswith(b'HTTP/1.1 429'):
        turned_away += 1
    else:
        taken += 1
    held.append(one)
print(taken, turned_away, flush=True)
time.sleep(3600)
";

#[test]
fn who_holds_all_connections_that_they_get_keeps_nobody_else_out() {
    const MOST: usize = 700;
    let Some(team) = Team::playing("security::deaf::who_holds_all_connections", ANSWERS) else {
        return;
    };
    let mut holder = std::process::Command::new("python3")
        .args(["-c", HOLDER, team.home.at("gateway.sock").to_str().unwrap(), &MOST.to_string()])
        .uid(EVE)
        .gid(EVE)
        .current_dir("/")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let counts: Vec<usize> = line.split_whitespace().map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<usize>(), MOST, "{line}");
    assert!(counts[1] > 0, "nobody was turned away: {line}");
    team.home.run(&["agents", "list"]).done();
    team.home.run(&["agents", "kill", "--all"]).done();
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// Asks for as many kills at a time as were named, and says how many of them were sent away.
const OPERATORS: &str = r#"
import socket, struct, sys
word = b'\x01{"word":"kill","agent":"helper"}'
asking = []
for _ in range(int(sys.argv[2])):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(170)
    one.connect(sys.argv[1])
    try:
        one.sendall(struct.pack('>I', len(word)) + word)
    except BrokenPipeError:
        pass
    asking.append(one)
print('asked', flush=True)
answers = []
for one in asking:
    answer = b''
    try:
        while more := one.recv(65536):
            answer += more
    except ConnectionResetError:
        # Their word was not read; the answer was, before this.
        pass
    answers.append(answer)
print(sum(b'kept for administrators' in answer for answer in answers), sum(b'"done"' in answer for answer in answers))
"#;

#[test]
fn operators_whose_kills_take_long_leave_places_to_administrators() {
    const MOST: usize = 24;
    let Some(team) = Team::playing("security::deaf::operators_whose_kills_take_long", READS_TWICE) else {
        return;
    };
    team.home.add("[[role]]\nname = \"operator\"\npeople = [\"bob\"]\n");
    let chat = thinking(&team.home);
    let held = Held::all(&procs::jailed(team.home.gateway()));
    let mut operators = Command::new("python3")
        .args(["-c", OPERATORS, team.home.at("stop.sock").to_str().unwrap(), &MOST.to_string()])
        .uid(BOB)
        .gid(BOB)
        .current_dir("/")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(operators.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "asked\n");
    team.home.json_whatever(&["agents", "kill", "helper"])["killed"][0]["left"].as_u64().unwrap();
    drop(held);
    line.clear();
    said.read_line(&mut line).unwrap();
    operators.wait().unwrap();
    let counts: Vec<usize> = line.split_whitespace().map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<usize>(), MOST, "{line}");
    assert!(counts[0] > 0, "every operator was let in at once: {line}");
    assert!(counts[1] > 0, "no operator was let in: {line}");
    Said::of(chat).with(3).lacks("That is all");
}

/// Starts the gateway of a home whose user gets at most so many processes and threads.
fn start_within(home: &Home, most: usize) -> Said {
    let start = home.command(&["gateway", "start"]);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--nproc={most}:{most}")).arg(start.get_program()).args(start.get_args());
    for (name, value) in start.get_envs() {
        limited.env(name, value.unwrap());
    }
    let user = home.user().unwrap();
    limited.uid(user).gid(user).current_dir("/").stdin(Stdio::null());
    Said::of(limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn a_gateway_that_gets_too_few_threads_to_hear_kills_does_not_start() {
    if !is_root() {
        skipped(
            "security::deaf::a_gateway_that_gets_too_few_threads",
            "a user who has nothing else here takes root",
        );
        return;
    }
    let home = Home::of_user(USERS[3]);
    let (mut refused, mut started) = (0, 0);
    for most in [3, 4, 5, 7, 9, 12, 15, 18, 24, 32, 48, 64, 80, 100] {
        let said = start_within(&home, most);
        if said.code == 0 {
            started += 1;
            home.run(&["agents", "kill", "--all"]).done();
            home.run(&["gateway", "stop"]).done();
        } else {
            refused += 1;
            said.fails(4, "raise its limit");
            home.run(&["gateway", "status"]).fails(4, "no gateway is running");
        }
    }
    assert!(refused > 0 && started > 0, "{refused} {started}");
    let log = fs::read_to_string(home.at("data/gateway.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    home.verifies();
}
