//! What another gateway records with words that were erased, until it comes across the record that says so, goes as well, by the
//! same order.

use bulkhead_tests::{Browser, Home, eventually};
use serde_json::{Value, json};

use crate::branches::{ask, branch, id, owner, said};
use crate::erasure::with;

/// An answer, and then one call after the other, each with the whole conversation before the model.
pub(crate) const GOES_ON: &str = "
turns:
  - say: So much for that.
  - calls:
      - skill: file-reader
        arguments: {path: /nowhere/at/all}
    delay_ms: 200
    repeat: true
";

const ROUNDS: usize = 4;

/// How many rounds there may be until something was recorded in between, which is a matter of moments.
const MAX_ROUNDS: usize = 40;

/// Lets its agent do as much as the rounds take, however long they do.
pub(crate) fn unhurried(home: &Home) {
    let soul = home.at("agents/echo/SOUL.md");
    let text = std::fs::read_to_string(&soul).unwrap();
    let limits = "\n## Limits\n- actions-per-minute: 10000\n- actions-per-turn: 10000\n";
    std::fs::write(&soul, text + limits).unwrap();
}

/// Has something said in a conversation, and is there while its turn goes on.
pub(crate) fn goes_on(home: &Home, me: &Browser, session: &str, text: &str) -> impl Sized + use<> {
    let sse = [("accept", "text/event-stream")];
    let stream = me.post_stream("agents/echo/messages", &sse, &json!({ "text": text, "session": session }));
    let asked =
        || home.records(&["--session", session, "--kind", "proposal", "--action", "model.call"]).len();
    let before = asked();
    eventually("models are asked in it", || asked() > before + 1);
    stream
}

pub(crate) fn done(home: &Home) -> Vec<Value> {
    home.records(&["--event", "erasure.done"])
}

#[test]
fn what_a_gateway_recorded_before_it_heard_of_an_erasure_goes_by_the_same_order() {
    let test =
        "security::since::what_a_gateway_recorded_before_it_heard_of_an_erasure_goes_by_the_same_order";
    for home in Home::both_playing(test, GOES_ON) {
        let Some(other) = home.beside() else { continue };
        other.scene(GOES_ON);
        unhurried(&other);
        other.start();
        let me = owner(&other);
        let mut further = 0;
        for round in 0..MAX_ROUNDS {
            if round >= ROUNDS && further > 0 {
                break;
            }
            let word = format!("quokka{round}x");
            let (session, turn) = ask(&me, "echo", None, &word);
            let near = branch(&me, &session, &turn, false);
            // In the conversation itself, or in one that goes on from it.
            let there = if round % 2 == 0 { session.as_str() } else { id(&near) };
            let own = format!("my own numbat{round}x");
            let stream = goes_on(&home, &me, there, &own);
            let before = done(&home).len();
            let erase = ["audit", "erase", "request", "--session", &session, "--reason", "a test"];
            assert_eq!(home.json(&erase)["state"], "done");
            eventually("no word of it is left", || with(&other, &word).is_empty());
            drop(stream);
            // Those that go on from it keep what is their own.
            if round % 2 == 1 {
                assert!(said(&me, there).contains(&own));
            }
            let all = done(&home);
            let first = &all[before];
            for more in &all[before + 1..] {
                assert_eq!((&more["facts"]["follows"], &more["person"]), (&first["seq"], &first["person"]));
                for same in ["erasure", "of", "consent", "self_consented"] {
                    assert_eq!(more["facts"][same], first["facts"][same], "{more}");
                }
                further += 1;
            }
        }
        assert!(further > 0, "in {MAX_ROUNDS} rounds nothing was recorded in between");
        home.verifies();
    }
}

#[test]
fn a_person_who_speaks_at_several_gateways_is_erased_at_all_and_what_they_say_later_stays() {
    let test = "security::since::a_person_who_speaks_at_several_gateways_is_erased_at_all_and_what_they_say_later_stays";
    for home in Home::both_playing(test, GOES_ON) {
        let (Some(two), Some(three)) = (home.beside(), home.beside()) else { continue };
        let mut streams = Vec::new();
        for at in [&two, &three] {
            at.scene(GOES_ON);
            at.start();
        }
        for at in [&home, &two, &three] {
            let me = owner(at);
            let (session, _) = ask(&me, "echo", None, "of the quokka");
            streams.push(goes_on(at, &me, &session, "and more of the quokka"));
        }
        let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
        let asked = ["audit", "erase", "request", "--person", &person, "--reason", "a test"];
        let first = home.json(&asked)["records"][0].as_u64().unwrap();
        for at in [&two, &three] {
            eventually("no word of it is left", || with(at, "quokka").is_empty());
        }
        // Whoever goes through all of it anew takes nothing of what came later.
        for at in [&home, &two, &three] {
            drop(ask(&owner(at), "echo", None, "of the bilby"));
        }
        for at in [&home, &two, &three] {
            at.run(&["gateway", "stop"]).done();
        }
        home.take("erased", "upto");
        for at in [&home, &two, &three] {
            at.start();
        }
        eventually("all have gone through it", || home.left("erased").len() == 3);
        let count = |home: &Home| {
            let of = |record: &&Value| record["event"] == "message.received" && record["erased"] != true;
            home.records(&["--kind", "message"]).iter().filter(of).count()
        };
        assert_eq!(count(&home), 3);
        assert_eq!(with(&home, "quokka"), Vec::<String>::new());
        for done in &done(&home)[1..] {
            assert_eq!(done["facts"]["follows"], first, "{done}");
        }
        home.verifies();
    }
}
