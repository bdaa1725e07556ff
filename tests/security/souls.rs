//! SOUL.md over the API: whoever may ask an agent reads and tries it, an administrator changes it, and nothing that does not
//! compile is ever written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bulkhead_tests::{ANSWERS, Browser, Home, members};
use serde_json::{Value, json};

fn team() -> (Home, Browser, Browser) {
    let home = Home::team(&members(&["bob"], "echo"), ANSWERS);
    let [ada, bob] = home.signed_in(["ada", "bob"]);
    (home, ada, bob)
}

fn change(who: &Browser, text: &str, version: &Value) -> bulkhead_tests::web::Answer {
    who.send_json("PUT", "agents/echo/soul", &json!({ "text": text, "version": version }))
}

#[test]
fn a_soul_is_read_checked_and_changed_and_the_record_says_who_did_it() {
    let (home, ada, bob) = team();
    let file = home.at("agents/echo/SOUL.md");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let there = fs::read_to_string(&file).unwrap();
    let soul = bob.get("agents/echo/soul").is(200).json();
    assert_eq!(soul["text"], there);
    bob.get("agents/helper/soul").is(404);
    ada.get("agents/nobody/soul").is(404);

    // What the checker says over the API is what the command says.
    let checked = bob.post("agents/echo/soul/check", &json!({ "text": there })).is(200).json();
    let said = home.json(&["check", "echo"]);
    for part in ["agent", "valid", "errors", "rules", "skills"] {
        assert_eq!(checked[part], said[part], "{part}");
    }
    assert!(checked["rules"].as_array().unwrap().iter().all(|rule| rule["strength"].is_string()));
    assert_eq!(checked["path"], "agents/echo/SOUL.md");

    let changed = format!("{there}\n<!-- ever so slightly -->\n");
    change(&bob, &changed, &soul["version"]).is(403);
    let written = change(&ada, &changed, &soul["version"]).is(200).json();
    assert_eq!(fs::read_to_string(&file).unwrap(), changed);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(bob.get("agents/echo/soul").json()["version"], written["version"]);
    assert_eq!(home.json(&["agents", "show", "echo"])["version"], written["version"]);
    // It is on the record already, with who did it; a change by hand has nobody.
    let records = home.records(&["--event", "soul.changed"]);
    assert_eq!(
        (records.len(), &records[0]["person"], &records[0]["agent"]),
        (1, &json!("ada"), &json!("echo"))
    );
    assert_eq!(
        (&records[0]["facts"]["old"], &records[0]["facts"]["new"]),
        (&soul["version"], &written["version"])
    );
    // The same again is no change.
    assert_eq!(change(&ada, &changed, &written["version"]).is(200).json(), written);
    fs::write(&file, &there).unwrap();
    assert_eq!(home.json(&["agents", "show", "echo"])["version"], soul["version"]);
    let records = home.records_once(&["--event", "soul.changed"], |records| records.len() > 1);
    assert_eq!((records.len(), &records[1]["person"]), (2, &Value::Null));
    home.verifies();
}

#[test]
fn what_does_not_compile_or_was_made_from_another_version_is_not_written() {
    let (home, ada, _) = team();
    let file = home.at("agents/echo/SOUL.md");
    let there = fs::read_to_string(&file).unwrap();
    let version = ada.get("agents/echo/soul").json()["version"].clone();
    let other_name = there.replace("- Name: echo", "- Name: helper");
    assert_ne!(other_name, there);
    for wrong in ["", "# Echo", "\u{202e}# Echo\n", &"x".repeat(200_000), &other_name] {
        let checked = ada.post("agents/echo/soul/check", &json!({ "text": wrong })).is(200).json();
        assert_eq!(checked["valid"], false);
        let problem = change(&ada, wrong, &version).is(400).json();
        assert_eq!(problem["errors"], checked["errors"]);
        let first = &problem["errors"][0];
        assert!(
            first["line"].is_u64() && first["column"].is_u64() && first["message"].is_string(),
            "{problem}"
        );
    }
    // Somebody was faster, by hand or in the same way.
    let by_hand = format!("{there}\n");
    fs::write(&file, &by_hand).unwrap();
    let problem = change(&ada, &format!("{there}\n\n"), &version).is(409).json();
    assert_eq!(problem["kind"], "conflict");
    assert_eq!(fs::read_to_string(&file).unwrap(), by_hand);
    let version = ada.get("agents/echo/soul").json()["version"].clone();
    let both: Vec<u16> = std::thread::scope(|scope| {
        let one = |mark: &'static str| {
            let (ada, version, there) = (&ada, &version, &there);
            scope.spawn(move || change(ada, &format!("{there}\n<!-- {mark} -->\n"), version).status)
        };
        [one("one"), one("other")].map(|one| one.join().unwrap()).to_vec()
    });
    let mut both = both;
    both.sort_unstable();
    assert_eq!(both, [200, 409]);

    for bad in [
        json!({}),
        json!({ "text": "" }),
        json!({ "text": 7, "version": version }),
        json!({ "text": "", "version": "short" }),
        json!({ "text": "", "version": "0".repeat(63) }),
        json!({ "text": "", "version": version, "path": "/etc/passwd" }),
        json!({ "text": "x".repeat(256 * 1024 + 1), "version": version }),
    ] {
        ada.send_json("PUT", "agents/echo/soul", &bad).is(400);
    }
    for name in ["..", "%2e%2e%2fecho", "echo%00", "Echo", &"a".repeat(65)] {
        let put =
            ada.send_json("PUT", &format!("agents/{name}/soul"), &json!({ "text": "", "version": version }));
        assert!(put.status == 400 || put.status == 404, "{name}: {put:?}");
        let status = ada.get(&format!("agents/{name}/soul")).status;
        assert!(status == 400 || status == 404, "{name}: {status}");
    }
    // No draft is left beside it.
    let names: Vec<_> =
        fs::read_dir(home.at("agents/echo")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".written")), "{names:?}");
    home.verifies();
}
