//! Witnesses that are asked: one that does as C2SP says, and ones that do everything wrong.

use std::process::Command;

use bulkhead_tests::witness::{Cosigner, Mood, NAME, Witness, answer};
use bulkhead_tests::{Home, Said, eventually};
use serde_json::Value;

use crate::gateway::{SCENE, standing};

/// A home that has its checkpoints cosigned, none of it started yet.
fn home(witness: &Witness) -> Home {
    cosigned_by(witness, Home::new())
}

fn cosigned_by(witness: &Witness, home: Home) -> Home {
    home.scene(SCENE);
    home.edit("every-records = 4096", "every-records = 1");
    // The first start makes the key, which the witness has to know.
    home.start();
    home.run(&["gateway", "stop"]).done();
    witness.knows(home.json(&["audit", "key", "show"])["key"].as_str().unwrap());
    home.add(&witness.settings());
    home
}

fn chat(home: &Home) {
    home.run(&["chat", "helper", "hi"]).done();
}

fn error(home: &Home) -> String {
    standing(home, "w1")["last_error"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the witness has cosigned more than `size` records and the record has it.
fn cosigned(home: &Home, size: u64) -> u64 {
    let taken = || standing(home, "w1")["taken"].as_u64().unwrap();
    eventually(&format!("more than {size} records are cosigned"), || {
        taken() > size && error(home).is_empty()
    });
    taken()
}

/// The sizes of which the record says that they were cosigned.
fn recorded(home: &Home) -> Vec<u64> {
    let records = home.records(&["--event", "checkpoint.cosigned"]);
    records.iter().map(|record| record["facts"]["size"].as_u64().unwrap()).collect()
}

fn facts(home: &Home, event: &str) -> Vec<Value> {
    home.records(&["--event", event]).into_iter().map(|record| record["facts"].clone()).collect()
}

/// What doctor finds of witnesses.
fn found(home: &Home) -> Vec<(String, String)> {
    let doctor = home.json_whatever(&["doctor"]);
    let found = doctor["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "witness");
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    found.map(|one| (text(one, "state"), text(one, "message"))).collect()
}

#[test]
fn each_checkpoint_is_cosigned_and_after_a_restart_from_where_the_witness_was() {
    let witness = Witness::default();
    let home = home(&witness);
    home.start();
    chat(&home);
    let first = cosigned(&home, 0);
    home.run(&["gateway", "status"]).done().has(", cosigned last at 20");
    assert!(found(&home).iter().any(|(_, message)| message.contains("`w1` cosigned last at 20")));
    let asked = witness.olds().len();
    for _ in 0..2 {
        home.run(&["gateway", "restart"]).done();
        let before = witness.size();
        chat(&home);
        cosigned(&home, before);
    }
    home.run(&["gateway", "stop"]).done();
    // What it cosigned last was known each time.
    let olds = witness.olds();
    assert!(olds.len() > asked + 1 && olds[asked..].iter().all(|old| *old >= first), "{first}: {olds:?}");
    assert_eq!(olds.iter().filter(|old| **old == 0).count(), 1, "{olds:?}");
    assert_eq!(olds[0], 0);
    // A gateway that stops has its last checkpoint cosigned, if that does not take too long.
    let note = || home.run(&["audit", "checkpoint", "--last"]).done().out;
    eventually("the last checkpoint is cosigned", || {
        home.start();
        home.run(&["gateway", "stop"]).done();
        note().contains(NAME)
    });
    let recorded = recorded(&home);
    assert!(recorded.is_sorted_by(|one, next| one < next), "cosigned twice: {recorded:?}");
    let sent = witness.answered(200);
    assert!(sent.is_sorted(), "{sent:?}");
    assert!(recorded.iter().all(|size| sent.contains(size)), "{recorded:?} of {sent:?}");
    let last = *recorded.last().unwrap();
    let verified = home.json(&["audit", "verify"]);
    assert_eq!((&verified["ok"], &verified["cosigned"][0]["witness"]), (&true.into(), &NAME.into()));
    assert_eq!(verified["cosigned"][0]["size"], last);
    // The note itself has it, for whoever keeps it elsewhere.
    let note = note();
    assert!(note.contains(&format!("\u{2014} {NAME} ")), "{note}");
    assert!(!note.contains("other.example"), "a line of a key that nobody named was kept: {note}");
    let file = home.outside().join("checkpoint");
    std::fs::write(&file, note).unwrap();
    home.run(&["audit", "verify", "--checkpoint", file.to_str().unwrap()]).done().has(NAME);
}

#[test]
fn a_witness_that_was_away_gets_the_newest_with_the_proof_from_where_it_was() {
    let mut witness = Witness::default();
    let home = home(&witness);
    home.start();
    chat(&home);
    cosigned(&home, 0);
    witness.goes();
    let before = witness.size();
    chat(&home);
    eventually("it is missed", || error(&home).contains("nobody answers at http://"));
    chat(&home);
    assert!(found(&home).iter().any(|(state, message)| state == "missing" && message.contains("`w1`")));
    let told = facts(&home, "publishing.failed");
    assert_eq!((told.len(), &told[0]["place"]), (1, &"w1".into()), "{told:?}");
    witness.comes();
    cosigned(&home, before);
    assert_eq!(witness.answered(409), [0; 0]);
    assert_eq!(facts(&home, "checkpoint.contradicted").len(), 0);
    home.verifies();
}

#[test]
fn two_gateways_of_one_record_have_it_cosigned_by_one_witness_which_contradicts_neither() {
    for home in Home::both("export::witness::two_gateways_of_one_record") {
        if !home.is_on_server() {
            continue;
        }
        let witness = Witness::default();
        let home = cosigned_by(&witness, home);
        let other = home.beside().unwrap();
        other.scene(SCENE);
        other.edit("every-records = 4096", "every-records = 1");
        other.add(&witness.settings());
        let both = [&home, &other];
        for home in both {
            home.start();
        }
        for _ in 0..3 {
            let before = witness.size();
            let chats = both.map(|home| home.begin(&["chat", "helper", "hi"]));
            for chat in chats {
                drop(Said::of(chat).done());
            }
            for home in both {
                cosigned(home, before);
            }
        }
        for home in both {
            home.run(&["gateway", "stop"]).done();
        }
        // Each may have asked where the other had been faster, and was told from where to go on.
        for event in ["checkpoint.contradicted", "cosignature.refused", "publishing.failed"] {
            assert_eq!(facts(&home, event), Vec::<Value>::new(), "{event}");
        }
        let (recorded, sent) = (recorded(&home), witness.answered(200));
        assert!(recorded.iter().all(|size| sent.contains(size)), "{recorded:?} of {sent:?}");
        for home in both {
            let verified = home.json(&["audit", "verify"]);
            assert_eq!(verified["cosigned"][0]["size"].as_u64(), recorded.iter().max().copied());
            assert!(found(home).iter().all(|(state, _)| state != "unsafe"), "{:?}", found(home));
        }
        home.verifies();
    }
}

#[test]
fn a_witness_that_knows_another_size_is_sent_the_proof_from_there() {
    let witness = Witness::default();
    let home = home(&witness);
    home.start();
    chat(&home);
    let first = cosigned(&home, 0);
    // It has cosigned more than came back.
    witness.is(Mood::Loses);
    chat(&home);
    eventually("it cosigned what is not known here", || witness.size() > first && !error(&home).is_empty());
    witness.is(Mood::Honest);
    let second = cosigned(&home, first);
    assert!(!witness.answered(409).is_empty());
    // It has forgotten what it cosigned.
    witness.forgets();
    chat(&home);
    cosigned(&home, second);
    assert_eq!(facts(&home, "checkpoint.contradicted").len(), 0);
    home.verifies();
}

#[test]
fn a_record_that_was_set_back_is_contradicted_by_its_witness_and_so_is_what_goes_on_from_there() {
    let witness = Witness::default();
    let home = home(&witness);
    home.start();
    chat(&home);
    cosigned(&home, 0);
    home.run(&["gateway", "stop"]).done();
    let copy = |from: &str, to: &str| {
        let done = Command::new("cp").args(["-a", from, to]).status().unwrap();
        assert!(done.success());
    };
    let path = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    for part in ["data", "keys"] {
        copy(&path(home.at(part)), &path(home.outside().join(part)));
    }
    home.start();
    for _ in 0..3 {
        let before = witness.size();
        chat(&home);
        cosigned(&home, before);
    }
    home.run(&["gateway", "stop"]).done();
    let seen = witness.size();
    // With the checkpoint that the gateway remembers: nothing on this machine shows it.
    for part in ["data", "keys"] {
        std::fs::remove_dir_all(home.at(part)).unwrap();
        copy(&path(home.outside().join(part)), &path(home.at(part)));
    }
    home.start();
    chat(&home);
    eventually("it is an alert", || !facts(&home, "checkpoint.contradicted").is_empty());
    let told = facts(&home, "checkpoint.contradicted").remove(0);
    assert_eq!((&told["witness"], &told["why"]), (&"w1".into(), &"longer".into()), "{told}");
    let unsafe_ = |words: &str| {
        found(&home).iter().any(|(state, message)| state == "unsafe" && message.contains(words))
    };
    assert!(unsafe_("contradicts this record: it has cosigned"), "{:?}", found(&home));
    // It grows beyond what the witness has seen, and is another record there.
    while home.records(&[]).last().unwrap()["seq"].as_u64().unwrap() <= seen {
        chat(&home);
    }
    let other = || facts(&home, "checkpoint.contradicted").into_iter().find(|told| told["why"] == "other");
    eventually("that is another alert", || other().is_some());
    assert_eq!(other().unwrap()["seen"].as_u64().unwrap(), witness.size());
    assert!(unsafe_("does not continue what it cosigned"), "{:?}", found(&home));
    assert!(!witness.answered(422).is_empty());
    assert!(recorded(&home).iter().all(|size| *size < seen), "what was contradicted was cosigned");
    home.verifies();
}

#[test]
fn a_contradiction_is_told_at_the_very_size_and_stays_until_the_witness_cosigns_again() {
    let mut witness = Witness::default();
    let home = home(&witness);
    home.start();
    chat(&home);
    let mut taken = cosigned(&home, 0);
    let contradicted = || {
        let unsafe_ =
            |(state, said): &(String, String)| state == "unsafe" && said.contains("`w1` contradicts");
        found(&home).iter().any(unsafe_)
    };
    for (mood, why, words) in [
        (Mood::Differs, "other", "does not continue what it cosigned"),
        (Mood::Ahead, "unmade", "no checkpoint of that size"),
    ] {
        assert!(!contradicted(), "{:?}", found(&home));
        witness.is(mood);
        home.run(&["audit", "checkpoint"]).done();
        let told = || facts(&home, "checkpoint.contradicted").into_iter().rfind(|told| told["why"] == why);
        eventually(&format!("{why} is an alert"), || told().is_some());
        let told = told().unwrap();
        assert!(told["error"].as_str().unwrap().contains(words), "{told}");
        if why == "other" {
            assert_eq!(told["seen"], told["size"], "{told}");
        }
        // That it is away then takes nothing of it back, and neither does the end of the gateway that saw it.
        witness.goes();
        home.run(&["audit", "checkpoint"]).done();
        eventually("it is missed", || error(&home).contains("nobody answers at http://"));
        assert!(contradicted(), "{:?}", found(&home));
        home.run(&["gateway", "stop"]).done();
        assert!(contradicted(), "{:?}", found(&home));
        home.start();
        assert!(contradicted(), "{:?}", found(&home));
        witness.is(Mood::Honest);
        witness.forgets();
        witness.comes();
        chat(&home);
        taken = cosigned(&home, taken);
    }
    assert!(!contradicted(), "{:?}", found(&home));
    home.verifies();
}

/// What a witness does, what is said of it then, and the event that the record has.
fn wrongs() -> Vec<(Mood, &'static str, &'static str)> {
    let says = |status, head: &str, body: &[u8]| Mood::Says(answer(status, head, body));
    let size = "content-type: text/x.tlog.size\r\n";
    let (away, refused) = ("publishing.failed", "cosignature.refused");
    let mut huge = format!("\u{2014} {NAME} ").into_bytes();
    huge.resize(10 * 1024 * 1024, b'A');
    vec![
        (Mood::Forges, "does not hold: it was forged", refused),
        (Mood::Signs([7; 32]), "no signature by the key", refused),
        // Its key is one of `witnesses`, and not this witness's.
        (Mood::Signs([6; 32]), "no signature by the key", refused),
        (Mood::Twice, "several signatures by the key", refused),
        (Mood::Off(7_200), "one of the two clocks is wrong", refused),
        (Mood::Off(-7_200), "one of the two clocks is wrong", refused),
        (says(200, "", b"<html>thanks</html>\n"), "is no cosignature", away),
        (says(200, "", b"\xff\xfe\n"), "it is not text", away),
        (says(200, "", b""), "is no cosignature", away),
        (says(200, "", &huge), "which is not read", away),
        (Mood::Stalls, "within 5 s", away),
        (Mood::Says(b"nonsense".to_vec()), "broke before all was taken", away),
        (says(301, "location: http://127.0.0.1:9/\r\n", b""), "not followed", away),
        (says(400, "", b""), "(400)", away),
        (says(403, "", b""), "audit key show", away),
        (says(404, "", b""), "does not know this record", away),
        (says(409, size, b"many\n"), "the size that it names is none", away),
        (says(409, size, b"1\n"), "each time", away),
        (says(503, "", b""), "503", away),
    ]
}

#[test]
fn what_a_witness_does_wrong_is_said_and_nothing_of_it_is_stored() {
    let witness = Witness::default();
    let home = home(&witness);
    let brought = Cosigner::of([6; 32]).key();
    home.edit("[checkpoint]\n", &format!("[checkpoint]\nwitnesses = [{brought:?}]\n"));
    home.start();
    chat(&home);
    let mut taken = cosigned(&home, 0);
    for (mood, words, event) in wrongs() {
        let (what, before) = (format!("{mood:.60?}"), facts(&home, event).len());
        witness.is(mood);
        home.run(&["audit", "checkpoint"]).done();
        eventually(&format!("{what}: {words}"), || error(&home).contains(words));
        eventually(&format!("{what} is in the record"), || facts(&home, event).len() > before);
        assert_eq!(facts(&home, event).len(), before + 1, "{what} is told once");
        witness.is(Mood::Honest);
        taken = cosigned(&home, taken);
    }
    assert_eq!(facts(&home, "checkpoint.contradicted").len(), 0);
    let records = home.records(&["--event", "checkpoint.cosigned"]);
    let own = Cosigner::default().key();
    assert!(records.iter().all(|record| record["facts"]["witness"] == own.as_str()), "{records:?}");
    home.verifies();
}

#[test]
fn what_a_witness_cosigned_while_it_lied_about_the_time_is_not_in_the_record() {
    let witness = Witness::default();
    let home = home(&witness);
    witness.is(Mood::Off(i64::from(i32::MAX)));
    home.start();
    chat(&home);
    eventually("it is refused", || !facts(&home, "cosignature.refused").is_empty());
    home.run(&["gateway", "stop"]).done();
    assert_eq!(recorded(&home), [0; 0]);
    let note = home.run(&["audit", "checkpoint", "--last"]).done().out;
    assert!(!note.contains(NAME), "{note}");
    let nothing = serde_json::json!([{ "witness": NAME, "size": null, "time": null }]);
    assert_eq!(home.json(&["audit", "verify"])["cosigned"], nothing);
    home.run(&["audit", "verify"]).done().has(&format!("{NAME}: nothing"));
    // Where the settings cannot be read nobody is known to be a witness, which is said.
    home.add("nonsense");
    let record = home.at("data/journal.sqlite");
    let verified = home.run(&["audit", "verify", "--file", record.to_str().unwrap()]).done();
    assert!(
        verified.err.contains("no witness is known here") && !verified.out.contains(NAME),
        "{verified:?}"
    );
}

#[test]
fn two_witnesses_cosign_side_by_side_and_one_that_is_removed_counts_no_more() {
    let second = || Cosigner::called("other.example/7", [5; 32]);
    let (one, mut two) = (Witness::default(), Witness::of(second()));
    let home = home(&one);
    two.knows(home.json(&["audit", "key", "show"])["key"].as_str().unwrap());
    home.add(&two.settings_as("w2"));
    home.start();
    chat(&home);
    let taken = |name: &str| standing(&home, name)["taken"].as_u64().unwrap_or_default();
    eventually("both cosign", || taken("w1") > 0 && taken("w2") > 0);
    // One that is away keeps the other from nothing.
    two.goes();
    let before = taken("w1");
    chat(&home);
    cosigned(&home, before);
    eventually("it is missed", || standing(&home, "w2")["last_error"].is_string());
    two.comes();
    let before = taken("w1");
    chat(&home);
    cosigned(&home, before);
    eventually("it cosigns again", || taken("w2") > before);
    let end = || ["w1", "w2"].map(taken);
    eventually("both have the same end", || {
        let [one, two] = end();
        one == two && home.run(&["audit", "checkpoint", "--last"]).done().out.contains("other.example/7")
    });
    home.run(&["gateway", "stop"]).done();
    let cosigned_by = || -> Vec<(String, Option<u64>)> {
        let verified = home.json(&["audit", "verify"]);
        assert_eq!(verified["ok"], true, "{verified}");
        let each = verified["cosigned"].as_array().unwrap().iter();
        let mut each: Vec<_> =
            each.map(|one| (one["witness"].as_str().unwrap().to_owned(), one["size"].as_u64())).collect();
        each.sort();
        each
    };
    let both = cosigned_by();
    assert_eq!(both.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["other.example/7", NAME]);
    assert!(both.iter().all(|(_, size)| size.is_some()), "{both:?}");
    let note = home.run(&["audit", "checkpoint", "--last"]).done().out;
    let kept = home.outside().join("checkpoint");
    std::fs::write(&kept, &note).unwrap();

    home.edit(&two.settings_as("w2"), "");
    let asked = two.olds().len();
    home.start();
    let before = taken("w1");
    chat(&home);
    cosigned(&home, before);
    // It is not asked, not missed and not told of; what it said of the past harms nothing and counts for nothing.
    assert_eq!((two.olds().len(), standing(&home, "w2")), (asked, Value::Null));
    assert!(
        found(&home).iter().all(|(state, message)| state == "ok" && !message.contains("w2")),
        "{:?}",
        found(&home)
    );
    let file = home.outside().join("cosignature");
    let newest = home.run(&["audit", "checkpoint", "--last"]).done().out;
    std::fs::write(&file, second().cosign(&newest, 1_790_000_000)).unwrap();
    home.run(&["audit", "cosign", file.to_str().unwrap()]).fails(3, "of no witness that the settings name");
    home.run(&["gateway", "stop"]).done();
    let [(name, _)] = cosigned_by().try_into().unwrap();
    assert_eq!(name, NAME);
    let said = home.run(&["audit", "verify", "--checkpoint", kept.to_str().unwrap()]).done();
    assert!(said.out.contains(NAME) && !said.out.contains("other.example/7"), "{}", said.out);
}
