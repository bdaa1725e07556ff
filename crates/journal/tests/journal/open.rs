//! Every file that is not a whole journal is refused with one sentence and left as it was.

use std::collections::BTreeSet;
use std::path::Path;

use bulkhead_journal::read::{LookError, ReadError, Reader};
use bulkhead_journal::verify::{VerifyError, verify};
use bulkhead_journal::{Config, Journal, OpenError};

use crate::common::{Clock, NOON, config, database, fill, open};

fn refused(path: &Path) -> OpenError {
    let before = std::fs::read(path).ok();
    let Err(error) = Journal::open(Config { place: path.into() }, Clock::at(NOON)) else {
        panic!("`{}` opened", path.display())
    };
    assert_eq!(std::fs::read(path).ok(), before, "the file was touched");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()) && !text.contains('\n'), "{text}");
    error
}

async fn whole(folder: &Path, records: u64) {
    let journal = open(folder);
    fill(&journal, records).await;
    journal.close().await.unwrap();
}

#[test]
fn what_is_not_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    std::fs::write(&path, "a letter to the editor, rather longer than a database's header. ".repeat(99))
        .unwrap();
    assert!(matches!(refused(&path), OpenError::NotAJournal(_)));
    assert!(matches!(
        verify(&path.as_path().into(), None),
        Err(VerifyError::Open(LookError::NotAJournal(_)))
    ));
    std::fs::remove_file(&path).unwrap();

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    drop(other);
    assert!(matches!(refused(&path), OpenError::NotAJournal(_)));
    assert!(matches!(Reader::open(&path.as_path().into()), Err(ReadError::Open(LookError::NotAJournal(_)))));
}

#[tokio::test]
async fn a_file_that_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 200).await;
    let bytes = std::fs::read(&path).unwrap();
    for left in [0, 7, 60, 99, 100, 4096, 9000, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        std::fs::write(&path, bytes.get(..left).unwrap()).unwrap();
        assert!(matches!(refused(&path), OpenError::Damaged { .. }), "{left} bytes left");
    }
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(open(folder.path()).head().records, 200);
}

#[tokio::test]
async fn a_damaged_page_that_the_next_record_would_stand_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 200).await;
    let conn = rusqlite::Connection::open(&path).unwrap();
    let page: u64 = conn
        .query_row("SELECT max(pageno) FROM dbstat WHERE name = 'record' AND pagetype = 'leaf'", [], |row| {
            row.get(0)
        })
        .unwrap();
    drop(conn);
    let mut bytes = std::fs::read(&path).unwrap();
    let begin = usize::try_from((page - 1) * 4096).unwrap();
    bytes.get_mut(begin..begin + 4096).unwrap().fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!verify(&path.as_path().into(), None).unwrap().ok);
}

#[tokio::test]
async fn a_tail_that_was_tampered_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 200).await;
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 190", []).unwrap();
    drop(conn);
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("record 190: its body was changed"), "{error}");
}

#[tokio::test]
async fn a_form_from_before_the_first_release() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 1).await;
    for form in [1, 2] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", form).unwrap();
        conn.close().unwrap();
        let error = refused(&path);
        assert!(matches!(error, OpenError::Past { found, .. } if found == form), "{error}");
        assert!(error.to_string().contains("move it away"));
        assert!(matches!(
            verify(&path.as_path().into(), None),
            Err(VerifyError::Open(LookError::Past { found, .. })) if found == form
        ));
    }
}

#[tokio::test]
async fn a_tree_without_its_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 600).await;
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("DELETE FROM node WHERE number = 0", []).unwrap();
    conn.close().unwrap();
    let error = refused(&path);
    assert!(
        matches!(error, OpenError::Damaged { .. }) && error.to_string().contains("the nodes of its tree")
    );
}

#[tokio::test]
async fn a_newer_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 1).await;
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 4).unwrap();
    conn.close().unwrap();
    assert!(matches!(refused(&path), OpenError::Future { found: 4, .. }));
    assert!(matches!(
        verify(&path.as_path().into(), None),
        Err(VerifyError::Open(LookError::Future { found: 4, .. }))
    ));
}

#[tokio::test]
async fn another_program_that_holds_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    whole(folder.path(), 1).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN IMMEDIATE; CREATE TABLE x (y); COMMIT").unwrap();
    let Err(error) = Journal::open(config(folder.path()), Clock::at(NOON)) else { panic!("opened") };
    assert!(matches!(error, OpenError::Busy(_)), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    for path in [
        file.join("journal.sqlite"),
        folder.path().join("nowhere/journal.sqlite"),
        "/proc/journal.sqlite".into(),
    ] {
        assert!(matches!(refused(&path), OpenError::Unwritable { .. }), "{}", path.display());
    }
}

#[tokio::test]
async fn a_database_that_went_missing_beside_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    std::fs::write(folder.path().join("journal.sqlite-wal"), "what is left").unwrap();
    assert!(matches!(refused(&path), OpenError::Damaged { .. }));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_making_that_was_interrupted_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("journal.sqlite.new"), "half of it").unwrap();
    let journal = open(folder.path());
    fill(&journal, 1).await;
    assert!(!folder.path().join("journal.sqlite.new").exists());
}

#[test]
fn looking_at_what_is_not_there_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    assert!(matches!(
        Reader::open(&path.as_path().into()),
        Err(ReadError::Open(LookError::Unreadable { .. }))
    ));
    assert!(verify(&path.as_path().into(), None).is_err());
    assert!(!path.exists());
}

/// How often the kernel's list is read: while others lock and unlock, a reading may have one twice or leave one out.
const READINGS: usize = 32;

/// The locks that this process has on a file, as the kernel lists them.
fn locks(path: &Path) -> BTreeSet<String> {
    (0..READINGS).flat_map(|_| listed(path)).collect()
}

fn listed(path: &Path) -> BTreeSet<String> {
    use std::os::unix::fs::MetadataExt;
    let inode = format!(":{}", std::fs::metadata(path).unwrap().ino());
    let process = std::process::id().to_string();
    let all = std::fs::read_to_string("/proc/locks").unwrap();
    let ours =
        |words: &[&str]| words.contains(&process.as_str()) && words.iter().any(|word| word.ends_with(&inode));
    all.lines()
        .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>())
        .filter(|words| ours(words))
        .map(|words| words.join(" "))
        .collect()
}

#[tokio::test]
async fn a_look_from_within_the_gateway_leaves_the_writers_lock_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let journal = open(folder.path());
    fill(&journal, 3).await;
    let before = locks(&path);
    assert!(!before.is_empty(), "the writer holds no lock that could be lost");
    drop(Reader::open(&path.as_path().into()).unwrap().tail(1).unwrap());
    assert!(verify(&path.as_path().into(), None).unwrap().ok);
    assert!(Journal::open(config(folder.path()), Clock::at(NOON)).is_err());
    assert_eq!(locks(&path), before);
    journal.close().await.unwrap();
}
