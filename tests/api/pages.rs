//! Lists come page by page, and where they go on is worth nothing but where to go on.

use std::collections::BTreeSet;

use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

/// Every list that goes on behind a place.
const LISTS: [&str; 13] = [
    "approvals",
    "approvals?all=true",
    "patterns",
    "approvers",
    "grants",
    "agents",
    "people",
    "accounts",
    "tokens",
    "sign-ins",
    "passkeys",
    "erasures?all=true",
    "holds",
];

/// Bob may ask; dee may erase and hold; ada is the administrator.
const OTHERS: &str = "
[[person]]
id = \"dee\"
groups = [\"auditors\"]
[[group]]
name = \"auditors\"
erase = true
approve = [\"echo\"]
";

fn home() -> Home {
    Home::team(&(members(&["bob", "eve"], "echo") + OTHERS), POSTS)
}

fn with(list: &str, more: &str) -> String {
    format!("{list}{}{more}", if list.contains('?') { '&' } else { '?' })
}

fn ids(page: &Value) -> Vec<String> {
    let name = |item: &Value| match (&item["right"], &item["resource"]) {
        (Value::String(right), Value::String(resource)) => format!("{right} {resource}"),
        _ => ["id", "name", "person"].iter().find_map(|key| item[key].as_str()).unwrap().to_owned(),
    };
    page["items"].as_array().unwrap().iter().map(name).collect()
}

/// All of a list, so many at a time.
fn walked(person: &Browser, list: &str, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = person.get(&with(list, &format!("limit={limit}{after}"))).is(200).json();
        assert!(ids(&page).len() <= limit, "{list}: {page}");
        found.extend(ids(&page));
        let Some(place) = page["after"].as_str() else { return found };
        after = format!("&after={place}");
    }
    panic!("{list} does not end: {found:?}");
}

/// Asks for something that waits, and has `by` decide on it; whether it may happen again is said with a yes.
fn decides(who: &Browser, by: &Browser, pattern: bool) {
    let waits = || ids(&by.get("approvals").is(200).json()).into_iter().collect::<BTreeSet<_>>();
    let before = waits();
    who.say("echo", "announce it once more");
    let new = || waits().difference(&before).next().cloned();
    eventually("it waits", || new().is_some());
    let id = new().unwrap();
    let seen = by.get(&format!("approvals/{id}")).is(200).json();
    let body = json!({ "digest": seen["digest"] });
    if pattern {
        let body = json!({ "digest": seen["digest"], "pattern": true });
        drop(by.post(&format!("approvals/{id}/approve"), &body).is(200));
    } else {
        drop(by.post(&format!("approvals/{id}/deny"), &body).is(200));
    }
}

#[test]
fn each_list_goes_on_to_its_end_with_everything_once() {
    let home = home();
    let [bob, eve, dee, ada] = home.signed_in(["bob", "eve", "dee", "ada"]);
    for (nth, (who, person)) in [(&bob, "bob"), (&eve, "eve"), (&ada, "ada")].into_iter().enumerate() {
        who.say("echo", &format!("announce it {nth}"));
        let token = json!({ "name": format!("t{nth}"), "scopes": ["read"], "days": 1 });
        drop(ada.post("tokens", &token).is(200));
        let of = json!({ "of": { "person": format!("zed{nth}") }, "reason": "a test" });
        drop(dee.post("holds", &of).is(200));
        drop(dee.post("erasures", &json!({ "of": { "person": person }, "reason": "a test" })).is(200));
        let claim = json!({ "person": "ada", "password": bulkhead_tests::web::PASSWORD });
        drop(Browser::at(&home).post("sign-in", &claim).is(200));
    }
    decides(&bob, &ada, true);
    decides(&eve, &ada, true);
    decides(&ada, &dee, false);
    for list in LISTS {
        let person = if list.starts_with("erasures") || list == "holds" { &dee } else { &ada };
        let whole = person.get(list).is(200).json();
        let all = ids(&whole);
        assert_eq!(whole["after"], Value::Null, "{list} is on one page");
        assert!(["passkeys", "accounts"].contains(&list) || all.len() >= 2, "{list}: {all:?}");
        for limit in [1, 2, 200] {
            assert_eq!(walked(person, list, limit), all, "{list} by {limit}");
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{list}: nothing twice");
        // As many as the page has room for, and no more however many are asked for.
        for limit in ["0", "201", "4294967295"] {
            assert_eq!(
                ids(&person.get(&with(list, &format!("limit={limit}"))).is(200).json()),
                all,
                "{list}"
            );
        }
    }
}

/// The fewest letters of a name that the gateway makes.
const NAMES: usize = 20;

#[test]
fn what_is_no_place_is_refused_and_anothers_place_shows_nothing_of_theirs() {
    let home = home();
    let [bob, eve, dee, ada] = home.signed_in(["bob", "eve", "dee", "ada"]);
    let long = format!("00000000000000000001-{}", "a".repeat(65));
    let huge = "9".repeat(9_000);
    let wrong = [
        "",
        "-1",
        "17",
        "null",
        "undefined",
        "00000000000000000001",
        "-0000000000000000001-a",
        "%2B0000000000000000001-a",
        "00000000000000000001-",
        "00000000000000000001-A",
        "00000000000000000001-..%2F..%2Fx",
        "00000000000000000001-a%00",
        "00000000000000000001-a%27%20OR%201%3D1",
        "00000000000000000001-%F0%9F%98%80",
        "%FF",
        &long,
        &huge,
    ];
    for list in LISTS {
        let person = if list.starts_with("erasures") || list == "holds" { &dee } else { &ada };
        for place in wrong {
            let said = person.get(&with(list, &format!("after={place}")));
            assert_eq!(said.status, 400, "{list} after {place}: {}", said.body);
        }
        for limit in ["-1", "1.5", "many", "4294967296", "%00"] {
            let said = person.get(&with(list, &format!("limit={limit}")));
            assert_eq!(said.status, 400, "{list} limit {limit}: {}", said.body);
        }
        drop(person.get(&with(list, "before=1")).is(400));
    }
    for nth in 0..2 {
        for person in [&bob, &eve] {
            let token = json!({ "name": format!("t{nth}"), "scopes": ["read"], "days": 1 });
            drop(person.post("tokens", &token).is(200));
        }
    }
    // With a place of his she sees what is hers and comes behind it, and nothing of his.
    let bobs = bob.get("tokens?limit=1").is(200).json();
    let hers: BTreeSet<_> = ids(&eve.get("tokens").is(200).json()).into_iter().collect();
    assert_eq!(hers.len(), 2);
    let place = bobs["after"].as_str().unwrap();
    // The second comes before everything that there is.
    for place in [place, "00000000000000000000-0"] {
        for list in ["tokens", "sign-ins", "passkeys", "approvals", "agents"] {
            let seen = eve.get(&format!("{list}?after={place}")).is(200).json();
            // Names that the gateway makes are of any letters, and longer than what a person is called.
            let text = seen.to_string();
            let said = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() < NAMES);
            assert!(!said.into_iter().any(|word| word.contains("bob")), "{list}: {seen}");
        }
    }
    let behind = |place: &str| ids(&eve.get(&format!("tokens?after={place}")).is(200).json());
    assert!(behind(place).iter().all(|id| hers.contains(id)));
    assert_eq!(behind("00000000000000000000-0").into_iter().collect::<BTreeSet<_>>(), hers);
    drop(eve.get(&format!("tokens?person=bob&after={place}")).is(403));
    drop(eve.get(&format!("people?after={place}")).is(403));
    drop(eve.get(&format!("grants?after={place}")).is(403));
}
