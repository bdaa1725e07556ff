//! Whatever a witness answers, reading it ends, each sentence about it is short, and what is taken for cosignatures is lines that
//! make a note of the checkpoint that it was asked about.

#![no_main]

use export::witness::answer::{Said, read};
use journal::note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note};
use libfuzzer_sys::fuzz_target;

/// What it was asked to cosign, without signatures.
const TEXT: &str = "bulkhead/example\n12\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

// A status in two bytes, a byte that says whether the answer calls itself a size, and the answer.
fuzz_target!(|bytes: &[u8]| {
    let [first, second, kind, body @ ..] = bytes else { return };
    let kind = match kind {
        0 => None,
        1 => Some("text/x.tlog.size"),
        _ => std::str::from_utf8(body).ok(),
    };
    match read(u16::from_be_bytes([*first, *second]), kind, body) {
        Ok(Said::Cosigned(lines)) => {
            assert!(lines.len() <= MAX_NOTE_BYTES && lines.as_bytes() == body);
            assert!(lines.lines().count() <= MAX_SIGNATURES);
            if let Ok(note) = format!("{TEXT}\n{lines}").parse::<Note>() {
                assert_eq!(note.text(), TEXT, "an answer changed what was asked about");
            }
        }
        Ok(Said::Conflict(Some(size))) => assert_eq!(format!("{size}\n").as_bytes(), body),
        Ok(Said::Conflict(None) | Said::Inconsistent) => {}
        Err(error) => assert!(error.to_string().len() < 512),
    }
});
