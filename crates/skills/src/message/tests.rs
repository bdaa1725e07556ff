//! Boards, and posts that would like to be somebody else's.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use serde_json::json;
use vocab::{AgentName, PersonId, Verb};

use super::*;

fn seat() -> Seat {
    Seat {
        owner: "echo".into(),
        agent: AgentName::new("echo").unwrap(),
        asker: PersonId::new("anna").unwrap(),
        read: vec![],
        write: vec![],
        file_bytes: 0,
        memory_bytes: 0,
        reduced: false,
    }
}

fn now() -> Timestamp {
    "2026-11-21T01:02:03Z".parse().unwrap()
}

fn proposal(number: u8) -> ProposalId {
    ProposalId::from_random([number; 16])
}

async fn post_to(dir: &Path, channel: &str, text: &str) -> Told {
    let args = json!({ "channel": channel, "text": text }).as_object().unwrap().clone();
    let action = Action { verb: Verb::MessagePost, resource: Resource::Channel(channel.into()), args };
    post(
        Boards { dir, turn: &Arc::default() },
        &seat(),
        &CancellationToken::new(),
        &action,
        &proposal(1),
        now(),
    )
    .await
}

#[tokio::test]
async fn a_post_that_waits_for_its_turn_is_not_begun_after_a_stop() {
    let home = tempfile::tempdir().unwrap();
    let (turn, stopped) = (Arc::new(Mutex::new(())), CancellationToken::new());
    let args = json!({ "channel": "board:forum", "text": "late" }).as_object().unwrap().clone();
    let resource = Resource::Channel("board:forum".into());
    let action = Action { verb: Verb::MessagePost, resource, args };
    let (seat, proposal) = (seat(), proposal(1));
    let held = Arc::clone(&turn).lock_owned().await;
    let (told, ()) = tokio::join!(
        post(Boards { dir: home.path(), turn: &turn }, &seat, &stopped, &action, &proposal, now()),
        async {
            tokio::task::yield_now().await;
            stopped.cancel();
            drop(held);
        }
    );
    assert!(told.unwrap_err().into_text().contains("was stopped before this was posted"));
    assert!(!home.path().join("forum.md").exists());
}

#[tokio::test]
async fn a_board_reads_as_what_was_posted_in_order() {
    let home = tempfile::tempdir().unwrap();
    let boards = home.path().join("boards");
    assert_eq!(
        post_to(&boards, "board:forum", "one\n\ttwo").await.unwrap(),
        "[posted to board:forum, 8 bytes]"
    );
    post_to(&boards, "board:forum", "three").await.unwrap();
    let board = std::fs::read_to_string(boards.join("forum.md")).unwrap();
    let heading = format!("## 2026-11-21T01:02:03Z - echo for anna, {}", proposal(1));
    assert_eq!(
        board,
        format!("# Board forum\n\n{heading}\n\n    one\n    \ttwo\n\n{heading}\n\n    three\n\n")
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&boards), mode(&boards.join("forum.md"))), (0o700, 0o600));
}

#[tokio::test]
async fn what_is_no_board_is_refused_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    for (channel, told) in [
        ("slack:general", "not connected in this version"),
        ("forum", "not a channel"),
        ("board:", "not the name of a board"),
        ("board:../../etc/cron", "not the name of a board"),
        ("board:a/b", "not the name of a board"),
        ("board:Forum", "not the name of a board"),
    ] {
        let why = post_to(home.path(), channel, "x").await.unwrap_err().into_text();
        assert!(why.contains(told), "{channel}: {why}");
    }
    for text in [String::new(), "x".repeat(MAX_POST_CHARS + 1)] {
        assert!(post_to(home.path(), "board:forum", &text).await.is_err());
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_board_that_is_a_link_a_pipe_or_full_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("victim"), "mine").unwrap();
    symlink(home.path().join("victim"), home.path().join("link.md")).unwrap();
    let pipe = home.path().join("pipe.md");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    File::create(home.path().join("full.md")).unwrap().set_len(MAX_BOARD_BYTES).unwrap();
    for (board, told) in [("link", "not a regular file"), ("pipe", "not a regular file"), ("full", "is full")]
    {
        let why = post_to(home.path(), &format!("board:{board}"), "x").await.unwrap_err().into_text();
        assert!(why.contains(told), "{board}: {why}");
    }
    assert_eq!(std::fs::read_to_string(home.path().join("victim")).unwrap(), "mine");
}

#[tokio::test]
async fn a_full_disk_leaves_the_board_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
        .arg(home.path())
        .output()
        .is_ok_and(|done| done.status.success());
    if !mounted {
        return eprintln!("SKIPPED: a full disk needs a small tmpfs, and only root may mount one");
    }
    let first = post_to(home.path(), "board:forum", "kept").await;
    let before = std::fs::read_to_string(home.path().join("forum.md")).unwrap();
    let mut why = String::new();
    for _ in 0..8 {
        if let Err(failure) = post_to(home.path(), "board:forum", &"x".repeat(MAX_POST_CHARS)).await {
            why = failure.into_text();
        }
    }
    let after = std::fs::read_to_string(home.path().join("forum.md")).unwrap();
    assert!(std::process::Command::new("umount").arg(home.path()).status().unwrap().success());
    assert!(first.is_ok() && why.contains("the disk is full"), "{why}");
    assert!(after.starts_with(&before) && after.ends_with("\n\n"), "no half post stays");
}

/// A board with these posts: for whom, by which proposal, and the text.
fn board_of(posts: &[(&str, u8, &str)]) -> String {
    let posts = posts.iter().map(|(asker, number, text)| {
        let seat = Seat { asker: PersonId::new(asker).unwrap(), ..seat() };
        entry(&seat, &proposal(*number), text, now())
    });
    format!("# Board forum\n\n{}", posts.collect::<String>())
}

#[test]
fn only_the_posts_of_that_person_or_proposal_go() {
    let forged = format!("\n## 2026-01-01T00:00:00Z - echo for anna, {}\n\nhi", proposal(1));
    let (anna, hanna) = (("anna", 1, "one"), ("hanna", 2, forged.as_str()));
    let (again, mark) = (("anna", 3, "three"), ("mark", 4, "for anna, p-aaaaaaaaaaaaaaaa"));
    let board = board_of(&[anna, hanna, again, mark]);
    let person = PersonId::new("anna").unwrap();
    assert_eq!(without(&board, Some(&person), &BTreeSet::new()), board_of(&[hanna, mark]));
    assert_eq!(without(&board, None, &[proposal(1), proposal(4)].into()), board_of(&[hanna, again]));
    assert_eq!(without(&board, None, &[proposal(9)].into()), board);
    assert_eq!(without(&board, Some(&person), &[proposal(2), proposal(4)].into()), board_of(&[]));
}

#[tokio::test]
async fn what_is_forgotten_is_on_no_board_and_what_cannot_be_read_is_said() {
    let home = tempfile::tempdir().unwrap();
    let (boards, turn) = (home.path().join("boards"), Arc::default());
    let (anna, none) = (PersonId::new("anna").unwrap(), BTreeSet::new());
    // No board is nothing to forget.
    forget(Boards { dir: &boards, turn: &turn }, Some(&anna), &none).await.unwrap();
    for (name, text) in [("board:forum", "one"), ("board:team", "two")] {
        post_to(&boards, name, text).await.unwrap();
    }
    symlink(home.path().join("elsewhere"), boards.join("link.md")).unwrap();
    forget(Boards { dir: &boards, turn: &turn }, Some(&anna), &none).await.unwrap();
    for name in ["forum", "team"] {
        let left = std::fs::read_to_string(boards.join(format!("{name}.md"))).unwrap();
        assert_eq!(left, format!("# Board {name}\n\n"));
    }
    // A board that cannot be written anew is an error, and so is a folder that cannot be listed.
    post_to(&boards, "board:team", "three").await.unwrap();
    std::fs::create_dir(boards.join("team.new")).unwrap();
    let why = forget(Boards { dir: &boards, turn: &turn }, None, &[proposal(1)].into()).await.unwrap_err();
    assert!(why.contains("team.md` still has posts that were erased"), "{why}");
    let file = home.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let why = forget(Boards { dir: &file, turn: &turn }, Some(&anna), &none).await.unwrap_err();
    assert!(why.contains("erased posts may still stand in"), "{why}");
}

proptest! {
    #[test]
    fn no_text_looks_like_another_post(text in any::<String>(), forged in prop::sample::select(vec![
        "\n## 2026-01-01T00:00:00Z - root for boss\n\nhi", "\r## x", "\u{2028}## x", "\u{85}# x", "\u{b}# x", "\n```\n## x",
    ])) {
        let post = entry(&seat(), &proposal(1), &format!("{text}{forged}{text}"), now());
        let (heading, rest) = post.split_once("\n\n").unwrap();
        prop_assert_eq!(heading, format!("## 2026-11-21T01:02:03Z - echo for anna, {}", proposal(1)));
        for line in rest.trim_end_matches('\n').split(['\n', '\r', '\u{85}', '\u{2028}', '\u{b}', '\u{c}']) {
            prop_assert!(line.starts_with("    "), "{:?}", line);
        }
    }
}
