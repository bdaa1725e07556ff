//! Whatever a jailed process or a local user sends, the gateway reads it as a frame or refuses it, and what it read comes
//! back the same when written again.

#![no_main]

use http::stop::Word;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vocab::frame::{FromAgent, ToAgent, decode, encode, read};

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(frame: T) {
    let again = encode(&frame).expect("what was read can be written");
    assert_eq!(read::<T>(&mut again.as_slice()).expect("what was written can be read"), Some(frame));
}

fn both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut stream = bytes;
    while let Ok(Some(frame)) = read::<T>(&mut stream) {
        comes_back(frame);
    }
    // Without the length, so that more inputs reach the JSON.
    if let Ok(frame) = decode::<T>(bytes) {
        comes_back(frame);
    }
}

fuzz_target!(|bytes: &[u8]| {
    both_ways::<FromAgent>(bytes);
    both_ways::<ToAgent>(bytes);
    // What a local user wants stopped is a frame, too.
    both_ways::<Word>(bytes);
});
