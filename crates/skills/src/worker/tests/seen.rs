//! What is looked at before it is replaced, and what alone may be written over.

use monitor::Over;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use vocab::Digest;

use super::*;
use crate::wire::{MAX_LOOKED_BYTES, MAX_SEEN_TEXT_BYTES, Sight};

fn look(field: &Field, beneath: &str) -> FromWorker {
    answer(ToWorker::Look { place: field.place(beneath) })
}

fn sight(field: &Field, beneath: &str) -> Option<Sight> {
    match look(field, beneath) {
        FromWorker::Seen { there } => there,
        other => panic!("{other:?}"),
    }
}

fn write_over(field: &Field, beneath: &str, append: bool, over: Over) -> FromWorker {
    let content = "new".to_owned();
    answer(ToWorker::Write { place: field.place(beneath), content, append, over: Some(over) })
}

#[test]
fn a_look_sees_plain_files_alone_and_all_of_them() {
    let field = Field::new();
    assert_eq!(sight(&field, "nothing"), None);
    assert_eq!(sight(&field, "no/folder"), None);
    field.put("text", "old");
    let seen = sight(&field, "text").unwrap();
    assert_eq!((seen.digest, seen.size, seen.text.as_deref()), (Digest::of(b"old"), 3, Some("old")));
    field.put("bytes", [0xff, 0]);
    assert_eq!(sight(&field, "bytes").unwrap().text, None);
    let long = vec![b'x'; MAX_SEEN_TEXT_BYTES + 1];
    field.put("long", &long);
    let seen = sight(&field, "long").unwrap();
    assert_eq!((seen.digest, seen.text), (Digest::of(&long), None));
    field.put("huge", vec![b'x'; usize::try_from(MAX_LOOKED_BYTES).unwrap() + 1]);
    assert!(why(look(&field, "huge")).contains("larger than"));
    field.link(field.secret(), "link");
    mknodat(CWD, field.root().join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    std::fs::hard_link(field.root().join("text"), field.root().join("twice")).unwrap();
    std::fs::create_dir(field.root().join("folder")).unwrap();
    for (beneath, says) in
        [("link", "symbolic link"), ("pipe", "a pipe"), ("twice", "hard link"), ("folder", "is a folder")]
    {
        let told = why(look(&field, beneath));
        assert!(told.contains(says), "{beneath}: {told}");
    }
}

#[test]
fn what_may_be_written_over_is_what_was_seen_and_nothing_else() {
    let field = Field::new();
    for append in [false, true] {
        field.put("file", "old");
        let seen = Over::Only(sight(&field, "file").unwrap().digest);
        for (beneath, over) in
            [("file", Over::Nothing), ("gone", seen), ("file", Over::Only(Digest::of(b"x")))]
        {
            let told = why(write_over(&field, beneath, append, over));
            assert!(told.contains("is not what a person saw"), "{beneath} {over:?}: {told}");
        }
        assert_eq!(
            (field.held("file").as_str(), field.names("").len()),
            ("old", 1),
            "nothing is left behind"
        );
        assert!(matches!(
            write_over(&field, "file", append, seen),
            FromWorker::Written { created: false, .. }
        ));
        assert_eq!(field.held("file"), if append { "oldnew" } else { "new" });
        assert!(matches!(
            write_over(&field, "made", append, Over::Nothing),
            FromWorker::Written { created: true, .. }
        ));
        std::fs::remove_file(field.root().join("made")).unwrap();
    }
}
