//! Whatever stands in a `Cookie` or `Authorization` header, or was typed as a code, is one of the gateway's secrets or is
//! refused; and what is one reads back as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use people::{Bearer, Code, Cookie, bearer, cookie};

fuzz_target!(|bytes: &[u8]| {
    let headers: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if let Ok(Some(cookie)) = cookie(headers.iter().copied()) {
        let value = cookie.expose();
        assert!(Cookie::parse(&value).is_ok_and(|again| again.expose() == value));
        assert!(String::from_utf8_lossy(bytes).contains(&format!("bulkhead={value}")));
    }
    if let Ok(Some(bearer)) = bearer(headers.iter().copied()) {
        let text = bearer.expose();
        assert!(headers.len() == 1 && Bearer::is_in(&text));
        assert!(Bearer::parse(&text).is_ok_and(|again| again.expose() == text));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = Code::parse(&text) {
        let shown = code.expose();
        assert!(shown.len() == 27 && Code::parse(&shown).is_ok_and(|again| again.expose() == shown));
    }
});
