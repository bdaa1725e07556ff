//! One-time ids: for how long, and for what, they are good.

use bulkhead_tests::slack::{TEAM, command, now, signed};
use bulkhead_tests::{Browser, eventually};
use serde_json::Value;

use super::{INTERNAL, Stage};

#[test]
fn an_id_outlives_its_gateway_and_not_its_approval() {
    let stage = Stage::new();
    let approval = stage.asks();
    let once = stage.slack.once(0);
    // One leaves after another: when the next one is on the record, the first is known to be out.
    drop(stage.asks());
    stage.home.crash();
    stage.home.start();
    let chat = Browser::at(&stage.home);
    assert_eq!(chat.slack("UCID", &format!("approve {once}")), format!("Approved: {approval}."));
    eventually("it is read", || stage.reads() == 1);
    let posted = stage.slack.messages().iter().filter(|text| text.contains(&approval)).count();
    assert_eq!(posted, 1, "it is not posted twice");
    // What was signed for the gateway before is not heard by this one.
    let body = command(TEAM, "UCID", "approve AAAA-AAAA-AAAA-AAAA");
    let said = chat.slash(&signed(now() - 200, &body), &body).is(401);
    assert!(said.body.contains("before this gateway began"), "{said:?}");
    // A kill ends what waits, and its id.
    let [bob] = stage.home.signed_in(["bob"]);
    let had = stage.slack.messages().len();
    bob.say("echo", "look it up");
    let once = stage.slack.once(had);
    stage.home.run(&["agents", "kill", "echo"]).done();
    assert!(chat.slack("UCID", &format!("approve {once}")).contains("there is no such id"));
    assert_eq!(stage.reads(), 1);
}

#[test]
fn an_id_is_good_while_the_chat_may_carry_what_it_is_for_and_the_row_has_it() {
    let stage = Stage::new();
    let approval = stage.asks();
    let yes = format!("approve {}", stage.slack.once(0));
    // One leaves after another: when the next one is on the record, the first is known to be out.
    drop(stage.asks());
    let anew = || {
        stage.home.run(&["gateway", "restart"]).done();
        Browser::at(&stage.home)
    };
    stage.home.edit(INTERNAL, "clearance = [\"public\"]");
    let told = anew().slack("UCID", &yes);
    assert!(told.contains("good no more"), "{told}");
    stage.waits(&approval);
    // It may again; but what the record has of it is without an id now.
    stage.home.edit("clearance = [\"public\"]", INTERNAL);
    let chat = anew();
    let rows = stage.home.left("approval");
    let mut row = rows.into_iter().find(|row| row["view"]["id"] == *approval).unwrap();
    assert!(row["chat"]["once"].is_string(), "{row}");
    let with = row.clone();
    row["chat"]["once"] = Value::Null;
    stage.home.leave("approval", &approval, &row);
    let told = chat.slack("UCID", &yes);
    assert!(told.contains("good no more"), "{told}");
    stage.waits(&approval);
    stage.home.leave("approval", &approval, &with);
    assert_eq!(chat.slack("UCID", &yes), format!("Approved: {approval}."));
}
