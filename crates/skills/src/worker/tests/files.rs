//! What a well-meaning agent does with files.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use vocab::frame;
use vocab::limits::MAX_RESULT_BYTES;

use super::*;
use crate::wire::Kind;

#[test]
fn a_file_comes_back_as_it_was_written() {
    let field = Field::new();
    assert_eq!(field.write("a/b/c.md", "zażółć\n"), FromWorker::Written { size: 11, created: true });
    assert_eq!(content(field.read("a/b/c.md")), "zażółć\n");
    assert_eq!(field.write("a/b/c.md", "new"), FromWorker::Written { size: 3, created: false });
    assert_eq!(content(field.read("a/b/c.md")), "new");
    assert_eq!(field.names("a/b"), ["c.md"], "no temporary file stays behind");
}

#[test]
fn appending_adds_and_makes_the_file_when_there_is_none() {
    let field = Field::new();
    assert_eq!(field.append("log", "one\n"), FromWorker::Written { size: 4, created: true });
    assert_eq!(field.append("log", "two\n"), FromWorker::Written { size: 8, created: false });
    assert_eq!(field.held("log"), "one\ntwo\n");
}

#[test]
fn a_replaced_file_keeps_its_permissions_but_not_a_set_user_id() {
    let field = Field::new();
    field.put("x", "old");
    std::fs::set_permissions(field.root().join("x"), std::fs::Permissions::from_mode(0o4600)).unwrap();
    field.write("x", "new");
    let mode = std::fs::metadata(field.root().join("x")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_grant_may_name_a_single_file() {
    let field = Field::new();
    field.put("only", "x");
    let place = Place { root: text(&field.root().join("only")), beneath: String::new(), max_bytes: MIB };
    assert_eq!(content(read(place.clone())), "x");
    let written =
        answer(ToWorker::Write { place: place.clone(), content: "y".into(), append: false, over: None });
    assert_eq!(written, FromWorker::Written { size: 1, created: false });
    let beneath = Place { beneath: "more".into(), ..place };
    assert!(why(read(beneath)).contains("not a folder"));
}

#[test]
fn a_folder_is_listed_one_line_an_entry() {
    let field = Field::new();
    std::fs::create_dir(field.root().join("sub")).unwrap();
    field.put("b\n# forged (1 bytes)", "12345");
    field.link(field.secret(), "link");
    let FromWorker::Listing { entries, more } = field.read("") else { panic!("not a listing") };
    let seen: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind, entry.bytes)).collect();
    assert_eq!(
        seen,
        [("b\\n# forged (1 bytes)", Kind::File, 5), ("link", Kind::Link, 0), ("sub", Kind::Folder, 0)]
    );
    assert!(!more);
}

#[test]
fn a_large_folder_is_listed_in_part_and_says_so() {
    let field = Field::new();
    for count in 0..1001 {
        field.put(&format!("{count}"), "");
    }
    let FromWorker::Listing { entries, more } = field.read("") else { panic!("not a listing") };
    assert_eq!((entries.len(), more), (1000, true));
}

#[test]
fn a_long_file_is_read_in_windows_that_never_split_a_character() {
    let field = Field::new();
    let whole = "aé".repeat(MAX_RESULT_BYTES / 2);
    field.put("long", &whole);
    let (mut offset, mut read) = (0, String::new());
    loop {
        let window = answer(ToWorker::Read { place: field.place("long"), offset, limit: u64::MAX });
        let FromWorker::Content { text, size, end } = window else { panic!("{window:?}") };
        assert!(text.len() <= MAX_RESULT_BYTES);
        assert_eq!(end, offset + text.len() as u64);
        read.push_str(&text);
        offset = end;
        if end == size {
            break;
        }
    }
    assert_eq!(read, whole);
    let inside = answer(ToWorker::Read { place: field.place("long"), offset: 2, limit: 10 });
    assert!(why(inside).contains("inside a character; try 3"));
    let behind = answer(ToWorker::Read { place: field.place("long"), offset: MIB * 9, limit: 10 });
    assert!(why(behind).contains("behind the end"));
}

#[test]
fn requests_over_the_socket_are_answered_in_order_until_it_closes() {
    let field = Field::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let worker = std::thread::spawn(move || super::super::work(theirs));
    for count in 0..3 {
        let request =
            ToWorker::Write { place: field.place("n"), content: count.to_string(), append: true, over: None };
        frame::write(&mut ours, &request).unwrap();
        let answer: FromWorker = frame::read(&mut ours).unwrap().unwrap();
        assert_eq!(answer, FromWorker::Written { size: count + 1, created: count == 0 });
    }
    drop(ours);
    worker.join().unwrap().unwrap();
    assert_eq!(field.held("n"), "012");
}

#[test]
fn a_request_that_is_none_ends_the_worker_with_an_error() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let worker = std::thread::spawn(move || super::super::work(theirs));
    frame::write(&mut ours, &serde_json::json!({"frame": "exec", "command": "sh"})).unwrap();
    assert!(worker.join().unwrap().is_err());
}
