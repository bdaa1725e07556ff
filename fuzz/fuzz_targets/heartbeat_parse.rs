//! Whatever stands in a HEARTBEAT.md, reading it ends; and what was read is written in a form that reads
//! the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use soul::Heartbeat;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(heartbeat) = Heartbeat::parse(&String::from_utf8_lossy(bytes)) {
        let written = heartbeat.render();
        let again = Heartbeat::parse(&written).expect("what was written can be read");
        assert_eq!(again.render(), written);
    }
});
