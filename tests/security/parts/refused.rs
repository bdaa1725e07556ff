//! A part that is not permitted: its verdict is on the record whatever the model goes on to say, and whoever asked is told why
//! once, by the verdict on the whole or, where no whole comes, by that on the part.

use serde_json::{Value, json};

use super::*;

/// The verbs of what was so decided, as a chat was told.
pub(super) fn told<'a>(events: &'a [Value], decision: &str) -> Vec<&'a str> {
    let judged = events.iter().filter(|event| event["type"] == "verdict" && event["decision"] == decision);
    let of = |verdict: &Value| {
        events.iter().find(|event| event["type"] == "proposal" && event["proposal"] == verdict["proposal"])
    };
    judged.map(|verdict| of(verdict).unwrap()["action"]["verb"].as_str().unwrap()).collect()
}

/// What first refused each refused part of an agent's, by the record, oldest first.
pub(super) fn grounds(home: &Home, agent: &str) -> Vec<String> {
    let mut refused = home.records(&[
        "--kind",
        "verdict",
        "--agent",
        agent,
        "--decision",
        "deny",
        "--action",
        "reply.part",
    ]);
    refused.sort_by_key(|record| record["seq"].as_u64());
    refused.iter().map(|record| record["reasons"][0]["policy"].as_str().unwrap().to_owned()).collect()
}

/// The same agent, which may read.
fn reader() -> String {
    format!("{CAREFUL}\n## Skills\n\n- file-reader: Reads the handbook\n  - paths: HOME/handbook\n")
}

#[test]
fn what_was_refused_before_a_call_of_a_skill_is_on_the_record_and_whoever_asked_is_told_why() {
    let (home, speaker) = home();
    home.soul("careful", &reader());
    home.start();
    let browser = own_browser(&home);
    for (first, refused) in [
        ("All is well.\n\n", "Write to jane.doe@corp.com\n\n"),
        ("So is this.\n\n", "You should sell your shares now.\n\n"),
    ] {
        let words = speaker.answer();
        let mut chat = Chat::of(&home, "careful");
        words.say(first);
        chat.next("part");
        words.say(refused);
        meanwhile(&home, &speaker);
        words.say("One moment.\n\nI look it up");
        words.call("file-reader", &json!({ "path": home.at("handbook/expenses.md") }));
        words.end();
        let words = speaker.answer();
        words.say("That is all.");
        words.end();
        let heard = chat.over(0);
        let all = serde_json::to_string(&heard).unwrap();
        assert_eq!(
            (texts(&heard, "part"), texts(&heard, "reply")),
            (vec![first], vec!["That is all."]),
            "{all}"
        );
        assert!(!all.contains("jane.doe") && !all.contains("sell") && !all.contains("One moment"), "{all}");
        assert_eq!(told(&heard, "deny"), ["reply.part"], "{all}");
        let verdict =
            heard.iter().find(|event| event["type"] == "verdict" && event["decision"] == "deny").unwrap();
        assert!(!verdict["reasons"][0]["message"].as_str().unwrap().is_empty(), "{verdict}");

        // The page that is loaded anew is told the same.
        let session = heard[0]["session"].as_str().unwrap();
        let steps = browser.get(&format!("sessions/{session}/steps")).is(200).json();
        let steps = steps["steps"].as_array().unwrap();
        assert_eq!(told(steps, "deny"), ["reply.part"], "{steps:?}");
        assert!(!serde_json::to_string(steps).unwrap().contains("One moment"), "{steps:?}");
        let denied =
            steps.iter().find(|step| step["type"] == "verdict" && step["decision"] == "deny").unwrap();
        assert_eq!(denied["reasons"], verdict["reasons"]);
    }
    let grounds = grounds(&home, "careful");
    assert_eq!((grounds.len(), grounds[1].as_str()), (2, "approval:part"), "{grounds:?}");
    assert_eq!(home.json(&["approvals", "list"]), json!([]), "a part was put before a person");
    let proposed = home.whole(&["--kind", "proposal", "--agent", "careful", "--action", "reply.part"]);
    assert!(
        proposed.iter().any(|record| record["action"]["args"]["text"] == "Write to jane.doe@corp.com\n\n")
    );
    let beat = home.at("agents/careful/HEARTBEAT.md");
    eventually("the heartbeat says so", || {
        fs::read_to_string(&beat).is_ok_and(|beat| beat.matches("DENIED").count() == 2)
    });
    home.verifies();
}

#[test]
fn what_was_refused_of_an_answer_that_breaks_off_is_told_as_a_refusal() {
    let (home, speaker) = home();
    home.soul("careful", CAREFUL);
    home.start();
    let browser = own_browser(&home);
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "careful");
    words.say("All is well.\n\n");
    let turn = chat.next("part")["turn"].as_str().unwrap().to_owned();
    words.say("Write to jane.doe@corp.com\n\n");
    meanwhile(&home, &speaker);
    drop(browser.post(&format!("turns/{turn}/stop"), &json!({})));
    let heard = chat.over(3);
    assert_eq!(told(&heard, "deny"), ["reply.part"], "{heard:?}");
    assert_eq!(grounds(&home, "careful").len(), 1);
    assert!(home.records(&["--agent", "careful", "--action", "reply"]).is_empty());
    words.end();
    home.verifies();
}

#[test]
fn a_page_that_ends_between_a_refused_part_and_its_whole_tells_the_whole_alone() {
    let (home, speaker) = home();
    home.soul("careful", CAREFUL);
    home.start();
    let browser = own_browser(&home);
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "careful");
    words.say("All is well.\n\n");
    chat.next("part");
    words.say("Write to jane.doe@corp.com\n\n");
    meanwhile(&home, &speaker);
    words.say("The end");
    words.end();
    let heard = chat.over(3);
    assert_eq!((told(&heard, "deny"), grounds(&home, "careful").len()), (vec!["reply"], 1), "{heard:?}");
    let path = format!("sessions/{}/steps", heard[0]["session"].as_str().unwrap());
    let whole = browser.get(&path).is(200).json()["steps"].as_array().unwrap().clone();
    assert_eq!(told(&whole, "deny"), ["reply"], "{whole:?}");
    for limit in 1..=4 {
        let (mut pages, mut at) = (Vec::new(), format!("{path}?limit={limit}"));
        loop {
            let page = browser.get(&at).is(200).json();
            pages.splice(0..0, page["steps"].as_array().unwrap().clone());
            let Some(before) = page["before"].as_u64() else { break };
            at = format!("{path}?limit={limit}&before={before}");
        }
        assert_eq!(pages, whole, "{limit} on a page");
    }
}

/// An agent that may do so little.
fn slow(limit: &str) -> String {
    format!("# Slow\n\n## Identity\n\n- Name: slow\n- Role: Answers questions\n\n## Limits\n\n- {limit}\n")
}

#[test]
fn what_others_had_the_agent_do_meanwhile_holds_back_the_next_part_as_it_does_the_reply() {
    let (home, speaker) = home();
    home.soul("slow", &slow("actions-per-minute: 3"));
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "slow");
    words.say("The first paragraph.\n\n");
    chat.next("part");
    // One action so far; another conversation has the two that are left.
    let other = speaker.answer();
    other.say("Well.");
    other.end();
    Chat::of(&home, "slow").over(0);
    words.say("The second.\n\n");
    meanwhile(&home, &speaker);
    words.say("The end");
    words.end();
    let heard = chat.over(3);
    assert_eq!(texts(&heard, "part"), ["The first paragraph.\n\n"]);
    assert_eq!(grounds(&home, "slow"), ["limit:actions-per-minute"]);
    assert_eq!(told(&heard, "deny"), ["reply"]);
}

#[test]
fn no_part_comes_once_the_turn_has_no_action_left_for_its_reply() {
    let (home, speaker) = home();
    home.soul("slow", &slow("actions-per-turn: 1"));
    home.start();
    let words = speaker.answer();
    let chat = Chat::of(&home, "slow");
    eventually("its model is asked", || speaker.server.requests("chat/completions").len() == 1);
    words.say("The first paragraph.\n\nThe second.\n\n");
    meanwhile(&home, &speaker);
    words.say("The end");
    words.end();
    let heard = chat.over(3);
    assert!(texts(&heard, "part").is_empty(), "{heard:?}");
    assert_eq!(grounds(&home, "slow"), ["limit:actions-per-turn"]);
    assert_eq!(told(&heard, "deny"), ["reply"]);
}

/// The same agent, which may post where a person agrees.
fn poster() -> String {
    format!("{CAREFUL}\n## Skills\n\n- message: Tell others\n\n## Channels\n\n- board: content-team\n")
}

#[test]
fn what_was_said_before_a_wait_for_a_person_counts_for_what_is_said_after_it() {
    let (home, speaker) = home();
    home.soul("careful", &poster());
    home.start();
    // What comes afterwards is nobody's pay by itself.
    let pay = "Jane Doe: EUR 90.000\n\n";
    for (before, parts) in [("One moment", vec!["Well.\n\n", pay]), ("The salary of ", vec!["Well.\n\n"])] {
        let words = speaker.answer();
        let mut chat = Chat::of(&home, "careful");
        words.say(&format!("Well.\n\n{before}"));
        chat.next("part");
        words.call("message", &json!({ "channel": "board:content-team", "text": "It is ready." }));
        words.end();
        chat.next("approval");
        let rest = speaker.answer();
        let asked = || speaker.server.requests("chat/completions").len();
        let before = asked();
        home.run(&["approvals", "approve", &home.waiting()]).done();
        // Else the other agent's model might be asked first, and get this answer.
        eventually("its model is asked again", || asked() > before);
        rest.say(pay);
        meanwhile(&home, &speaker);
        rest.say("The end");
        rest.end();
        assert_eq!(texts(&chat.over(0), "part"), parts);
    }
    assert_eq!(grounds(&home, "careful").len(), 1);
    home.verifies();
}
