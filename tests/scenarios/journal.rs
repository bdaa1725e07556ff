//! A record that is damaged or held by another, and a SOUL.md that is no text.

use std::fs;

use bulkhead_tests::Home;

#[test]
fn a_damaged_record_stops_the_start_and_is_left_as_it_is() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    home.run(&["chat", "helper", "hi"]).done();
    home.run(&["gateway", "stop"]).done();
    let file = home.at("data/journal.sqlite");
    let whole = fs::read(&file).unwrap();
    // Where the bytes are changed, and what `audit verify` says: 4 is a file that cannot be read as a journal, and 1 a
    // journal in which something was found.
    for (at, code, words) in [
        (0, 4, "is not a journal"),
        (18, 4, "is not a journal"),
        (44, 1, "is damaged"),
        (100, 1, "is damaged"),
        (4096, 1, "the record is broken at record 1: the database is damaged here"),
    ] {
        let mut damaged = whole.clone();
        damaged[at..at + 8].fill(0xa5);
        fs::write(&file, &damaged).unwrap();
        home.run(&["gateway", "start"]).fails(4, "journal.sqlite");
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
    home.run(&["gateway", "start"]).fails(4, "journal.sqlite");
    drop(other);
    home.start();
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
