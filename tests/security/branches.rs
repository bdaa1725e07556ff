//! A conversation that goes on from another has the other's words as its past and its agent is given them; what it may do with
//! them, and who may, is as it was there; and what is erased there is gone here.

use bulkhead_tests::team::events;
use bulkhead_tests::{ANSWERS, Browser, Home, POSTS, eventually, members};
use journal::{Draft, Kind};
use serde_json::{Value, json};
use vocab::{AgentName, SessionId};

use crate::erasure::{gone, with, write_drafts};

/// What is asked is answered, whatever it is.
pub(crate) const SAYS: &str = "
turns:
  - say: So much for that.
    repeat: true
";

/// Says something to an agent, and hears what comes of it to its end; the conversation and the turn.
pub(crate) fn ask(person: &Browser, agent: &str, session: Option<&str>, text: &str) -> (String, String) {
    let said = json!({ "text": text, "session": session });
    let sse = [("accept", "text/event-stream")];
    let heard = person.post_stream(&format!("agents/{agent}/messages"), &sse, &said).rest();
    let heard = events(&heard);
    let (_, first) = heard.first().unwrap_or_else(|| panic!("`{text}` was not taken"));
    let text = |name: &str| first[name].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
    (text("session"), text("turn"))
}

pub(crate) fn branch(person: &Browser, session: &str, turn: &str, before: bool) -> Value {
    let wanted = json!({ "turn": turn, "before": before });
    person.post(&format!("sessions/{session}/branches"), &wanted).is(200).json()
}

pub(crate) fn id(branched: &Value) -> &str {
    branched["session"].as_str().unwrap()
}

/// What was said in a conversation.
pub(crate) fn said(person: &Browser, session: &str) -> Vec<String> {
    let told = person.get(&format!("sessions/{session}")).is(200).json();
    told["said"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["text"].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// The only person of the home, signed in.
pub(crate) fn owner(home: &Home) -> Browser {
    let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    Browser::signed_in(home, &person)
}

/// What the last model call of a conversation was given.
pub(crate) fn prompt(home: &Home, session: &str) -> String {
    let asked = ["audit", "query", "--json", "--content", "--kind", "proposal", "--action", "model.call"];
    let calls = home.run(&[&asked[..], &["--session", session]].concat()).done().lines();
    calls.last().unwrap_or_else(|| panic!("no model was called in {session}")).to_string()
}

#[track_caller]
pub(crate) fn has(text: &str, there: &[&str], not: &[&str]) {
    for word in there {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    for word in not {
        assert!(!text.contains(word), "{word} is in {text}");
    }
}

#[test]
fn an_agent_is_given_the_past_up_to_its_turn_and_the_other_conversation_stays_as_it_was() {
    for home in Home::both_playing(
        "security::branches::an_agent_is_given_the_past_up_to_its_turn_and_the_other_conversation_stays_as_it_was",
        SAYS,
    ) {
        let me = owner(&home);
        let (session, _) = ask(&me, "echo", None, "alpaca first");
        let (_, second) = ask(&me, "echo", Some(&session), "badger second");
        let (_, third) = ask(&me, "echo", Some(&session), "camel third");
        let before = said(&me, &session);
        assert_eq!(before.len(), 6, "{before:?}");

        // Other words in the place of the second.
        let edit = branch(&me, &session, &second, true);
        assert_eq!((&edit["branch"]["session"], &edit["branch"]["erased"]), (&json!(session), &json!(false)));
        assert_eq!(said(&me, id(&edit)), before[..2]);
        // It is there, with its past, after a crash in between.
        home.crash();
        home.start();
        let me = Browser { address: Browser::at(&home).address, ..me };
        assert_eq!(said(&me, id(&edit)), before[..2]);
        let (same, fourth) = ask(&me, "echo", Some(id(&edit)), "dingo instead");
        assert_eq!(same, id(&edit));
        has(&prompt(&home, id(&edit)), &["alpaca first", "dingo instead"], &["badger", "camel"]);

        // The same question again, and a conversation that has all of it.
        let again = branch(&me, &session, &third, true);
        drop(ask(&me, "echo", Some(id(&again)), "camel third"));
        has(&prompt(&home, id(&again)), &["alpaca first", "badger second", "camel third"], &["dingo"]);
        assert_eq!(prompt(&home, id(&again)).matches("camel third").count(), 1);
        let whole = branch(&me, &session, &third, false);
        drop(ask(&me, "echo", Some(id(&whole)), "emu fourth"));
        has(
            &prompt(&home, id(&whole)),
            &["alpaca first", "badger second", "camel third", "emu fourth"],
            &["dingo"],
        );

        // A branch of a branch, after a turn of its own and before one of its past.
        let further = branch(&me, id(&edit), &fourth, false);
        drop(ask(&me, "echo", Some(id(&further)), "ferret"));
        has(&prompt(&home, id(&further)), &["alpaca first", "dingo instead", "ferret"], &["badger", "camel"]);
        let anew = branch(&me, id(&further), &first_of(&me, id(&further)), true);
        assert_eq!((&anew["branch"]["upto"], said(&me, id(&anew)).len()), (&Value::Null, 0));
        drop(ask(&me, "echo", Some(id(&anew)), "gecko"));
        has(&prompt(&home, id(&anew)), &["gecko"], &["alpaca", "badger", "dingo", "ferret"]);

        assert_eq!(said(&me, &session), before);
        told_with_its_past(&home, &me, &session, (&edit, &further));
        home.verifies();
    }
}

/// What was said is told with its conversation and turn, what was done is there page by page, and the record says where each came from.
fn told_with_its_past(home: &Home, me: &Browser, session: &str, (edit, further): (&Value, &Value)) {
    let told = me.get(&format!("sessions/{}", id(further))).is(200).json();
    let of: Vec<&str> =
        told["said"].as_array().unwrap().iter().map(|one| one["session"].as_str().unwrap()).collect();
    assert_eq!(of, [session, session, id(edit), id(edit), id(further), id(further)]);
    steps_are_those_of_the_past(me, &told, &[session, id(edit), id(further)]);
    let listed = me.get("sessions").is(200).json();
    let view = |wanted: &str| {
        let all = listed["sessions"].as_array().unwrap();
        all.iter()
            .find(|view| view["session"] == wanted)
            .unwrap_or_else(|| panic!("{wanted}: {listed}"))
            .clone()
    };
    assert_eq!(view(id(further))["branch"]["title"], "dingo instead");
    assert_eq!((&view(id(further))["title"], &view(id(further))["turns"]), (&json!("ferret"), &json!(1)));
    assert_eq!(view(session)["branch"], Value::Null);

    let begun = home.records(&["--event", "conversation.branched"]);
    let first = begun.iter().find(|record| record["session"] == id(edit)).unwrap();
    assert_eq!((&first["facts"]["from"], &first["kind"]), (&json!(session), &json!("message")));
    assert_eq!((&first["facts"]["upto"], &first["agent"]), (&told["said"][0]["turn"], &json!("echo")));
    assert_eq!((begun.len(), first["person"].is_string()), (5, true), "{begun:?}");
}

/// The first turn that is told of a conversation.
fn first_of(person: &Browser, session: &str) -> String {
    let told = person.get(&format!("sessions/{session}")).is(200).json();
    told["said"][0]["turn"].as_str().unwrap().to_owned()
}

/// What was done is told of each turn that is told of, once, in order, whatever the size of a page.
fn steps_are_those_of_the_past(person: &Browser, told: &Value, sessions: &[&str]) {
    let session = sessions.last().unwrap();
    let turns = |steps: &[Value]| -> Vec<Value> {
        let mut turns: Vec<Value> = steps.iter().map(|step| step["turn"].clone()).collect();
        turns.dedup();
        turns
    };
    let whole = person.get(&format!("sessions/{session}/steps")).is(200).json();
    let whole = whole["steps"].as_array().unwrap().clone();
    let mut heard: Vec<Value> =
        told["said"].as_array().unwrap().iter().map(|one| one["turn"].clone()).collect();
    heard.dedup();
    assert_eq!(turns(&whole), heard);
    for limit in [1, 4, 7] {
        let (mut all, mut path) = (Vec::new(), format!("sessions/{session}/steps?limit={limit}"));
        loop {
            let page = person.get(&path).is(200).json();
            all.splice(0..0, page["steps"].as_array().unwrap().clone());
            let Some(before) = page["before"].as_u64() else { break };
            path = format!("sessions/{session}/steps?limit={limit}&before={before}");
        }
        assert_eq!(all, whole, "{limit} at a time");
    }
}

#[test]
fn nobody_goes_on_from_what_is_not_theirs_not_over_or_not_there() {
    let auditor = "[[person]]\nid = \"dee\"\ngroups = [\"members\", \"auditors\"]\nclearance = [\"restricted\"]\n\
                   [[group]]\nname = \"auditors\"\ncontent = [\"*\"]\nerase = true\nrecord = true\n";
    let home = Home::team(&(members(&["bob", "eve"], "*") + auditor), ANSWERS);
    let [bob, eve, dee, ada] = home.signed_in(["bob", "eve", "dee", "ada"]);
    let (session, turn) = ask(&bob, "echo", None, "hello");
    let (other, foreign) = ask(&bob, "helper", None, "hello");
    let (eves, _) = ask(&eve, "echo", None, "hello");
    let refused = |who: &Browser, session: &str, turn: &str, status: u16| {
        for before in [false, true] {
            let wanted = json!({ "turn": turn, "before": before });
            let answer = who.post(&format!("sessions/{session}/branches"), &wanted).is(status).json();
            assert!(!answer["detail"].as_str().unwrap().is_empty(), "{answer}");
        }
    };
    // Somebody else's is not told apart from none, also by whoever may read it.
    for who in [&eve, &dee, &ada] {
        refused(who, &session, &turn, 404);
        refused(who, "s-none", &turn, 404);
    }
    let told = |who: &str, session: &str, turn: &str| {
        let person = [("bob", &bob), ("eve", &eve)].into_iter().find(|(name, _)| *name == who).unwrap().1;
        let text =
            person.post(&format!("sessions/{session}/branches"), &json!({ "turn": turn })).is(404).json();
        text["detail"].as_str().unwrap().replace(session, "S")
    };
    assert_eq!(told("eve", &session, &turn), told("eve", "s-none", &turn));
    refused(&bob, &session, "t-none", 404);
    refused(&bob, &session, &foreign, 404);
    refused(&bob, &other, &turn, 404);
    refused(&bob, &eves, &turn, 404);
    for (path, body, status) in [
        (&*session, json!({}), 400),
        (&session, json!({ "turn": "" }), 400),
        (&session, json!({ "turn": ["t-a"] }), 400),
        (&session, json!({ "turn": "../t" }), 400),
        (&session, json!({ "turn": turn, "before": "yes" }), 400),
        (&session, json!({ "turn": turn, "person": "eve" }), 400),
        (&session, json!({ "turn": turn, "past": ["s-a:1"] }), 400),
        ("..", json!({ "turn": turn }), 404),
        ("%00", json!({ "turn": turn }), 400),
    ] {
        let answer = bob.post(&format!("sessions/{path}/branches"), &body);
        assert!(
            answer.status == status || answer.status == 400 || answer.status == 404,
            "{body}: {answer:?}"
        );
        assert!(answer.status >= 400);
    }
    let of_it = |record: &Value| record["facts"]["session"] == json!(session);
    drop(
        home.records_once(&["--event", "right.refused", "--person", "eve"], |wrong| wrong.iter().any(of_it)),
    );
    assert_eq!(home.records(&["--event", "conversation.branched"]), [Value::Null; 0]);

    a_turn_that_waits_is_not_over(&home, &bob, &ada);

    // Whoever may no longer ask the agent begins nothing with it.
    home.edit("agents = [\"*\"]", "agents = [\"helper\"]");
    eventually("the settings are taken up", || {
        bob.post(&format!("sessions/{session}/branches"), &json!({ "turn": turn })).status == 403
    });
    assert_eq!(home.records(&["--event", "conversation.branched"]).len(), 1);
    home.verifies();
}

/// A turn that waits still goes on; before it there is what was.
fn a_turn_that_waits_is_not_over(home: &Home, bob: &Browser, ada: &Browser) {
    home.scene(POSTS);
    bob.say("echo", "announce it");
    let approval = home.waiting();
    let list = bob.get("sessions").json();
    let (waits, held) = (list["sessions"][0]["session"].clone(), list["sessions"][0]["turn"].clone());
    let path = format!("sessions/{}/branches", waits.as_str().unwrap());
    drop(bob.post(&path, &json!({ "turn": held })).is(409));
    let before = bob.post(&path, &json!({ "turn": held, "before": true })).is(200).json();
    assert_eq!(said(bob, id(&before)), [""; 0]);
    drop(ada.post(&format!("approvals/{approval}/deny"), &json!({})).is(200));
}

#[test]
fn what_is_sent_twice_begins_one_and_whoever_says_nothing_in_any_comes_to_an_end() {
    let home = Home::playing(SAYS);
    let me = owner(&home);
    let (session, turn) = ask(&me, "echo", None, "hello");
    let path = format!("sessions/{session}/branches");
    let key = [("idempotency-key", "the-same")];
    let first = me.post_with(&path, &key, &json!({ "turn": turn })).is(200).json();
    let again = me.post_with(&path, &key, &json!({ "turn": turn })).is(200).json();
    assert_eq!(first["session"], again["session"]);
    let mut status = 200;
    for _ in 0..70 {
        status = me.post(&path, &json!({ "turn": turn })).status;
        if status != 200 {
            break;
        }
    }
    assert_eq!(status, 429);
    assert_eq!(home.records(&["--event", "conversation.branched"]).len(), 64);
    // With a message in one, it goes on.
    drop(ask(&me, "echo", Some(id(&first)), "and now"));
    drop(branch(&me, &session, &turn, false));
}

#[test]
fn what_is_erased_of_a_conversation_is_gone_from_those_that_go_on_from_it() {
    for home in Home::both_playing(
        "security::branches::what_is_erased_of_a_conversation_is_gone_from_those_that_go_on_from_it",
        SAYS,
    ) {
        let me = owner(&home);
        let (session, _) = ask(&me, "echo", None, "of the quokka");
        let (_, second) = ask(&me, "echo", Some(&session), "and of the wombat");
        let near = branch(&me, &session, &second, false);
        let (_, own) = ask(&me, "echo", Some(id(&near)), "my own numbat");
        let far = branch(&me, id(&near), &own, false);
        drop(ask(&me, "echo", Some(id(&far)), "my own potoroo"));
        let alone = branch(&me, id(&near), &second, false);
        has(&prompt(&home, id(&far)), &["quokka", "wombat", "numbat", "potoroo"], &[]);

        // A hold on what goes on from it is a hold on its past.
        let far_id = id(&far).to_owned();
        let hold = ["audit", "hold", "add", "--session", &far_id, "--reason", "lawsuit"];
        let held = home.json(&hold)["id"].as_str().unwrap().to_owned();
        let erase = ["audit", "erase", "request", "--session", &session, "--reason", "a test"];
        home.run(&erase).fails(3, "the legal hold `h-");
        assert_eq!(said(&me, id(&far)).len(), 8);
        home.run(&["audit", "hold", "remove", &held, "--reason", "settled"]).done();

        assert_eq!(home.json(&erase)["state"], "done");
        gone(&home, &["quokka", "wombat"]);
        // What is left says so, and goes on.
        for (branch, left) in
            [(id(&near), vec!["my own numbat"]), (id(&far), vec!["my own numbat", "my own potoroo"])]
        {
            let told = me.get(&format!("sessions/{branch}")).is(200).json();
            assert_eq!(told["branch"]["erased"], true);
            let persons: Vec<&str> = told["said"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|one| one["by"] == "person")
                .map(|one| one["text"].as_str().unwrap())
                .collect();
            assert_eq!(persons, left);
            drop(me.get(&format!("sessions/{branch}/steps")).is(200));
        }
        let told = me.get(&format!("sessions/{}", id(&near))).is(200).json();
        assert_eq!((&told["branch"]["there"], &told["branch"]["title"]), (&json!(false), &Value::Null));
        drop(ask(&me, "echo", Some(id(&far)), "and a bilby"));
        has(&prompt(&home, id(&far)), &["numbat", "potoroo", "bilby"], &["quokka", "wombat"]);
        drop(ask(&me, "echo", Some(id(&alone)), "a dunnart"));
        has(&prompt(&home, id(&alone)), &["dunnart"], &["quokka", "wombat", "numbat"]);
        // What was erased is nothing to go on from.
        for (from, turn) in [(id(&near), &second), (id(&far), &second)] {
            drop(me.post(&format!("sessions/{from}/branches"), &json!({ "turn": turn })).is(409));
        }
        drop(me.post(&format!("sessions/{session}/branches"), &json!({ "turn": second })).is(404));
        home.verifies();

        // Each of them goes with its person.
        let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
        let all = ["audit", "erase", "request", "--person", &person, "--reason", "a test"];
        assert_eq!(home.json(&all)["state"], "done");
        gone(&home, &["numbat", "potoroo", "bilby", "dunnart"]);
        assert_eq!(me.get("sessions").is(200).json()["sessions"], json!([]));
        home.verifies();
    }
}

#[test]
fn what_another_gateway_erases_of_a_conversation_is_gone_from_what_goes_on_from_it_and_that_goes_on() {
    let test = "security::branches::what_another_gateway_erases_of_a_conversation_is_gone_from_what_goes_on_from_it_and_that_goes_on";
    for home in Home::both_playing(test, SAYS) {
        let Some(other) = home.beside() else { continue };
        other.scene(SAYS);
        other.start();
        let me = owner(&other);
        let (session, turn) = ask(&me, "echo", None, "of the quokka");
        let near = branch(&me, &session, &turn, false);
        drop(ask(&me, "echo", Some(id(&near)), "my own numbat"));
        home.run(&["audit", "erase", "request", "--session", &session, "--reason", "asked"]).done();
        eventually("no word of it is left", || with(&other, "quokka").is_empty());
        drop(ask(&me, "echo", Some(id(&near)), "a bilby"));
        has(&prompt(&other, id(&near)), &["numbat", "bilby"], &["quokka"]);
        let told = me.get(&format!("sessions/{}", id(&near))).is(200).json();
        assert_eq!(told["branch"]["erased"], true);
        home.verifies();
    }
}

#[test]
fn what_was_kept_long_enough_is_gone_from_what_goes_on_from_it_unless_that_is_held() {
    let home = Home::playing(SAYS);
    home.edit("days = 400", "days = 4000");
    home.run(&["gateway", "restart"]).done();
    let me = owner(&home);
    let (held, _) = ask(&me, "echo", None, "of the quokka");
    let (free, _) = ask(&me, "echo", None, "of the wombat");
    home.run(&["gateway", "stop"]).done();
    let old = |session: &str| {
        let mut draft = Draft::new(Kind::Message);
        (draft.session, draft.agent) = (SessionId::new(session).ok(), AgentName::new("echo").ok());
        draft.payload = json!({ "words": "once" });
        draft
    };
    write_drafts(&home, 500, 1, vec![old(&held), old(&free)]);
    home.start();
    let me = Browser { address: Browser::at(&home).address, ..me };
    let near = |session: &str| {
        let (_, turn) = ask(&me, "echo", Some(session), "and more of it");
        let near = branch(&me, session, &turn, false);
        drop(ask(&me, "echo", Some(id(&near)), "my own numbat"));
        id(&near).to_owned()
    };
    let (of_held, of_free) = (near(&held), near(&free));
    home.run(&["audit", "hold", "add", "--session", &of_held, "--reason", "lawsuit"]).done();
    home.edit("days = 4000", "days = 400");
    home.run(&["gateway", "restart"]).done();
    let me = Browser { address: Browser::at(&home).address, ..me };
    let erased =
        |session: &str| me.get(&format!("sessions/{session}")).is(200).json()["branch"]["erased"] == true;
    eventually("its past is gone", || erased(&of_free));
    assert!(!erased(&of_held));
    for (session, there, gone) in
        [(&of_held, ["quokka", "numbat"], "wombat"), (&of_free, ["numbat", "bilby"], "wombat")]
    {
        drop(ask(&me, "echo", Some(session), "a bilby"));
        has(&prompt(&home, session), &there, &[gone]);
    }
    home.verifies();
}

/// Reads a plan when it is asked for it, and tries to post it when it is told to.
const PLANS: &str = "
turns:
  - {when: hello, say: hello}
  - when: planned
    calls:
      - {skill: file-reader, arguments: {path: HOME/plans/merger.md}}
  - {when: May, say: It is planned.}
  - when: tell the others
    calls:
      - {skill: message, arguments: {channel: \"board:content-team\", text: we merge}}
  - say: So it is.
    repeat: true
";

#[test]
fn labels_of_a_past_count_for_what_goes_on_from_it_as_they_did_there() {
    let people = "[[person]]\nid = \"bob\"\ngroups = [\"members\"]\nclearance = [\"confidential\"]\n\
                  [[group]]\nname = \"members\"\nagents = [\"*\"]\nchannels = [\"*\"]\nmodels = [\"*\"]\nread = [\"HOME/plans\"]\n\
                  [[label]]\npath = \"HOME/plans\"\nlabels = [\"confidential\"]\n\
                  [[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"confidential\"]\n";
    let home = Home::made(&["--team", "--person", "ada"]);
    std::fs::create_dir(home.at("plans")).unwrap();
    std::fs::write(home.at("plans/merger.md"), "we merge in May").unwrap();
    home.soul("keeper", &crate::labels::soul("confidential"));
    home.add(people);
    home.scene(PLANS);
    home.start();
    let [bob] = home.signed_in(["bob"]);
    let (session, first) = ask(&bob, "keeper", None, "hello");
    let (_, second) = ask(&bob, "keeper", Some(&session), "what is planned?");
    let labels = |session: &str| bob.get(&format!("sessions/{session}")).is(200).json()["labels"].clone();
    assert_eq!(labels(&session), json!(["confidential"]));

    // After what was read its labels are there, before it they are not; and what goes on from that has them, too.
    let after = branch(&bob, &session, &second, false);
    assert_eq!((&after["labels"], labels(id(&after))), (&json!(["confidential"]), json!(["confidential"])));
    let before = branch(&bob, &session, &second, true);
    assert_eq!(before["branch"]["upto"], json!(first));
    assert_ne!(before["labels"], json!(["confidential"]));
    let further = branch(&bob, id(&after), &second, false);
    assert_eq!(further["labels"], json!(["confidential"]));

    // No way out that was closed there is open here.
    let denied = |session: &str| {
        drop(ask(&bob, "keeper", Some(session), "tell the others"));
        let verdicts = home.records(&["--session", session, "--kind", "verdict"]);
        let post = verdicts.into_iter().rfind(|verdict| verdict["action"]["verb"] == "message.post").unwrap();
        assert_eq!(post["labels"], json!(["confidential"]), "{post}");
        assert_eq!(post["decision"], "deny", "{post}");
        post["reasons"].as_array().unwrap().iter().any(|reason| reason["layer"] == "flow")
    };
    for one in [&*session, id(&after), id(&further)] {
        assert!(denied(one), "{one}");
    }

    // Nor to whoever is not cleared for it any more.
    home.edit("clearance = [\"confidential\"]\n[[group]]", "clearance = [\"internal\"]\n[[group]]");
    let late = branch(&bob, &session, &second, false);
    assert_eq!(late["labels"], json!(["confidential"]));
    for one in [&*session, id(&late)] {
        drop(ask(&bob, "keeper", Some(one), "and what was that?"));
        let told = bob.get(&format!("sessions/{one}")).is(200).json();
        let last = told["said"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["by"], &last["text"]), (&json!("person"), &json!("and what was that?")));
    }
    home.verifies();
}

/// An answer, then the post that is asked for.
const THEN_POSTS: &str = "
turns:
  - say: So much for that.
  - when: the alpaca
    calls: [{skill: message, arguments: {channel: \"board:content-team\", text: alpaca news}}]
  - when: the badger
    calls: [{skill: message, arguments: {channel: \"board:content-team\", text: badger news}}]
  - say: That is what became of it.
    repeat: true
";

const APPROVER: &str = "
[[person]]
id = \"cid\"
groups = [\"approvers\"]
[[group]]
name = \"approvers\"
approve = [\"echo\"]
";

#[test]
fn a_yes_in_a_conversation_is_none_where_that_came_from_nor_where_else_that_goes_on() {
    let home = Home::team(&(members(&["bob"], "echo") + APPROVER), THEN_POSTS);
    let [bob, cid] = home.signed_in(["bob", "cid"]);
    let (session, turn) = ask(&bob, "echo", None, "begin");
    let [one, other, third] = [(); 3].map(|()| id(&branch(&bob, &session, &turn, false)).to_owned());
    let wants = |session: &str, text: &str| {
        drop(bob.post("agents/echo/messages", &json!({ "text": text, "session": session })).is(200));
    };
    wants(&session, "the alpaca");
    wants(&one, "the alpaca");
    wants(&other, "the badger");
    let waiting = || cid.get("approvals").is(200).json()["items"].as_array().unwrap().clone();
    eventually("all three wait", || waiting().len() == 3);
    let all = waiting();
    let of = |session: &str| {
        let one = all.iter().find(|one| one["session"] == session).unwrap_or_else(|| panic!("{all:?}"));
        (one["id"].as_str().unwrap().to_owned(), one["digest"].clone())
    };
    let [parent, branch, sibling] = [&session, &one, &other].map(|session| of(session));
    assert!(parent.1 == branch.1 && branch.1 != sibling.1, "{all:?}");
    let approve =
        |id: &str, digest: &Value| cid.post(&format!("approvals/{id}/approve"), &json!({ "digest": digest }));
    let posted = || (home.posts("alpaca news"), home.posts("badger news"));

    // What was seen in one of them is no yes to what waits in another.
    for (here, there) in [(&parent, &sibling), (&sibling, &parent), (&branch, &sibling), (&sibling, &branch)]
    {
        drop(approve(&here.0, &there.1).is(409));
    }
    assert_eq!((waiting().len(), posted()), (3, (0, 0)));
    // The same action has the same digest; the yes is to that of the one conversation, once.
    drop(approve(&branch.0, &branch.1).is(200));
    eventually("it is posted", || posted() == (1, 0));
    eventually("its turn is over", || home.records(&["--event", "turn.ended", "--session", &one]).len() == 1);
    drop(approve(&branch.0, &branch.1).is(409));
    let left: Vec<Value> = waiting().iter().map(|one| one["id"].clone()).collect();
    assert!(
        left.len() == 2 && left.contains(&json!(parent.0)) && left.contains(&json!(sibling.0)),
        "{left:?}"
    );
    // Asked for once more, in yet another, it waits once more.
    wants(&third, "the alpaca");
    eventually("it waits again", || waiting().len() == 3);
    assert_eq!(posted(), (1, 0));
    let again = waiting().into_iter().find(|one| one["session"] == third).unwrap();
    drop(
        cid.post(&format!("approvals/{}/deny", again["id"].as_str().unwrap()), &json!({ "reason": "once" }))
            .is(200),
    );
    // A no is one to that of the one conversation, too.
    drop(cid.post(&format!("approvals/{}/deny", parent.0), &json!({ "reason": "not here" })).is(200));
    assert_eq!(waiting().len(), 1);
    drop(approve(&sibling.0, &sibling.1).is(200));
    eventually("the other is posted", || posted() == (1, 1));
    let decided = home.records(&["--kind", "approval"]);
    let of = |event: &str| -> Vec<&str> {
        let all = decided.iter().filter(|record| record["event"] == event);
        all.map(|record| record["session"].as_str().unwrap()).collect()
    };
    let mut approved = of("approval.approved");
    approved.sort_unstable();
    let mut wanted = [one.as_str(), other.as_str()];
    wanted.sort_unstable();
    assert_eq!(approved, wanted);
    assert_eq!(of("approval.denied").len(), 2);
    home.verifies();
}
