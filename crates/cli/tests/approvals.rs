//! `bulkhead approvals`: exactly the same again, how it is seen, and its end.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use common::{Home, ended};
use serde_json::Value;

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is ready\"}
  - say: That is what became of it.
    repeat: true
";

/// How often it is on the board.
fn posted(home: &Home) -> usize {
    let records = home.run(&["audit", "query", "--kind", "outcome", "--json"]).done().lines();
    let says = |record: &Value, at: &str, word: &str| record.pointer(at).is_some_and(|found| found == word);
    let posted =
        |record: &&Value| says(record, "/action/verb", "message.post") && says(record, "/status", "done");
    records.iter().filter(posted).count()
}

/// Somebody asks, and it waits.
fn held(home: &Home) -> (std::process::Child, String) {
    let chat = home.start(&["chat", "echo", "Announce it"]);
    let id = home.waiting();
    (chat, id)
}

#[test]
fn the_same_again_is_let_through_for_an_hour_listed_with_its_uses_and_revoked() {
    let home = Home::playing(POSTS);
    home.run(&["approvals", "patterns"]).done().has("nothing happens again without another look");
    assert_eq!(home.json(&["approvals", "patterns"]), Value::Array(Vec::new()));
    let (chat, id) = held(&home);
    home.run(&["approvals", "revoke", &id]).fails(2, "there is no pattern");
    home.run(&["approvals", "approve", &id, "--pattern", "--digest", &"0".repeat(64)])
        .fails(3, "not for the digest");
    home.run(&["approvals", "patterns"]).done().has("nothing happens again");
    let digest = home.json(&["approvals", "show", &id])["digest"].as_str().unwrap().to_owned();
    home.run(&["approvals", "approve", &id, "--pattern", "--digest", &digest]).done().has("approved");
    drop(ended(chat).done());

    // It happens again without anybody, and says how often.
    home.run(&["chat", "echo", "Announce it"]).done().has("That is what became of it.");
    assert_eq!(posted(&home), 2);
    let listed = home.json(&["approvals", "patterns"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let pattern = &listed[0];
    assert_eq!((&pattern["id"], &pattern["uses"]), (&Value::from(id.as_str()), &Value::from(1)));
    assert_eq!((&pattern["digest"], &pattern["verb"]), (&Value::from(digest), &Value::from("message.post")));
    let told = home.run(&["approvals", "patterns"]).done();
    told.has(&id).has("USES").has("message.post channel:board:content-team").has("echo");

    // Revoked, it waits again, and there is nothing more to revoke.
    home.run(&["approvals", "revoke", &id])
        .done()
        .has("revoked")
        .has("message.post channel:board:content-team");
    home.run(&["approvals", "revoke", &id]).fails(2, "there is no pattern");
    home.run(&["approvals", "revoke", "../../x"]).fails(2, "");
    home.run(&["approvals", "patterns"]).done().has("nothing happens again");
    let (chat, again) = held(&home);
    assert_ne!(again, id);
    assert_eq!(posted(&home), 2);
    // A yes without `--pattern` is for this once.
    home.run(&["approvals", "approve", &again]).done().has("approved");
    drop(ended(chat).done());
    home.run(&["approvals", "patterns"]).done().has("nothing happens again");
    let (chat, third) = held(&home);
    home.run(&["approvals", "deny", &third]).done().has("denied");
    // What is decided has no pattern.
    home.run(&["approvals", "approve", &third, "--pattern"]).fails(3, "does not wait any more");
    drop(ended(chat));
    let revoked = home.run(&["audit", "query", "--event", "pattern.ended", "--json"]).done().lines();
    assert_eq!((revoked.len(), &revoked[0]["facts"]["why"]), (1, &Value::from("revoked")));
}
