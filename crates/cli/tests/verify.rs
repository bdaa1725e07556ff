//! `audit verify --resume` and `--progress`: a verification of a long record that is killed, and goes on.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::path::PathBuf;
use std::sync::Arc;

use common::Home;
use journal::{Config, Draft, Entry, Journal, Kind};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::Value;
use vocab::{Ambient, Digest, Timestamp};

/// How many records lie between two places that a verification can go on from.
const BETWEEN: u64 = 16 * 1024;

/// What a pipe gives back at once when all of it has been read.
const PAGE: usize = 4_096;

struct Clock;

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// Makes the record of the home so long that there are two such places, and gives its length.
#[cfg(test)]
fn lengthen(home: &Home) -> u64 {
    let place = home.path().join("data/journal.sqlite").into();
    let journal = Journal::open(Config { place }, Arc::new(Clock)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        while journal.head().records <= 2 * BETWEEN {
            let records = (0..256).map(|_| Draft::new(Kind::Verdict)).collect();
            let entry = Entry { subject: Digest::of(b"verify"), records, state: Vec::new() };
            drop(journal.append(entry).await.unwrap());
        }
        let records = journal.head().records;
        journal.close().await.unwrap();
        records
    })
}

/// A pipe that takes `room` bytes more, and whoever writes more waits.
#[cfg(test)]
fn nearly_full(room: usize) -> (PipeReader, PipeWriter) {
    let (mut reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; PAGE]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    reader.read_exact(&mut [0; PAGE]).unwrap();
    writer.write_all(&vec![b'.'; PAGE - room]).unwrap();
    (reader, writer)
}

/// A verification that was killed between the first place and the second: what it said, and the state that it left.
#[cfg(test)]
fn killed(home: &Home, args: &[&str], total: u64) -> String {
    let said = [0, BETWEEN].map(|come| format!("{come} of {total} records verified\n")).concat();
    // It waits for somebody to read before it says that it has come to the second place.
    let (mut reader, writer) = nearly_full(said.len());
    let state = PathBuf::from(args[args.len() - 1]);
    let mut child = home.command(args).stderr(writer).spawn().unwrap();
    common::eventually("the state is written", || state.exists());
    assert_eq!(child.try_wait().unwrap(), None, "it ended before all of it was read");
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    let mut heard = String::new();
    reader.read_to_string(&mut heard).unwrap();
    let heard = heard.trim_start_matches('.');
    assert_eq!(heard, said);
    fs::read_to_string(&state).unwrap()
}

#[test]
fn a_verification_that_was_killed_goes_on_from_its_file_and_says_how_far_it_is() {
    let home = Home::running("turns: [{say: hello, repeat: true}]");
    home.run(&["chat", "helper", "one"]).done();
    home.run(&["gateway", "stop"]).done();
    let total = lengthen(&home);
    let state = home.path().join("state");
    let path = state.to_str().unwrap();
    let args = ["audit", "verify", "--progress", "--resume", path];
    let left: Value = serde_json::from_str(&killed(&home, &args, total)).unwrap();
    assert_eq!(left["seq"], BETWEEN);

    // What lies before the place is not gone through again, and what comes behind it is.
    let database = rusqlite::Connection::open(home.path().join("data/journal.sqlite")).unwrap();
    let change = |seq: u64, from: &str, to: &str| {
        let sql = "UPDATE record SET body = replace(body, ?2, ?3) WHERE seq = ?1 AND instr(body, ?2)";
        assert_eq!(database.execute(sql, (seq, from, to)).unwrap(), 1, "{seq}");
    };
    let kept = fs::read(&state).unwrap();
    change(100, "verdict", "outcome");
    let said = home.run(&args).done();
    said.has(&format!("the record is whole: {total} records"));
    let lines = [BETWEEN, 2 * BETWEEN].map(|come| format!("{come} of {total} records verified\n"));
    assert_eq!(said.err, lines.concat());
    assert!(!state.exists(), "the file of a verification that has come to its end is there still");

    // It has come to its end, so another begins anew; and what is found is the end, too.
    let said = home.run(&args).with(1);
    said.has("record 100");
    assert!(said.err.starts_with(&format!("0 of {total} records verified\n")), "{}", said.err);
    assert!(!state.exists());
    change(100, "outcome", "verdict");
    change(BETWEEN + 1, "verdict", "outcome");
    fs::write(&state, &kept).unwrap();
    home.run(&args).with(1).has(&format!("record {}", BETWEEN + 1));
    change(BETWEEN + 1, "outcome", "verdict");

    // A file of another record, and one that cannot be written.
    let other = String::from_utf8(kept).unwrap().replace(&format!("\"seq\":{BETWEEN}"), "\"seq\":16000");
    fs::write(&state, other).unwrap();
    home.run(&args).with(1).has("record 16000");
    let nowhere = home.path().join("nowhere/state");
    let said = home.run(&["audit", "verify", "--resume", nowhere.to_str().unwrap()]).with(4);
    said.has("the record is whole");
    assert!(said.err.contains("nowhere/state` of the verification cannot be used"), "{}", said.err);

    // Nobody watches, and nobody asked.
    let said = home.run(&["audit", "verify", "--resume", path]).done();
    assert_eq!((said.err.as_str(), state.exists()), ("", false));
}
