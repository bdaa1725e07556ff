//! Whatever is given for a proof, reading and checking it ends; what was read is written as it was; and no record but
//! the one that was proven passes.

#![no_main]

use std::sync::LazyLock;

use journal::checkpoint::{Checkpoint, Consistency, Inclusion, Keys, Sealed};
use journal::merkle::{Frontier, leaf};
use journal::note::SigningKey;
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "bulkhead/example";

/// The log of the seeds: records `a` to `g`.
const RECORDS: [&[u8]; 7] = [b"a", b"b", b"c", b"d", b"e", b"f", b"g"];

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(ORIGIN, [5; 32]).unwrap());

fn sealed(size: usize) -> Sealed {
    let mut tree = Frontier::default();
    for record in &RECORDS[..size] {
        tree.push(leaf(record), |_| Ok::<(), ()>(())).unwrap();
    }
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), tree: tree.head() };
    let note = checkpoint.sign([&*KEY]).unwrap();
    Sealed::check(note, ORIGIN, &Keys::only(KEY.verifier().clone())).unwrap()
}

static OLDER: LazyLock<Sealed> = LazyLock::new(|| sealed(3));

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let keys = Keys::only(KEY.verifier().clone());
    if let Ok(proof) = text.parse::<Inclusion>() {
        assert_eq!(proof.to_string(), text);
        if proof.check(&keys).is_ok() {
            let place = usize::try_from(proof.seq).unwrap() - 1;
            assert_eq!(
                proof.body.as_deref(),
                Some(RECORDS[place]),
                "a record that is not in the log was proven"
            );
        }
    }
    if let Ok(proof) = text.parse::<Consistency>() {
        assert_eq!(proof.to_string(), text);
        if let Ok(newer) = proof.check(&OLDER, &keys) {
            let size = usize::try_from(newer.tree().size).unwrap();
            assert_eq!(
                newer.tree(),
                sealed(size).tree(),
                "a log that does not go on was taken for one that does"
            );
        }
    }
});
