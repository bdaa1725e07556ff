//! Where containment is reduced, who decides in the chat is told so there.

use super::{INTERNAL, READS, Stage};

/// What the message says of it.
const WORDS: &str = "containment: reduced";

#[test]
fn who_decides_in_the_chat_is_told_that_containment_is_reduced() {
    for reduced in [false, true] {
        let stage = Stage::where_more(READS, INTERNAL, "", |home| {
            if reduced {
                home.edit("containment = \"full\"", "containment = \"reduced\"");
            }
        });
        stage.asks();
        let message = stage.slack.message(0);
        assert!(message.contains("file.read"), "{message}");
        assert_eq!(message.contains(WORDS), reduced, "{message}");
    }
}
