//! Whatever stands in a SOUL.md, compiling it ends, without a panic, and twice in the same way.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    let place = soul::Place {
        workspace: "/home/agent".into(),
        labelled: BTreeSet::from(["personal".to_owned()]),
        databases: BTreeSet::from(["crm".to_owned()]),
        collections: BTreeSet::from(["wiki".to_owned()]),
    };
    match (soul::compile(&source, &place), soul::compile(&source, &place)) {
        (Ok(first), Ok(second)) => assert_eq!(first.policies, second.policies),
        (Err(first), Err(_)) => assert!(!first.is_empty(), "an error says what is wrong"),
        _ => panic!("valid once and not again"),
    }
});
