//! Whatever a program sends as a chat request, it is taken apart within its bounds or refused, and what was read
//! holds nothing that the monitor would have to guess about.

#![no_main]

use http::openai::{MAX_MESSAGES, MAX_TOOLS, read};
use libfuzzer_sys::fuzz_target;
use vocab::Role;
use vocab::chat::CHAT_OPTIONS;

fuzz_target!(|bytes: &[u8]| {
    let Ok(asked) = read(bytes) else { return };
    let request = asked.request;
    assert!(request.messages.len() + request.instructions.len() <= MAX_MESSAGES);
    assert!(request.tools.len() <= MAX_TOOLS);
    assert!(request.options.keys().all(|name| CHAT_OPTIONS.contains(&name.as_str())));
    for message in &request.messages {
        assert_eq!(message.tool_call_id.is_some(), message.role == Role::Tool);
    }
    // The monitor judges the canonical form, so there must be one.
    vocab::digest::canonical(&request).expect("what was read has a canonical form");
});
