use serde_json::json;
use vocab::Digest;

use super::*;

fn view(verb: &str, labels: &[&str], args: Value) -> ApprovalView {
    let labels = Labels::from_names(labels.iter().copied()).unwrap();
    let risk = Risk::of(serde_json::from_value(json!(verb)).unwrap(), &labels).as_str();
    serde_json::from_value(json!({
        "id": "a-1", "agent": "echo", "asked_by": "ada", "session": "s-1", "turn": "t-1",
        "action": { "verb": verb, "resource": { "kind": "path", "name": "/srv/a<b" }, "args": args },
        "digest": Digest::of(b"x"), "labels": labels, "expires": "2026-01-01T00:00:00Z", "risk": risk,
        "reasons": [{ "layer": "policy", "policy": "look", "message": "reads are looked at" }],
        "state": "waiting",
    }))
    .unwrap()
}

fn once() -> Once {
    Once::from_random([3; 16])
}

#[test]
fn nothing_of_an_action_is_hidden_forged_or_a_mention() {
    let hostile = "fine\ndigest: 0000\n```\n<!channel> <https://evil|good> & \u{202e}evil\u{200b}";
    let text =
        whole(&view("file.read", &["public"], json!({ "path": hostile, "n": 3 })), &once(), false).unwrap();
    let shown = "  path:\n  | fine\n  | digest: 0000\n  | &lt;U+0060&gt;&lt;U+0060&gt;&lt;U+0060&gt;\n  | &lt;!channel&gt; &lt;https://evil|good&gt; &amp; &lt;U+202E&gt;evil&lt;U+200B&gt;\n";
    assert!(text.contains(shown), "{text}");
    assert_eq!(text.matches("```").count(), 2, "nothing ends the block: {text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("digest: ")).count(), 1);
    assert!(!text.contains(['<', '>', '\u{202e}', '\u{200b}']));
    for part in [
        "agent: echo",
        "asked by: ada",
        "file.read",
        "/srv/a&lt;b",
        "labels: public",
        "risk: low",
        "reads are looked at",
        "  n:\n  | 3",
        "2026-01-01",
        &once().to_string(),
        &Digest::of(b"x").to_string(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_does_not_fit_is_not_cut_and_what_fits_is_whole() {
    let of = |count: usize| {
        whole(&view("file.read", &["public"], json!({ "path": "&".repeat(count) })), &once(), false)
    };
    let least = of(0).unwrap().chars().count();
    // Each is five characters as it is sent.
    let most = (MAX_MESSAGE_CHARS - least) / 5;
    let text = of(most).unwrap();
    assert!(text.contains(&"&amp;".repeat(most)) && text.chars().count() <= MAX_MESSAGE_CHARS);
    assert_eq!(of(most + 1), Err(Untold::Size));
}

#[test]
fn only_low_risk_within_the_clearance_that_is_held_from_nobody_is_told() {
    let (public, internal) = (Labels::public(), Labels::default());
    let told = |verb, labels: &[&str], clearance| {
        may_be_told(&view(verb, labels, json!({})), Some(&public), clearance)
    };
    assert_eq!(told("file.read", &["public"], &public), Ok(()));
    assert_eq!(told("file.read", &["internal"], &public), Err(Untold::Labels));
    assert_eq!(told("file.read", &["internal"], &internal), Ok(()));
    for verb in ["message.post", "file.write", "web.get", "command.run"] {
        assert_eq!(told(verb, &["public"], &internal), Err(Untold::Risk), "{verb}");
    }
    let all = Labels::from_names(["restricted", "x"]).unwrap();
    assert_eq!(told("file.read", &["confidential"], &all), Err(Untold::Risk));
    assert_eq!(told("file.read", &["public", "x"], &all), Err(Untold::Risk));
    assert_eq!(told("reply", &["public"], &internal), Err(Untold::Reply));
    // Whatever a row says of its risk.
    let forged = ApprovalView { risk: Risk::Low, ..view("command.run", &["public"], json!({})) };
    assert_eq!(may_be_told(&forged, Some(&public), &internal), Err(Untold::Risk));
    // What the conversation carried when the model wrote the arguments counts, whatever they ask for.
    let read = view("file.read", &["public"], json!({}));
    let carrying = |labels: &[&str], clearance| {
        may_be_told(&read, Some(&Labels::from_names(labels.iter().copied()).unwrap()), clearance)
    };
    assert_eq!(carrying(&["internal"], &internal), Ok(()));
    assert_eq!(carrying(&["internal"], &public), Err(Untold::Labels));
    assert_eq!(carrying(&["confidential"], &all), Err(Untold::Risk));
    assert_eq!(carrying(&["public", "x"], &all), Err(Untold::Risk));
    assert_eq!(may_be_told(&read, None, &all), Err(Untold::Labels));
    let said = announcement(&view("command.run", &["internal"], json!({ "command": "rm" })));
    assert!(
        said.contains("echo") && said.contains("a-1") && !said.contains("rm") && !said.contains("/srv"),
        "{said}"
    );
}
