//! Several people on one gateway, each an operating-system user of their own: what is one's is not another's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use bulkhead_tests::home::bulkhead;
use bulkhead_tests::{Home, POSTS, Said, eventually, is_root, procs, programs, skipped};

/// A user without an account; the gateway names them by number.
pub(crate) const BOB: u32 = 65_533;

/// Another.
pub(crate) const EVE: u32 = 65_532;

const WORDS: &str = "the draft is ready";

/// How a team's home is made.
const MADE: &[&str] = &["--team", "--person", "ada"];

/// Root is `ada`, the administrator; `bob` may ask and approve; `eve` may ask `helper` only.
pub(crate) struct Team {
    pub(crate) home: Home,
    binary: PathBuf,
}

impl Team {
    pub(crate) fn playing(test: &str, scene: &str) -> Option<Self> {
        if !is_root() {
            skipped(test, "several operating-system users need root");
            return None;
        }
        Some(Self::at(Home::made(MADE), scene))
    }

    /// One whose record is in SQLite, and one whose record is on a server where that can be had; none where there is
    /// nobody to be.
    pub(crate) fn both_playing(test: &str, scene: &str) -> Vec<Self> {
        if !is_root() {
            skipped(test, "several operating-system users need root");
            return Vec::new();
        }
        Home::both_made(test, MADE).into_iter().map(|home| Self::at(home, scene)).collect()
    }

    /// The team of a home that has never been started.
    fn at(home: Home, scene: &str) -> Self {
        fs::set_permissions(home.outside(), fs::Permissions::from_mode(0o711)).unwrap();
        // Where the binary was built, others need not have a way to.
        let binary = home.outside().join("bulkhead");
        programs::copied(bulkhead(), &binary);
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        home.add(&format!(
            "[[person]]\nid = \"bob\"\nos-user = \"uid:{BOB}\"\ngroups = [\"owners\"]\n\
             [[person]]\nid = \"eve\"\nos-user = \"uid:{EVE}\"\ngroups = [\"guests\"]\n\
             [[group]]\nname = \"guests\"\nagents = [\"helper\"]\nmodels = [\"*\"]\n"
        ));
        home.scene(scene);
        home.start();
        Self { home, binary }
    }

    pub(crate) fn begin(&self, uid: u32, args: &[&str]) -> Child {
        std::process::Command::new(&self.binary)
            .args(args)
            .env("BULKHEAD_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .uid(uid)
            .gid(uid)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn run(&self, uid: u32, args: &[&str]) -> Said {
        Said::of(self.begin(uid, args))
    }
}

#[test]
fn nobody_approves_their_own_and_another_person_may() {
    let Some(team) = Team::playing("security::people::nobody_approves_their_own", POSTS) else { return };
    let home = &team.home;
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.run(&["approvals", "approve", &id]).fails(3, "nobody approves their own request");
    team.run(EVE, &["approvals", "approve", &id]).fails(2, "there is no approval");
    team.run(EVE, &["approvals", "show", &id]).fails(2, "there is no approval");
    team.run(EVE, &["approvals", "list"]).done().has("nothing waits for you");
    assert_eq!(home.posts(WORDS), 0);
    team.run(BOB, &["approvals", "approve", &id]).done();
    drop(Said::of(chat).done());
    assert_eq!(home.posts(WORDS), 1);
    let approvals = home.records(&["--kind", "approval"]);
    let yes = approvals
        .iter()
        .find(|record| record["person"] == "bob" && record["event"] == "approval.approved")
        .expect("bob's yes is on the record");
    assert_eq!(yes["facts"]["self_approved"], false);

    let chat = team.begin(BOB, &["chat", "echo", "announce it again"]);
    let id = home.waiting();
    team.run(BOB, &["approvals", "approve", &id]).fails(3, "nobody approves their own request");
    team.run(BOB, &["approvals", "deny", &id]).done();
    drop(Said::of(chat));
    assert_eq!(home.posts(WORDS), 1);
    home.verifies();
}

#[test]
fn who_has_no_right_is_refused_and_it_is_on_the_record() {
    let Some(team) =
        Team::playing("security::people::who_has_no_right", "turns: [{say: hello, repeat: true}]")
    else {
        return;
    };
    let home = &team.home;
    team.run(EVE, &["chat", "echo", "hi"]).fails(3, "`eve` has no right to ask `echo`");
    let turned = home.records(&["--event", "ask.refused"]);
    assert_eq!(turned.len(), 1, "{turned:?}");
    assert_eq!((&turned[0]["person"], &turned[0]["decision"]), (&"eve".into(), &"deny".into()));
    for args in [
        vec!["agents", "kill", "--all"],
        vec!["agents", "pause", "helper"],
        vec!["agents", "resume", "helper"],
    ] {
        let said = team.run(EVE, &args).with(3);
        assert!(said.err.contains("an administrator may"), "{args:?}: {}", said.err);
    }
    // The record is a file of the gateway's own user.
    drop(team.run(EVE, &["audit", "tail"]).with(4));
    team.run(EVE, &["gateway", "stop"])
        .fails(3, "`eve` may not stop the gateway or agents; an administrator may");
    team.run(EVE, &["gateway", "restart"]).fails(3, "`eve` may not stop the gateway");
    team.run(EVE, &["chat", "helper", "hi"]).done().has("hello");
    // What the agent is granted, the asker must have a right to as well.
    home.scene("turns: [{calls: [{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}]}, {say: so be it}]");
    team.run(EVE, &["chat", "helper", "look it up"])
        .done()
        .has("`eve` has no right to read")
        .lacks("40 a head");
    home.run(&["chat", "helper", "look it up"]).done().has("permitted  file.read");
    home.verifies();
}

#[test]
fn who_is_no_administrator_seals_nothing_and_it_is_on_the_record() {
    let scene = "turns: [{say: hello, repeat: true}]";
    let Some(team) = Team::playing("security::people::who_is_no_administrator_seals_nothing", scene) else {
        return;
    };
    let home = &team.home;
    let tried = [
        ("checkpoint", "{}", "sign the record"),
        ("checkpoint/cosign", "{\"note\":\"x\"}", "take in a cosignature"),
        ("key/rotate", "{}", "replace the record's key"),
    ];
    for (path, body, what) in tried {
        let said = ask(&team, EVE, "POST", path, body);
        assert!(said.contains("403 Forbidden") && said.contains(&format!("may not {what}")), "{said}");
    }
    home.run(&["gateway", "stop"]).done();
    let refused = home.records(&["--event", "right.refused"]);
    let told: Vec<&str> = refused.iter().map(|record| record["facts"]["what"].as_str().unwrap()).collect();
    assert_eq!(told, tried.map(|(_, _, what)| what));
    assert!(refused.iter().all(|record| record["person"] == "eve" && record["decision"] == "deny"));
}

#[test]
fn an_administrator_stops_the_gateway_of_another_user_and_a_private_home_is_refused() {
    let scene = "turns: [{say: hello, repeat: true}]";
    let Some(team) = Team::playing("security::people::an_administrator_stops", scene) else { return };
    let home = &team.home;
    let gateway = home.gateway();
    home.edit("id = \"bob\"", "id = \"bob\"\nadministrator = true");
    team.run(BOB, &["gateway", "stop"]).done().has("the gateway has stopped");
    eventually("its process is gone", || !procs::lives(gateway));
    team.run(BOB, &["gateway", "stop"]).fails(4, "no gateway is running");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    team.run(BOB, &["gateway", "stop"]).fails(3, "is not open to you");
    home.verifies();
}

#[test]
fn what_one_person_said_is_not_anothers() {
    let scene = "turns: [{say: \"the word is xyzzy\", repeat: true}]";
    let Some(team) = Team::playing("security::people::what_one_person_said", scene) else { return };
    let events = team.run(BOB, &["chat", "helper", "tell me the word", "--json"]).done().lines();
    let session = events[0]["session"].as_str().unwrap().to_owned();
    let turn = events[0]["turn"].as_str().unwrap().to_owned();
    team.run(EVE, &["chat", "helper", "--session", &session, "and?"]).fails(2, "no conversation");
    for path in [format!("sessions/{session}"), format!("turns/{turn}/events")] {
        let said = get(&team, EVE, &path);
        assert!(said.contains("404 Not Found") && !said.contains("xyzzy"), "{path}: {said}");
    }
    assert!(get(&team, BOB, &format!("sessions/{session}")).contains("xyzzy"));
    team.run(BOB, &["chat", "helper", "--session", &session, "and?"]).done().has("xyzzy");
}

/// One request over a socket, and all that is answered.
const ASK: &str = r"
import socket, sys
path, method, to, body = sys.argv[1:5]
head = [method + ' /api/v1/' + to + ' HTTP/1.1', 'host: x', 'connection: close',
        'content-type: application/json', 'content-length: ' + str(len(body.encode()))]
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(path)
s.sendall(('\r\n'.join(head) + '\r\n\r\n' + body).encode())
out = b''
while True:
    data = s.recv(65536)
    if not data: break
    out += data
sys.stdout.write(out.decode())
";

/// Asks the gateway's socket as a user, in bytes.
pub(crate) fn get(team: &Team, uid: u32, path: &str) -> String {
    ask(team, uid, "GET", path, "")
}

/// The same with any method, and a body of JSON.
pub(crate) fn ask(team: &Team, uid: u32, method: &str, path: &str, body: &str) -> String {
    let socket = team.home.at("gateway.sock");
    let output = std::process::Command::new("python3")
        .args(["-c", ASK, socket.to_str().unwrap(), method, path, body])
        .uid(uid)
        .gid(uid)
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_turn_of_a_person_who_was_removed_is_not_carried_on() {
    let Some(team) = Team::playing("security::people::the_turn_of_a_person_who_was_removed", POSTS) else {
        return;
    };
    let home = &team.home;
    let chat = team.begin(BOB, &["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.edit(&format!("id = \"bob\"\nos-user = \"uid:{BOB}\""), "id = \"rob\"\nos-user = \"uid:65531\"");
    home.run(&["approvals", "approve", &id]).fails(3, "`bob` is no longer in the settings");
    drop(Said::of(chat));
    eventually("its turn is over", || home.json(&["approvals", "show", &id])["state"] == "void");
    assert_eq!(home.posts(WORDS), 0);
    team.run(BOB, &["chat", "echo", "hello?"]).fails(3, "is nobody here");
    home.verifies();
}
