//! Rows of state that somebody writes into the database, takes out of it or changes: what they claim is not believed
//! where the record says something else, and it is said.

use bulkhead_tests::{Home, eventually};
use journal::{Draft, Event, Facts, Kind};
use serde_json::{Value, json};
use vocab::PersonId;

use crate::carried::{erasure, first, running};
use crate::erasure::{told, with, write, write_drafts};
use crate::people::{BOB, EVE, Team};

const FINE: &str = "turns: [{say: fine, repeat: true}]";

/// A record of somebody who asks for an erasure or, where it says whether it is their own request, agrees to one.
fn said(id: &str, of: &str, person: &str, own: Option<bool>) -> Draft {
    let event = if own.is_some() { Event::ErasureConsented } else { Event::ErasureAsked };
    let facts = Facts::new().with("erasure", id).with("of", of).with_some("self_consented", own);
    let mut draft = Draft::of_event(Kind::Admin, event, facts);
    draft.person = PersonId::new(person).ok();
    draft.payload = json!({ "why": "asked" });
    draft
}

/// A number of an erasure's own.
fn number(id: &str) -> u64 {
    u64::from(id.as_bytes()[2]) << 8
}

/// What the record has of a request for an erasure: who asked and, where somebody did, who agreed.
pub(crate) fn on_record(home: &Home, id: &str, of: &str, by: &str, consent: Option<&str>) {
    let consent = consent.map(|person| said(id, of, person, Some(person == by)));
    write_drafts(home, 0, number(id), [said(id, of, by, None)].into_iter().chain(consent).collect());
}

/// What each alert about a row says that was not believed: the family and the name of it.
pub(crate) fn alerts(home: &Home) -> Vec<(String, String)> {
    let of = |record: Value| {
        let fact = |name: &str| record["facts"][name].as_str().map(str::to_owned);
        (record["event"] == "row.unfounded").then(|| Some((fact("what")?, fact("key")?))).flatten()
    };
    home.records(&["--kind", "alert"]).into_iter().filter_map(of).collect()
}

#[test]
fn no_row_erases_anything_that_the_record_has_not_two_people_for() {
    for team in Team::both_playing(
        "security::unfounded::no_row_erases_anything_that_the_record_has_not_two_people_for",
        FINE,
    ) {
        let home = &team.home;
        team.run(EVE, &["chat", "helper", "of the wombat"]).done();
        let session = first(home, "helper").1;
        home.run(&["chat", "echo", "of the numbat"]).done();
        home.run(&["gateway", "stop"]).done();
        let of = format!("session:{session}");
        let by = |id: &str, decided_by: &str| {
            let mut row = running(id, "ada", &json!({ "session": session }));
            row["decided_by"] = decided_by.into();
            home.leave("erasure", id, &row);
        };
        // Nobody asked.
        by("e-aaaaaaaa", "bob");
        // Nobody agreed.
        on_record(home, "e-bbbbbbbb", &of, "ada", None);
        by("e-bbbbbbbb", "bob");
        // Who asked agreed.
        on_record(home, "e-cccccccc", &of, "ada", Some("ada"));
        by("e-cccccccc", "ada");
        // The row says that it was somebody else.
        on_record(home, "e-dddddddd", &of, "ada", Some("ada"));
        by("e-dddddddd", "bob");
        // It was about something else.
        on_record(home, "e-eeeeeeee", "session:s-another", "ada", Some("bob"));
        by("e-eeeeeeee", "bob");
        // Somebody else asked, who agreed then.
        on_record(home, "e-ffffffff", &of, "bob", Some("bob"));
        by("e-ffffffff", "bob");
        // The row says that it was a third.
        on_record(home, "e-gggggggg", &of, "ada", Some("bob"));
        by("e-gggggggg", "eve");
        // What was agreed to is something else than what was asked for.
        let id = "e-hhhhhhhh";
        let agreed = said(id, "session:s-another", "bob", Some(false));
        write_drafts(home, 0, number(id), vec![said(id, &of, "ada", None), agreed]);
        by(id, "bob");
        // It was agreed to when it had waited for too long.
        let id = "e-iiiiiiii";
        write_drafts(home, 8, number(id), vec![said(id, &of, "ada", None)]);
        write_drafts(home, 0, number(id) + 1, vec![said(id, &of, "bob", Some(false))]);
        by(id, "bob");
        home.start();
        let ids =
            ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|letter| format!("e-{}", letter.repeat(8)));
        for id in &ids {
            eventually(&format!("{id} is refused"), || erasure(home, id)["state"] == "refused");
            let view = erasure(home, id);
            assert!(view["why"].as_str().unwrap().contains("is not what the record says"), "{view}");
            assert!(alerts(home).contains(&("erasure".to_owned(), id.clone())), "{:?}", alerts(home));
        }
        assert!(!with(home, "wombat").is_empty());
        assert_eq!(told(home).iter().filter(|told| *told == "erasure.refused record").count(), ids.len());
        assert!(!told(home).contains(&"erasure.done".to_owned()), "{:?}", told(home));
        home.verifies();
    }
}

#[test]
fn a_row_that_is_changed_while_it_waits_is_agreed_to_by_nobody() {
    for team in Team::both_playing(
        "security::unfounded::a_row_that_is_changed_while_it_waits_is_agreed_to_by_nobody",
        FINE,
    ) {
        let home = &team.home;
        home.add("[[group]]\nname = \"privacy\"\nerase = true\n");
        home.edit(
            "groups = [\"owners\"]\n[[person]]\nid = \"eve\"",
            "groups = [\"owners\", \"privacy\"]\n[[person]]\nid = \"eve\"",
        );
        team.run(EVE, &["chat", "helper", "of the wombat"]).done();
        home.run(&["chat", "echo", "of the numbat"]).done();
        let ask = ["audit", "erase", "request", "--person", "eve", "--reason", "she left"];
        let changes: [(&str, Value); 3] = [
            // So that who asked may agree.
            ("asked_by", "bob".into()),
            // So that somebody agrees to what they are not asked for.
            ("of", json!({ "person": "ada" })),
            ("reason", "an order of the court".into()),
        ];
        for (field, value) in changes {
            let view = home.json(&ask);
            let id = view["id"].as_str().unwrap();
            let mut row = view.clone();
            row[field] = value;
            home.leave("erasure", id, &row);
            let consent = ["audit", "erase", "consent", id];
            let said = if field == "asked_by" { home.run(&consent) } else { team.run(BOB, &consent) };
            said.fails(3, "is not what the record says");
            assert_eq!(erasure(home, id)["state"], "refused", "{field}");
            assert!(alerts(home).contains(&("erasure".to_owned(), id.to_owned())), "{field}");
        }
        assert!(!with(home, "wombat").is_empty() && !with(home, "numbat").is_empty());
        // What nobody has touched is agreed to and carried out, and nothing that comes later goes by the same consent.
        let id = home.json(&ask)["id"].as_str().unwrap().to_owned();
        team.run(BOB, &["audit", "erase", "consent", &id]).done();
        assert_eq!(with(home, "wombat"), Vec::<String>::new());
        team.run(EVE, &["chat", "helper", "of the quoll"]).done();
        let mut row = erasure(home, &id);
        row["state"] = "running".into();
        home.run(&["gateway", "stop"]).done();
        home.leave("erasure", &id, &row);
        home.start();
        eventually("it is over", || erasure(home, &id)["state"] == "done");
        let kept = |place: &String| place.contains("journal.sqlite") || place.contains("table payload");
        assert!(with(home, "quoll").iter().any(kept), "{:?}", with(home, "quoll"));
        home.verifies();
    }
}

/// What the record has of a hold.
pub(crate) fn hold_on_record(home: &Home, id: &str, session: &str) {
    let facts = Facts::new().with("hold", id).with("session", session);
    let mut draft = Draft::of_event(Kind::Admin, Event::HoldAdded, facts);
    draft.person = PersonId::new("x").ok();
    draft.payload = json!({ "why": "lawsuit" });
    write_drafts(home, 0, 1 << 20, vec![draft]);
}

#[test]
fn a_hold_holds_whatever_becomes_of_its_row_and_no_row_is_one_alone() {
    for home in Home::both_playing(
        "security::unfounded::a_hold_holds_whatever_becomes_of_its_row_and_no_row_is_one_alone",
        FINE,
    ) {
        home.run(&["chat", "helper", "of the quokka"]).done();
        home.run(&["chat", "echo", "of the numbat"]).done();
        let (quokka, numbat) = (first(&home, "helper").1, first(&home, "echo").1);
        let add = ["audit", "hold", "add", "--session", &quokka, "--reason", "lawsuit", "--json"];
        let hold = home.run(&add).done().json();
        let id = hold["id"].as_str().unwrap();
        let erase =
            |session: &str| home.run(&["audit", "erase", "request", "--session", session, "--reason", "x"]);
        let row = home.left("hold").remove(0);
        let mut other = row.clone();
        other["of"]["session"] = numbat.as_str().into();
        let stray = |id: &str| {
            let mut stray = other.clone();
            stray["id"] = id.into();
            stray
        };
        // Gone, about something else, in no form at all, and one that nobody put there: nothing is erased.
        home.take("hold", id);
        erase(&quokka).fails(3, "has no row any more");
        erase(&numbat).fails(3, "has no row any more");
        home.leave("hold", id, &other);
        erase(&quokka).fails(3, "is of something else in its row");
        home.leave("hold", id, &json!("x"));
        erase(&quokka).fails(3, "is of something else in its row");
        home.leave("hold", id, &row);
        home.leave("hold", "h-bbbbbbbb", &stray("h-bbbbbbbb"));
        erase(&numbat).fails(3, "no record puts the hold `h-bbbbbbbb` there");
        for key in [id, "h-bbbbbbbb"] {
            assert!(alerts(&home).contains(&("hold".to_owned(), key.to_owned())), "{:?}", alerts(&home));
        }
        // The way out: a row alone is taken off, one that is gone still shows and can be let go.
        home.run(&["audit", "hold", "remove", "h-bbbbbbbb", "--reason", "nobody's"]).done();
        erase(&quokka).fails(3, "the legal hold `h-");
        home.take("hold", id);
        home.run(&["audit", "hold", "list"]).done().has(id).has("lawsuit").has(&quokka);
        home.run(&["audit", "hold", "remove", id, "--reason", "settled"]).done();
        erase(&quokka).done();
        erase(&numbat).done();
        home.verifies();
    }
}

#[test]
fn no_time_is_over_for_anything_while_the_row_of_a_hold_is_gone() {
    for home in
        Home::both("security::unfounded::no_time_is_over_for_anything_while_the_row_of_a_hold_is_gone")
    {
        home.scene(FINE);
        // A gateway has its name from its first start.
        home.start();
        home.run(&["gateway", "stop"]).done();
        write(&home, 500, 1, &[("internal", "aardvark"), ("internal", "albatross")]);
        hold_on_record(&home, "h-aaaaaaaa", "s-500-0");
        home.start();
        eventually("it is said", || alerts(&home).contains(&("hold".to_owned(), "h-aaaaaaaa".to_owned())));
        eventually("retention was tried", || {
            let log = std::fs::read_to_string(home.at("data/gateway.log")).unwrap_or_default();
            log.contains("content whose time is over could not be erased")
        });
        assert!(!with(&home, "aardvark").is_empty() && !with(&home, "albatross").is_empty());
        home.run(&["audit", "hold", "remove", "h-aaaaaaaa", "--reason", "settled"]).done();
        home.run(&["gateway", "restart"]).done();
        eventually("their time is over", || {
            with(&home, "aardvark").is_empty() && with(&home, "albatross").is_empty()
        });
        home.verifies();
    }
}
