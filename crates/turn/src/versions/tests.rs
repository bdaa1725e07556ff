use super::*;

fn agent() -> AgentName {
    AgentName::new("echo").unwrap()
}

fn add(history: &mut History, text: &str) -> Vec<Change> {
    let (added, changes) = history.plan(&agent(), text, None, Timestamp::UNIX_EPOCH).unwrap().unwrap();
    history.took(&added);
    changes
}

#[test]
fn the_oldest_go_when_there_are_too_many_and_each_is_put_down_whole() {
    let mut history = History::default();
    for n in 0..MAX_VERSIONS {
        assert_eq!(add(&mut history, &format!("text {n}")).len(), 2);
    }
    // The same again is no version, the same as an earlier one is.
    let newest = format!("text {}", MAX_VERSIONS - 1);
    assert!(history.plan(&agent(), &newest, None, Timestamp::UNIX_EPOCH).unwrap().is_none());
    assert!(history.ends_in(Digest::of(newest.as_bytes())));
    let changes = add(&mut history, "text 0");
    assert_eq!(changes.len(), 4);
    assert_eq!(changes[2..], gone("echo/00000000000000000001"));
    assert_eq!((history.0.len(), history.0[0].number), (MAX_VERSIONS, 2));
    assert_eq!(history.0.back().unwrap().number, MAX_VERSIONS as u64 + 1);
}

#[test]
fn the_oldest_go_when_they_take_too_much_room_and_the_newest_stays() {
    let mut history = History::default();
    let large = |n: usize| format!("{n}{}", "x".repeat(MAX_VERSION_BYTES / 4));
    for n in 0..8 {
        add(&mut history, &large(n));
    }
    assert_eq!(history.0.len(), 3);
    add(&mut history, &"y".repeat(MAX_VERSION_BYTES + 1));
    assert_eq!((history.0.len(), history.0[0].number), (1, 9));
}

#[test]
fn a_plan_that_was_not_taken_changes_nothing() {
    let mut history = History::default();
    add(&mut history, "one");
    let author = Author { writes: Digest::of(b"two"), by: PersonId::new("ada").unwrap(), from: Some(1) };
    for _ in 0..2 {
        let (added, _) =
            history.plan(&agent(), "two", Some(&author), Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(added.kept.number, 2);
    }
    assert_eq!(history.0.len(), 1);
}

#[test]
fn what_cannot_be_looked_at_is_not_gone() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("echo")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    std::os::unix::fs::symlink(at("a-share-that-is-away"), at("link")).unwrap();
    for there in [at("echo"), at("link"), at("file").join("echo"), at(&"x".repeat(300))] {
        assert!(!is_gone(&there), "{}", there.display());
    }
    assert!(is_gone(&at("helper")));
}
