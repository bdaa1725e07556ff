//! What is somebody else's, asked for by its name: a pattern that others may revoke, and the lists that take a person.

use std::collections::BTreeSet;

use bulkhead_http::routes;
use bulkhead_tests::described::Described;
use bulkhead_tests::web::Answer;
use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

/// Bob and dora may ask echo, cid approves for it; eve may ask helper, and fay approves for that; opi is an operator.
const OTHERS: &str = "
[[person]]
id = \"cid\"
groups = [\"approvers\"]
[[group]]
name = \"approvers\"
approve = [\"echo\"]
[[person]]
id = \"eve\"
groups = [\"guests\"]
[[group]]
name = \"guests\"
agents = [\"helper\"]
models = [\"*\"]
[[person]]
id = \"fay\"
groups = [\"helpers\"]
[[group]]
name = \"helpers\"
agents = [\"helper\"]
approve = [\"helper\"]
[[person]]
id = \"opi\"
[[role]]
name = \"operator\"
people = [\"opi\"]
";

const WORDS: &str = "the draft is ready";

fn home() -> Home {
    Home::team(&(members(&["bob", "dora"], "echo") + OTHERS), POSTS)
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// That it is a no which does not say whether there is such a thing: the same as of one that there never was.
#[track_caller]
fn is_none(answer: Answer, id: &str, of_nothing: Answer, nothing: &str) {
    let (said, other) = (answer.is(404).body.replace(id, "X"), of_nothing.is(404).body.replace(nothing, "X"));
    assert_eq!(said, other);
}

#[test]
fn a_pattern_is_nobodys_but_its_askers_and_those_who_approve_for_its_agent() {
    const NOTHING: &str = "a-22222222";
    let home = home();
    let people = home.signed_in(["ada", "bob", "cid", "dora", "eve", "fay", "opi"]);
    let [ada, bob, cid, strangers @ ..] = &people;
    bob.say("echo", "announce it");
    let id = home.waiting();
    let digest = cid.get(&format!("approvals/{id}")).is(200).json()["digest"].clone();
    let yes = json!({ "digest": digest, "pattern": true });
    let (approve, revoke) =
        (|id: &str| format!("approvals/{id}/approve"), |id: &str| format!("patterns/{id}/revoke"));

    // Not by whoever does not decide for this agent, nor by whoever asked.
    for stranger in strangers {
        drop(stranger.get(&format!("approvals/{id}")).is(404));
        is_none(stranger.post(&approve(&id), &yes), &id, stranger.post(&approve(NOTHING), &yes), NOTHING);
    }
    drop(bob.post(&approve(&id), &yes).is(403));
    assert!(ids(&ada.get("patterns").is(200).json()).is_empty());
    assert_eq!((home.posts(WORDS), home.waiting()), (0, id.clone()));

    drop(cid.post(&approve(&id), &yes).is(200));
    eventually("it is posted", || home.posts(WORDS) == 1);
    for owner in [ada, bob, cid] {
        assert_eq!(ids(&owner.get("patterns").is(200).json()), [id.as_str()]);
    }
    let nothing = json!({});
    for stranger in strangers {
        assert!(ids(&stranger.get("patterns").is(200).json()).is_empty());
        is_none(
            stranger.post(&revoke(&id), &nothing),
            &id,
            stranger.post(&revoke(NOTHING), &nothing),
            NOTHING,
        );
    }
    // A token of somebody who may, for something else.
    let wanted = json!({ "name": "looks", "scopes": ["read"], "days": 1 });
    let token = cid.post("tokens", &wanted).is(200).json()["token"].as_str().unwrap().to_owned();
    drop(cid.with_token(&token).post(&revoke(&id), &nothing).is(403));
    drop(cid.with_token(&token).get("patterns").is(403));
    // None of them took anything from it.
    bob.say("echo", "announce it");
    eventually("it is posted again without a look", || home.posts(WORDS) == 2);

    // Once it is withdrawn it is nobody's, and the yes that it came with makes no other.
    drop(bob.post(&revoke(&id), &nothing).is(200));
    for anybody in &people {
        is_none(anybody.post(&revoke(&id), &nothing), &id, anybody.post(&revoke(NOTHING), &nothing), NOTHING);
        assert!(ids(&anybody.get("patterns").is(200).json()).is_empty());
    }
    drop(cid.post(&approve(&id), &yes).is(409));
    drop(ada.post(&approve(&id), &yes).is(409));
    bob.say("echo", "announce it");
    assert_ne!(home.waiting(), id);
    assert_eq!(home.posts(WORDS), 2);
    let ended = home.records(&["--event", "pattern.ended"]);
    let ended: Vec<_> = ended.iter().map(|record| (&record["person"], &record["facts"]["why"])).collect();
    assert_eq!(ended, [(&json!("bob"), &json!("revoked"))]);
    home.verifies();
}

/// The lists of which the description says that they take a person.
fn of_a_person(described: &Described) -> BTreeSet<&'static str> {
    let takes = |path: &&str| {
        let parameters = described.operation("GET", path)["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "person"))
    };
    let paths = routes().filter(|route| route.method == "GET");
    paths.map(|route| route.path.trim_start_matches("/api/v1/")).filter(takes).collect()
}

#[test]
fn a_list_of_somebody_elses_is_given_to_no_member_and_says_nothing_of_them() {
    let home = home();
    let [ada, bob, cid, eve, opi] = home.signed_in(["ada", "bob", "cid", "eve", "opi"]);
    let wanted = json!({ "name": "bobs-own", "scopes": ["read"], "days": 1 });
    let token = bob.post("tokens", &wanted).is(200).json()["made"]["id"].as_str().unwrap().to_owned();
    let sign_in = bob.get("sign-ins").is(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    bob.say("echo", "announce it");
    drop(home.waiting());

    let lists = of_a_person(&Described::to(&bob));
    assert_eq!(
        lists,
        BTreeSet::from(["passkeys", "records", "sign-ins", "tokens"]),
        "each list is asked below"
    );
    let status =
        |answer: &Answer| (answer.status, answer.json()["kind"].as_str().unwrap_or_default().to_owned());
    for list in &lists {
        let ask = |who: &Browser, query: &str| who.get(&format!("{list}?{query}"));
        for (who, name) in [(&cid, "cid"), (&eve, "eve"), (&opi, "opi")] {
            // Of somebody else, of the administrator and of nobody the answer is the same.
            let of_nobody = ask(who, "person=zed").is(403);
            for other in ["bob", "ada"] {
                let said = ask(who, &format!("person={other}"));
                assert_eq!(status(&said), (403, "forbidden".to_owned()), "{name}: {list} of {other}");
                assert_eq!(said.body, of_nobody.body, "{name}: {list} of {other}");
            }
            for other in ["person=bob&limit=1", "limit=1&person=bob", "person=%62ob"] {
                drop(ask(who, other).is(403));
            }
            for none in ["person=", "person=%00", "person=Bob", "person=bob%20", "person[]=bob", "Person=bob"]
            {
                drop(ask(who, none).is(400));
            }
            let twice = format!("person={name}&person=bob");
            drop(ask(who, &twice).is(400));
            drop(ask(who, &format!("person={name}")).is(200));
        }
        drop(ask(&ada, "person=bob").is(200));
    }
    // What an administrator is shown is what the others were not.
    assert_eq!(ids(&ada.get("tokens?person=bob").json()), [token.as_str()]);
    assert_eq!(ids(&ada.get("sign-ins?person=bob").json()), [sign_in.as_str()]);
    assert_eq!(ids(&bob.get("tokens?person=bob").json()), ids(&bob.get("tokens").json()));
    for (path, id) in [("tokens", &token), ("sign-ins", &sign_in)] {
        for who in [&cid, &eve, &opi] {
            let said = who.post(&format!("{path}/{id}/end"), &json!({}));
            is_none(said, id, who.post(&format!("{path}/{}/end", last(id)), &json!({})), &last(id));
        }
        assert!(ids(&bob.get(path).json()).contains(id));
    }
    let all = |refused: &[Value]| refused.len() >= lists.len();
    drop(home.records_once(&["--event", "right.refused", "--person", "eve"], all));
    home.verifies();
}

/// An identifier of the same form, of nothing.
fn last(id: &str) -> String {
    let (kept, end) = id.split_at(id.len() - 1);
    format!("{kept}{}", if end == "2" { "3" } else { "2" })
}
