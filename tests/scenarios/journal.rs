//! A record that is damaged or held by another, and a SOUL.md that is no text.

use std::fs;

use bulkhead_tests::server::Server;
use bulkhead_tests::{Home, PATIENCE, Said, eventually};
use serde_json::json;

/// What the start says of a file that is no journal, and of a journal that is damaged.
const FOREIGN: &[&str] = &["is not a journal and was left untouched", "move it away, or name another home"];
const DAMAGED: &[&str] = &["is damaged (", "and was left untouched: restore a backup, or move it away"];

/// What is said while another program holds the record.
const HELD: &str =
    "another program holds the journal's database, so nothing can be recorded: end it, then try again";

const WRITER: &str = "# Writer

## Identity

- Name: writer
- Role: Writes

## Skills

- file-writer: Write
";

#[test]
fn a_damaged_record_stops_the_start_and_is_left_as_it_is() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    home.run(&["chat", "helper", "hi"]).done();
    home.run(&["gateway", "stop"]).done();
    let file = home.at("data/journal.sqlite");
    // A reader of the gateway's that was still at it keeps the write-ahead log there, in place of what is damaged here.
    let merge = "PRAGMA wal_checkpoint(TRUNCATE)";
    rusqlite::Connection::open(&file).unwrap().query_row(merge, [], |_| Ok(())).unwrap();
    let whole = fs::read(&file).unwrap();
    // Where the bytes are changed, what the start says, and what `audit verify` does: 4 is a file that cannot be read as a
    // journal, and 1 a journal in which something was found.
    for (at, refused, code, words) in [
        (0, FOREIGN, 4, "is not a journal"),
        (18, FOREIGN, 4, "is not a journal"),
        (44, DAMAGED, 1, "is damaged"),
        (100, DAMAGED, 1, "is damaged"),
        (4096, DAMAGED, 1, "the record is broken at record 1: the database is damaged here"),
    ] {
        let mut damaged = whole.clone();
        damaged[at..at + 8].fill(0xa5);
        fs::write(&file, &damaged).unwrap();
        let said = home.run(&["gateway", "start"]).fails(4, "data/journal.sqlite`");
        assert!(refused.iter().all(|words| said.err.contains(words)), "byte {at}: {}", said.err);
        assert_eq!(fs::read(&file).unwrap(), damaged, "byte {at}: it was written to");
        let verified = home.run(&["audit", "verify"]).with(code);
        let said = format!("{}{}", verified.out, verified.err);
        assert!(said.contains(words) && !said.contains("panicked"), "byte {at}: {said}");
    }
    fs::write(&file, &whole).unwrap();
    home.start();
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    home.verifies();
}

#[test]
fn a_record_that_another_program_holds_stops_the_start() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    home.run(&["gateway", "stop"]).done();
    let other = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;").unwrap();
    home.run(&["gateway", "start"])
        .fails(4, "data/journal.sqlite` is locked by another program: end it, then try again");
    drop(other);
    home.start();
    home.verifies();
}

/// Another program that begins to write into the record, and does not end.
fn hold(home: &Home) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_record_that_is_locked_while_the_gateway_runs_stops_all_work_until_it_is_let_go() {
    let model = Server::speaker();
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&model.server.settings());
    home.soul("writer", WRITER);
    home.start();
    let note = home.at("agents/writer/workspace/note");
    let ready = || home.run(&["gateway", "status"]).code == 0;

    // Before a message: not even that is taken.
    let before = home.records(&["--agent", "writer"]);
    let other = hold(&home);
    home.run(&["chat", "writer", "hi"]).fails(4, HELD);
    home.run(&["gateway", "status"]).with(4).has("not ready").has(HELD);
    drop(other);
    eventually("the gateway is ready by itself", ready);
    assert_eq!(home.records(&["--agent", "writer"]), before);
    assert!(model.server.requests("/chat/completions").is_empty());

    // While its model is asked: what it then wants is not done, and not done later either.
    let turn = home.begin(&["chat", "writer", "hi"]);
    eventually("its model is asked", || !model.server.requests("/chat/completions").is_empty());
    let other = hold(&home);
    let writes = || {
        let answer = model.answer();
        answer.call("file-writer", &json!({ "path": note, "content": "hello" }));
        answer.end();
    };
    writes();
    Said::of(turn).fails(4, HELD);
    assert!(!note.exists(), "it was done without its record");
    drop(other);
    eventually("the gateway is ready by itself", ready);
    home.until("writer", "idle");
    home.verifies();
    assert!(!note.exists(), "it was done afterwards");

    writes();
    let answer = model.answer();
    answer.say("written");
    answer.end();
    home.run(&["chat", "writer", "hi"]).done().has("written");
    assert_eq!(fs::read_to_string(&note).unwrap(), "hello");
    home.verifies();
}

#[test]
fn a_second_gateway_on_one_home_is_refused_and_harms_nothing() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    let first = home.gateway();
    let more: Vec<_> = (0..4).map(|_| home.begin(&["gateway", "start"])).collect();
    for child in more {
        bulkhead_tests::Said::of(child).fails(4, "already running");
    }
    assert_eq!(home.gateway(), first);
    home.run(&["chat", "helper", "hi"]).done().has("hello");
}

#[test]
fn a_soul_that_is_no_text_is_one_sentence_with_the_way_out() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    let soul = home.at("agents/helper/SOUL.md");
    for (bytes, words) in [
        (vec![0xff, 0xfe, b'#'], "not UTF-8"),
        (vec![b'a'; 10 * 1024 * 1024], "larger than"),
        (vec![], "helper"),
    ] {
        fs::write(&soul, bytes).unwrap();
        home.run(&["chat", "helper", "hi"]).fails(2, words);
        assert_ne!(home.run(&["check", "helper"]).code, 0);
    }
    home.run(&["chat", "echo", "hi"]).done().has("hello");
    home.verifies();
}
