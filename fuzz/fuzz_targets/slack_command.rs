//! Whatever a chat sends as the body of a slash command, it is a form that reads in one way or it is refused; and what is an answer in
//! it reads the same when it is written anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use people::slack_form;
use turn::{Answer, MAX_REASON_CHARS};

fuzz_target!(|bytes: &[u8]| {
    let plain = String::from_utf8_lossy(bytes);
    let form = slack_form(bytes);
    if let Some(fields) = &form {
        let hex = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let again: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", hex(name), hex(value))).collect();
        assert_eq!(slack_form(again.join("&").as_bytes()).as_ref(), Some(fields));
    }
    let text = form.as_ref().and_then(|fields| fields.get("text")).map_or(&*plain, String::as_str);
    let Some(answer) = Answer::parse(text) else { return };
    let again = match &answer.denies {
        None => format!("approve {}", answer.once),
        Some(reason) => {
            assert!(reason.chars().count() <= MAX_REASON_CHARS);
            format!("deny {} {}", answer.once, reason)
        }
    };
    // A reason that was cut may end in what is not read at an end.
    let read = Answer::parse(&again).expect("what was an answer is none");
    assert!(read.once == answer.once && read.denies.is_some() == answer.denies.is_some());
});
