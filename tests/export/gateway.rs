//! The whole product with exports in its settings.

use std::sync::Arc;

use bulkhead_tests::server::{Deed, Server, whole};
use bulkhead_tests::witness::Cosigner;
use bulkhead_tests::{Home, Port, eventually};
use serde_json::Value;

use crate::rsyslog::{Input, Rsyslog};
use crate::stage::complete;

pub const SCENE: &str = "turns: [{say: the words of the model, repeat: true}]";

pub fn standing(home: &Home, name: &str) -> Value {
    let status = home.json(&["gateway", "status"]);
    let found = status["exports"].as_array().unwrap().iter().find(|export| export["name"] == name);
    found.cloned().unwrap_or_default()
}

fn last(home: &Home) -> u64 {
    home.records(&[]).last().unwrap()["seq"].as_u64().unwrap()
}

#[test]
fn a_gateway_sends_its_record_on_through_crashes_of_both_sides() {
    let test = "a_gateway_sends_its_record_on_through_crashes_of_both_sides";
    for home in Home::both(test) {
        let Some(rsyslog) = Rsyslog::start(test, Input::Tcp) else { return };
        through_crashes(&home, rsyslog);
    }
}

fn through_crashes(home: &Home, mut rsyslog: Rsyslog) {
    home.scene(SCENE);
    home.add(&format!("[[export]]\n{}", rsyslog.export()));
    home.start();
    home.run(&["chat", "helper", "the words of the person"]).done();
    rsyslog.kill();
    home.run(&["chat", "helper", "the words of the person"]).done();
    home.crash();
    rsyslog.go_on();
    home.start();
    home.run(&["chat", "helper", "the words of the person"]).done();
    let end = last(home);
    eventually("the last record is there", || rsyslog.seqs().iter().any(|seq| *seq >= end));
    let seqs = rsyslog.seqs();
    complete(&seqs, *seqs.iter().max().unwrap());
    assert!(!rsyslog.written().contains("the words of"), "content left");
    eventually("it is not behind", || standing(home, "siem")["behind"] == 0);
    home.run(&["gateway", "status"]).done().has("siem to tcp://127.0.0.1:");
    let doctor = home.json_whatever(&["doctor"]);
    let said = doctor["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "export");
    assert!(said.unwrap()["message"].as_str().unwrap().contains("on this machine"), "{said:?}");
    // That records go elsewhere is in the record once, and once more when they do not any more.
    assert_eq!(home.records(&["--event", "export.changed"]).len(), 1);
    let settings = std::fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    std::fs::write(home.at("bulkhead.toml"), settings.rsplit_once("[[export]]").unwrap().0).unwrap();
    home.run(&["gateway", "restart"]).done();
    let changes = home.records(&["--event", "export.changed"]);
    assert_eq!(changes.len(), 2);
    assert_eq!(
        (&changes[0]["facts"]["change"], &changes[1]["facts"]["change"]),
        (&"began".into(), &"given up".into())
    );
    home.verifies();
}

#[test]
fn an_export_that_begins_changes_or_is_given_up_is_on_the_record() {
    for home in Home::both("export::gateway::an_export_that_begins_changes_or_is_given_up") {
        begins_changes_and_is_given_up(&home);
    }
}

fn begins_changes_and_is_given_up(home: &Home) {
    home.scene(SCENE);
    let place = Port::held();
    let port = place.number;
    let settings = std::fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    let export = |more: &str| {
        format!(
            "{settings}\n[[export]]\nname = \"siem\"\nformat = \"ocsf\"\nto = \"http://127.0.0.1:{port}/key-1234?{more}\"\n"
        )
    };
    std::fs::write(home.at("bulkhead.toml"), export("a=1")).unwrap();
    home.start();
    for next in [export("a=1"), export("a=2"), settings.clone(), settings.clone()] {
        std::fs::write(home.at("bulkhead.toml"), next).unwrap();
        home.run(&["gateway", "restart"]).done();
    }
    let changes = home.records(&["--event", "export.changed"]);
    let facts: Vec<_> = changes.iter().map(|record| record["facts"].clone()).collect();
    let to = format!("http://127.0.0.1:{port}");
    let goes =
        |change: &str| serde_json::json!({"export": "siem", "change": change, "to": to, "format": "ocsf"});
    let over = serde_json::json!({"export": "siem", "change": "given up"});
    assert_eq!(facts, [goes("began"), goes("changed"), over]);
    home.verifies();
}

#[test]
fn a_receiver_that_is_away_holds_nothing_up_and_somebody_is_told() {
    for home in Home::both("export::gateway::a_receiver_that_is_away_holds_nothing_up") {
        holds_nothing_up(&home);
    }
}

fn holds_nothing_up(home: &Home) {
    let place = Port::held();
    home.scene(SCENE);
    home.add(&format!(
        "[[export]]\nname = \"siem\"\nformat = \"ocsf\"\nto = \"http://{}/\"\nlate-after = \"1s\"",
        place.address()
    ));
    home.start();
    home.run(&["chat", "helper", "hi"]).done().has("the words of the model");
    eventually("it is late", || standing(home, "siem")["late"] == true);
    home.run(&["chat", "helper", "hi"]).done().has("the words of the model");
    // It is late a moment before the record tells of that.
    eventually("somebody is told", || !home.records(&["--event", "export.failed"]).is_empty());
    assert_eq!(home.records(&["--event", "export.failed"]).len(), 1);
    let doctor = home.json_whatever(&["doctor"]);
    let bad = |finding: &&Value| finding["check"] == "export" && finding["state"] == "missing";
    let found = doctor["findings"].as_array().unwrap().iter().find(bad).unwrap();
    assert!(
        found["message"].as_str().unwrap().contains("records behind: nobody answers at http://"),
        "{found}"
    );
}

#[test]
fn checkpoints_go_to_a_witness_and_its_signature_comes_back() {
    let witness = Arc::new(Cosigner::default());
    let key = witness.key();
    let server = Server::new(move |request| {
        let note = String::from_utf8(request.body.clone()).unwrap();
        Deed::Say(whole("text/plain", witness.cosign(&note, 1_790_000_000).as_bytes()))
    });
    // One that is no witness and answers nonsense, and one that is not there.
    let other = Server::new(|_| Deed::Say(whole("text/html", b"<html>thanks</html>")));
    let home = Home::new();
    home.scene(SCENE);
    home.edit("[checkpoint]\n", &format!("[checkpoint]\nwitnesses = [{key:?}]\n"));
    home.edit("every-records = 4096", "every-records = 1");
    home.add(&format!(
        "[[checkpoint.publish]]\nurl = \"http://{}/add\"\n\
         [[checkpoint.publish]]\nurl = \"http://{}/other\"\n\
         [[checkpoint.publish]]\nsyslog = \"tcp://127.0.0.1:9\"\n",
        server.address, other.address
    ));
    home.start();
    home.run(&["chat", "helper", "hi"]).done();
    eventually("a cosignature is taken in", || !home.records(&["--event", "checkpoint.cosigned"]).is_empty());
    eventually("the other has one too", || !other.requests("/other").is_empty());
    let sent = String::from_utf8(server.requests("/add")[0].body.clone()).unwrap();
    assert!(sent.starts_with("bulkhead/") && sent.contains("\n\n\u{2014} "), "{sent}");
    eventually("the third is late", || standing(&home, "checkpoint-3")["late"] == true);
    let told = || home.records(&["--event", "publishing.failed"]);
    eventually("somebody is told", || !told().is_empty());
    assert_eq!(told().len(), 1);
    // A size is signed once: its own cosignature makes no new round.
    let sizes = |server: &Server| {
        let notes =
            server.requests("/add").into_iter().map(|request| String::from_utf8(request.body).unwrap());
        notes.map(|note| note.lines().nth(1).unwrap().parse::<u64>().unwrap()).collect::<Vec<_>>()
    };
    let sizes = sizes(&server);
    assert!(sizes.is_sorted_by(|one, next| one < next), "{sizes:?}");
    home.verifies();
}

#[test]
fn a_checkpoint_reaches_a_syslog_server_and_the_record_is_held_against_it() {
    let test = "export::gateway::a_checkpoint_reaches_a_syslog_server";
    let Some(rsyslog) = Rsyslog::start(test, Input::Tcp) else { return };
    let home = Home::new();
    home.scene(SCENE);
    home.edit("every-records = 4096", "every-records = 1");
    home.add(&format!("[[checkpoint.publish]]\nsyslog = \"tcp://127.0.0.1:{}\"\n", rsyslog.port()));
    home.start();
    home.run(&["chat", "helper", "hi"]).done();
    let notes = || {
        let text = rsyslog.written();
        let notes = text.lines().filter_map(|line| {
            let (_, json) = line.split_once(" bulkhead - checkpoint - ")?;
            let said: Value = serde_json::from_str(json).ok()?;
            Some(said["checkpoint"].as_str()?.to_owned())
        });
        notes.collect::<Vec<_>>()
    };
    eventually("a checkpoint is there", || !notes().is_empty());
    let file = home.outside().join("checkpoint");
    std::fs::write(&file, notes().last().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    home.run(&["audit", "verify", "--checkpoint", file]).done();
    home.run(&["gateway", "stop"]).done();
    let database = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    database
        .execute("UPDATE record SET body = replace(body, '\"time\":\"20', '\"time\":\"19') WHERE seq = 2", [])
        .unwrap();
    drop(database);
    home.run(&["audit", "verify", "--checkpoint", file]).with(1).has("record 2");
}
