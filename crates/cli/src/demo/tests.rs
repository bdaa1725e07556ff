//! What the demo's exit code says: whatever got away, and whatever was lacking.

use serde_json::{Value, json};

use super::*;

/// What a demo finds in which all was contained.
fn found() -> Found {
    let step = |name| Step {
        name,
        tried: "file.read a".to_owned(),
        decision: None,
        stopped_by: None,
        further: 0,
        micros: Some(9),
        record: Some(2),
        checked: "looked at".to_owned(),
        contained: true,
        wrong: None,
    };
    let kill = check::Kill {
        processes: vec![7],
        left: vec![],
        ms: 1.0,
        refused: Some("no".into()),
        answered: false,
    };
    let digest = vocab::Digest::of(b"");
    Found {
        contained: true,
        rehearsal: true,
        missing: vec![],
        steps: vec![step("read the handbook"), step("loop")],
        kill: check::dies(kill),
        verify: Verified {
            ok: true,
            records: 9,
            checkpoint: journal::Head { records: 9, hash: digest },
            changed: 2,
            found: Some("record 2: its body was changed".to_owned()),
            contained: true,
            wrong: None,
        },
    }
}

fn without(layer: &str) -> Layer {
    let layer: Value =
        json!({ "name": layer, "present": false, "why": "the kernel has none", "mend": "get one" });
    serde_json::from_value(layer).unwrap()
}

/// How it ends, for a person and for a program alike.
#[track_caller]
fn concluded(found: &Found) -> Result<Exit, Failure> {
    let (person, program) = (conclude(Screen::new(false), found), conclude(Screen::new(true), found));
    assert_eq!(person, program);
    person
}

#[track_caller]
fn fails(found: &Found, exit: Exit, words: &str) {
    let failure = concluded(found).unwrap_err();
    assert_eq!(failure.exit, exit, "{failure}");
    assert!(failure.sentence.contains(words), "{failure}");
}

#[test]
fn all_that_was_contained_is_0() {
    assert_eq!(concluded(&found()).unwrap().code(), 0);
}

#[test]
fn a_step_a_kill_or_a_record_that_was_not_contained_is_1_and_named() {
    type Spoil = fn(&mut Found);
    let spoils: [(Spoil, &str); 4] = [
        (
            |found| found.steps[1].wrong = Some("the turn went on".to_owned()),
            "not contained: loop: the turn went on",
        ),
        (|found| found.kill.wrong = Some("it lives".to_owned()), "not contained: kill: it lives"),
        (|found| found.verify.wrong = Some("it is broken".to_owned()), "not contained: verify: it is broken"),
        (|_| {}, "not contained"),
    ];
    for (spoil, words) in spoils {
        let mut found = found();
        spoil(&mut found);
        found.contained = false;
        fails(&found, Exit::Found, words);
        // What got away counts for more than what was lacking.
        found.missing.push(without("landlock"));
        fails(&found, Exit::Found, words);
    }
    assert_eq!(Exit::Found.code(), 1);
}

#[test]
fn a_layer_that_is_missing_is_4_and_named() {
    let mut found = found();
    found.missing.extend(["user-namespace", "landlock"].map(without));
    fails(&found, Exit::Unreachable, "this machine lacks layers of the jail: user-namespace, landlock");
    assert_eq!(Exit::Unreachable.code(), 4);
}
