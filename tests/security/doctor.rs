//! `bulkhead doctor` finds what is missing or unsafe: each of its checks is made to fail here.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use bulkhead_tests::home::bulkhead;
use bulkhead_tests::server::{Deed, Server, says, stream};
use bulkhead_tests::{Browser, Home, Said, eventually, is_root, skipped};
use serde_json::{Value, json};

use crate::erasure::write_drafts;

/// A home in which all is well, and the model server of its settings.
fn well() -> (Home, Server) {
    let server = Server::model(|_| Deed::Say(stream(&says("hello"), true)));
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&server.settings());
    (home, server)
}

fn findings(said: &Said) -> Vec<Value> {
    said.json()["findings"].as_array().unwrap().clone()
}

/// What is missing or unsafe: each check with its sentence and its mend.
fn bad(said: &Said) -> Vec<(String, String, String)> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let of = |f: &Value| (text(f, "check"), text(f, "message"), text(f, "mend"));
    findings(said).iter().filter(|f| f["state"] == "missing" || f["state"] == "unsafe").map(of).collect()
}

fn doctor(home: &Home) -> Said {
    home.run(&["doctor", "--json"])
}

/// Exit code 1 with this one thing to mend, and its mend.
#[track_caller]
fn finds(home: &Home, check: &str, words: &str) -> String {
    let said = doctor(home).with(1);
    let found = bad(&said);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, check, "{found:?}");
    assert!(found[0].1.contains(words), "{found:?}");
    assert!(!found[0].2.is_empty(), "{found:?}");
    found[0].2.clone()
}

#[test]
fn all_is_well_in_a_new_home_before_and_while_its_gateway_runs() {
    let (home, _server) = well();
    let said = doctor(&home).done();
    assert_eq!(said.json()["ok"], true);
    let states = |check: &str| -> Vec<String> {
        let of = findings(&doctor(&home));
        of.iter().filter(|f| f["check"] == check).map(|f| f["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states("gateway"), ["warning"]);
    home.start();
    home.run(&["chat", "helper", "hi"]).done();
    for check in
        ["gateway", "settings", "guardrails", "agents", "exposure", "files", "record", "clock", "disk"]
    {
        assert_eq!(states(check), ["ok"], "{check}");
    }
    let layers = findings(&doctor(&home).done());
    let layers: Vec<&Value> =
        layers.iter().filter(|f| f["check"].as_str().unwrap().starts_with("layer:")).collect();
    assert!(layers.len() >= sandbox::layer::ALL.len(), "{layers:?}");
    home.run(&["doctor"]).done().has("all that is needed is there").has("layer:seccomp");
}

#[test]
fn the_gateway_finds_the_same_of_itself_and_says_it_to_who_looks_after_it() {
    let (home, _server) = well();
    fs::set_permissions(home.at("data"), Permissions::from_mode(0o755)).unwrap();
    home.start();
    let person = home.json(&["people", "list"])[0]["id"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&home, &person);
    let health = browser.get("health").is(200).json();
    // By check and state: a sentence may name the time.
    let told = |findings: &Value| -> Vec<(Value, Value, Value)> {
        let findings = findings.as_array().unwrap().iter();
        findings.map(|f| (f["check"].clone(), f["state"].clone(), f["mend"].clone())).collect()
    };
    let doctor = doctor(&home).with(1).json();
    assert_eq!(told(&health["findings"]), told(&doctor["findings"]));
    assert_eq!((&health["ok"], &doctor["ok"]), (&json!(false), &json!(false)));
    let unsafes = told(&health["findings"]).into_iter().filter(|(_, state, _)| state == "unsafe");
    let mends: Vec<String> = unsafes.map(|(_, _, mend)| mend.as_str().unwrap().to_owned()).collect();
    assert_eq!(mends.len(), 1, "{mends:?}");
    assert!(Command::new("sh").args(["-c", &mends[0]]).status().unwrap().success());
    eventually("what was mended is not found again", || browser.get("health").is(200).json()["ok"] == true);
    home.verifies();
}

#[test]
fn without_a_home_the_machine_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let said = Command::new(bulkhead()).args(["doctor", "--json"]).env("BULKHEAD_HOME", &nowhere).output();
    let said = Said::from(said.unwrap()).with(4);
    let found = findings(&said);
    assert_eq!(bad(&said).len(), 1);
    assert!(found.iter().any(|f| f["check"] == "layer:landlock" && f["state"] == "ok"), "{found:?}");
    assert!(!nowhere.exists(), "looking makes nothing");
}

#[test]
fn a_layer_that_cannot_be_had_is_named_with_its_mend() {
    let (home, _server) = well();
    let without = |reduced: bool| {
        if reduced {
            home.edit("containment = \"full\"", "containment = \"reduced\"");
        }
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" doctor --json";
        let mut command = Command::new("unshare");
        command.args(["-Ur", "sh", "-c", script]).arg(bulkhead()).env("BULKHEAD_HOME", home.path());
        Said::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let said = without(false).with(1);
    let found = bad(&said);
    let layer = found.iter().find(|(check, ..)| check == "layer:user-namespace").expect("the layer is named");
    assert!(layer.2.contains("user.max_user_namespaces"), "{layer:?}");
    assert!(
        found.iter().any(|(check, message, _)| check == "containment" && message.contains("no agent starts"))
    );
    let found = bad(&without(true).with(1));
    assert!(
        found.iter().any(|(check, message, _)| check == "containment" && message.contains("WITHOUT")),
        "{found:?}"
    );
    let said = doctor(&home).done();
    assert!(findings(&said).iter().any(|f| f["check"] == "containment" && f["state"] == "warning"));
}

#[test]
fn a_program_is_really_started_and_what_it_cannot_have_is_named() {
    let (home, _server) = well();
    let ran = |said: &Said| findings(said).into_iter().find(|f| f["check"] == "programs").unwrap();
    assert_eq!(ran(&doctor(&home).done())["state"], "ok");
    // An agent has no use for the machine's programs, and its layers are all there.
    let script = "mount -t tmpfs none /usr/bin && exec \"$0\" doctor --json";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script]).arg(bulkhead()).env("BULKHEAD_HOME", home.path());
    let said = Said::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let found = ran(&said.with(1));
    assert_eq!(found["state"], "missing", "{found}");
    assert!(found["message"].as_str().unwrap().contains("somebody else's"), "{found}");
}

#[test]
fn reduced_containment_is_said_wherever_agents_work() {
    const WORDS: &str = "containment is reduced";
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    home.soul("echo", "# Echo\n\n## Identity\n\n- Name: echo\n- Role: Answers\n");
    let said = |args: &[&str]| {
        let said = home.run(args).done();
        format!("{}{}", said.out, said.err)
    };
    let ways: [&[&str]; 4] = [
        &["chat", "echo", "hi"],
        &["run", "echo", "--", "true"],
        &["agents", "list"],
        &["agents", "show", "echo"],
    ];
    for way in ways {
        assert!(!said(way).contains(WORDS), "{way:?}");
    }
    assert_eq!(home.json(&["agents", "list"])[0]["reduced"], false);
    assert!(!said(&["gateway", "restart"]).contains(WORDS));
    assert_eq!(home.json(&["gateway", "status"])["containment"], "full");
    home.edit("containment = \"full\"", "containment = \"reduced\"");
    home.run(&["gateway", "restart"]).done().has(WORDS);
    home.run(&["gateway", "status"]).done().has("reduced: an agent runs even where");
    for way in ways {
        assert!(said(way).contains(WORDS), "{way:?}");
    }
    assert_eq!(home.json(&["agents", "list"])[0]["reduced"], true);
    assert_eq!(home.json(&["gateway", "status"])["containment"], "reduced");
    assert!(said(&["run", "echo", "--json", "--", "true"]).contains("\"reduced\":true"));
    assert!(said(&["chat", "echo", "--json", "hi"]).contains(WORDS));
}

#[test]
fn a_file_that_others_may_touch_is_found_and_the_mend_mends_it() {
    let (home, _server) = well();
    home.start();
    fs::write(home.at("keys/box"), "a key").unwrap();
    fs::set_permissions(home.at("keys/box"), Permissions::from_mode(0o600)).unwrap();
    drop(doctor(&home).done());
    for (path, mode, words) in [
        ("data/journal.sqlite", 0o644, "may read"),
        ("data", 0o755, "may read"),
        ("keys/box", 0o640, "may read"),
        ("gateway.sock", 0o666, "may write"),
        ("run.sock", 0o660, "may write"),
        ("stop.sock", 0o660, "may write"),
        ("bulkhead.toml", 0o666, "may write"),
        ("guardrails/base.cedar", 0o620, "may write"),
        ("agents/helper/SOUL.md", 0o602, "may write"),
        ("agents/helper", 0o777, "may write"),
        ("", 0o777, "may write"),
    ] {
        fs::set_permissions(home.at(path), Permissions::from_mode(mode)).unwrap();
        let mend = finds(&home, "files", words);
        assert!(Command::new("sh").args(["-c", &mend]).status().unwrap().success(), "{mend}");
        let after = doctor(&home);
        assert_eq!(after.code, 0, "`{mend}` did not mend {path}: {}", after.out);
    }
    fs::set_permissions(home.outside(), Permissions::from_mode(0o777)).unwrap();
    finds(&home, "files", "everybody may replace");
    fs::set_permissions(home.outside(), Permissions::from_mode(0o700)).unwrap();
    drop(doctor(&home).done());
}

#[test]
fn a_link_and_a_file_of_somebody_else_are_found() {
    let (home, _server) = well();
    let (soul, elsewhere) = (home.at("agents/helper/SOUL.md"), home.outside().join("SOUL.md"));
    fs::rename(&soul, &elsewhere).unwrap();
    symlink(&elsewhere, &soul).unwrap();
    finds(&home, "files", "is a link");
    fs::remove_file(&soul).unwrap();
    fs::rename(&elsewhere, &soul).unwrap();
    if !is_root() {
        skipped("in part: security::doctor::a_link_and_a_file_of_somebody_else", "a foreign file needs root");
        return;
    }
    std::os::unix::fs::chown(home.at("guardrails/base.cedar"), Some(65_533), None).unwrap();
    finds(&home, "files", "belongs to user 65533");
}

#[test]
fn a_model_server_that_is_down_is_found() {
    let (home, server) = well();
    let name = server.address.clone();
    drop(server);
    let found = bad(&doctor(&home).with(1));
    assert!(found.iter().all(|(check, message, _)| check == "model" && message.contains(&name)), "{found:?}");
    home.edit("default = \"box/m\"", "default = \"rehearsal/gone\"");
    assert!(bad(&doctor(&home).with(1)).iter().any(|(_, message, _)| message.contains("rehearsal/gone")));
}

#[test]
fn settings_guardrails_and_agents_that_do_not_hold_are_found() {
    let (home, _server) = well();
    let edited = |path: &str, text: &str, check: &str, words: &str| {
        let before = fs::read(home.at(path)).unwrap();
        fs::write(home.at(path), text).unwrap();
        finds(&home, check, words);
        fs::write(home.at(path), before).unwrap();
        drop(doctor(&home).done());
    };
    edited("bulkhead.toml", "oops = = \n", "settings", "line 1, column");
    edited("guardrails/base.cedar", "permit (principal, action, resource);", "guardrails", "base.cedar");
    edited("agents/helper/SOUL.md", "# Helper\n", "agents", "agents/helper/SOUL.md");
    home.edit("address = \"127.0.0.1:0\"", "address = \"0.0.0.0:7400\"");
    finds(&home, "exposure", "other machines");
}

#[test]
fn a_record_that_was_changed_at_its_end_is_found() {
    let (home, _server) = well();
    home.start();
    home.run(&["chat", "helper", "hi"]).done();
    home.run(&["gateway", "stop"]).done();
    drop(doctor(&home).done());
    let database = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    let change = "UPDATE record SET body = replace(body, 'helper', 'hilper') WHERE seq = (SELECT max(seq) FROM record WHERE body LIKE '%helper%')";
    assert_eq!(database.execute(change, ()).unwrap(), 1);
    database.close().unwrap();
    finds(&home, "record", "broken at record");
}

#[test]
fn a_clock_that_stands_before_the_newest_record_is_found() {
    let (home, _server) = well();
    home.start();
    home.run(&["gateway", "stop"]).done();
    // By a clock that was a day ahead.
    write_drafts(&home, -1, 7, vec![journal::Draft::new(journal::Kind::Message)]);
    let mend = finds(&home, "clock", "it went back, or was ahead");
    assert!(mend.contains("set the clock"), "{mend}");
    // The gateway goes on all the same: what it records stands behind that one, and is of now.
    home.start();
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    home.verifies();
    drop(doctor(&home).done());
}

#[test]
fn a_gateway_of_another_version_and_one_that_does_not_answer_are_told() {
    let (home, _server) = well();
    fs::create_dir_all(home.at("data")).unwrap();
    let lock = File::create(home.at("data/gateway.lock")).unwrap();
    fs::set_permissions(home.at("data/gateway.lock"), Permissions::from_mode(0o600)).unwrap();
    lock.lock().unwrap();
    finds(&home, "gateway", "no gateway is running");
    let answering = stand_in(&home.at("gateway.sock"), "0.0.1-other");
    let said = doctor(&home).done();
    let gateway = findings(&said).into_iter().find(|f| f["check"] == "gateway").unwrap();
    assert_eq!(gateway["state"], "warning");
    assert!(gateway["message"].as_str().unwrap().contains("0.0.1-other"), "{gateway}");
    answering.join().unwrap();
    fs::remove_file(home.at("gateway.sock")).unwrap();
    // Not by being dropped: a child that another test starts may have a copy.
    lock.unlock().unwrap();
}

/// Answers one request as a gateway of that version does.
fn stand_in(socket: &Path, version: &'static str) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    fs::set_permissions(socket, Permissions::from_mode(0o600)).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        let status = json!({ "version": version, "ready": true, "pid": 1 }).to_string();
        stream.write_all(&bulkhead_tests::server::whole("application/json", status.as_bytes())).unwrap();
    })
}

#[test]
fn a_queue_that_can_only_end_in_a_no_is_told_of() {
    let (home, _server) = well();
    let member = |id: &str| format!("[[person]]\nid = \"{id}\"\ngroups = [\"lookers\"]\n");
    let queue = "[[queue]]\nname = \"publishing\"\nagents = [\"echo\"]\ngroups = [\"lookers\"]\nneeded = 2\n";
    home.edit("solo = ", "# solo = ");
    home.add(&format!(
        "[[group]]\nname = \"lookers\"\nagents = [\"echo\"]\n[[group]]\nname = \"one\"\napprove = [\"echo\"]\n{}{}{queue}",
        member("bob").replace("[\"lookers\"]", "[\"lookers\", \"one\"]"),
        member("eve")
    ));
    home.start();
    let told = || {
        let all = findings(&doctor(&home));
        all.into_iter().find(|finding| finding["check"] == "approvals")
    };
    let finding = told().expect("a finding");
    assert_eq!(finding["state"], "warning");
    assert!(
        finding["message"].as_str().unwrap().contains("`publishing` needs 2 to say yes to `echo` and 1 of"),
        "{finding}"
    );
    assert!(finding["mend"].as_str().unwrap().contains("approve = [\"echo\"]"), "{finding}");
    home.edit("name = \"lookers\"\nagents = [\"echo\"]", "name = \"lookers\"\napprove = [\"echo\"]");
    assert_eq!(told(), None);
}
