//! One-time codes: once, for a day, for whom they were made.

use people::NoKind;

use crate::stage::{BETTER, GOOD, Stage, ada, bob, here, pass};

async fn refused(stage: &Stage, code: &str) {
    let no = stage.people.sign_in_by_code(code, pass(BETTER), &here(), |_| true).await.unwrap_err();
    assert_eq!(no.kind, NoKind::Unidentified, "{code}");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let stage = Stage::new();
    let first = stage.invite(&ada()).await.code.expose();
    stage.people.sign_in_by_code(&first, pass(GOOD), &here(), |_| true).await.unwrap();
    refused(&stage, &first).await;
    stage.sign_in("ada", GOOD).await.unwrap();
}

#[tokio::test]
async fn of_two_who_use_a_code_at_once_one_gets_in() {
    let stage = Stage::new();
    let code = stage.invite(&ada()).await.code.expose();
    let came = here();
    let one = stage.people.sign_in_by_code(&code, pass(GOOD), &came, |_| true);
    let other = stage.people.sign_in_by_code(&code, pass(BETTER), &came, |_| true);
    let (one, other) = tokio::join!(one, other);
    assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1);
    let good = if one.is_ok() { GOOD } else { BETTER };
    stage.sign_in("ada", good).await.unwrap();
}

#[tokio::test]
async fn a_code_is_over_after_a_day_when_another_is_made_or_when_its_person_has_left() {
    let stage = Stage::new();
    let replaced = stage.invite(&ada()).await.code.expose();
    let code = stage.invite(&ada()).await.code.expose();
    refused(&stage, &replaced).await;
    let no = stage.people.sign_in_by_code(&code, pass(BETTER), &here(), |_| false).await.unwrap_err();
    assert_eq!(no.kind, NoKind::Unidentified);
    stage.later(24 * 60 * 60);
    refused(&stage, &code).await;
    stage.people.tidy().await.unwrap();
    stage.later(-24 * 60 * 60);
    refused(&stage, &code).await;
}

#[tokio::test]
async fn a_code_made_later_than_now_is_refused() {
    let stage = Stage::new();
    let code = stage.invite(&ada()).await.code.expose();
    stage.later(-3_600);
    refused(&stage, &code).await;
}

#[tokio::test]
async fn a_code_outlives_a_restart_and_resets_a_forgotten_password() {
    let stage = Stage::new();
    let before = stage.welcome(&ada()).await;
    let code = stage.invite(&ada()).await.code.expose();
    assert!(stage.lives(&before.cookie).await, "an invitation alone ends nothing");
    let stage = stage.again();
    let after = stage.people.sign_in_by_code(&code, pass(BETTER), &here(), |_| true).await.unwrap();
    assert_eq!(after.person, ada());
    assert!(!stage.lives(&before.cookie).await && stage.lives(&after.cookie).await);
    assert!(stage.sign_in("ada", GOOD).await.is_err());
    let made = stage.records("invite.made").await;
    assert_eq!((&made[0]["person"], &made[0]["facts"]["by"]), (&"ada".into(), &"ada".into()));
}

#[tokio::test]
async fn a_leaver_is_forgotten_and_whoever_gets_the_name_later_is_somebody_else() {
    let stage = Stage::new();
    let gone = stage.welcome(&bob()).await;
    let wanted = people::Wanted { name: "script".into(), scopes: [people::Scope::Read].into(), days: 1 };
    let token = stage.people.make_token(&bob(), &wanted).await.unwrap().token;
    let code = stage.invite(&bob()).await.code.expose();
    let stays = stage.welcome(&ada()).await;
    stage.people.forget_leavers(&[ada()].into()).await.unwrap();
    stage.people.forget_leavers(&[ada()].into()).await.unwrap();
    let stage = stage.again();
    assert!(!stage.lives(&gone.cookie).await && stage.lives(&stays.cookie).await);
    assert!(stage.people.token(&token, &here()).await.is_err());
    assert!(stage.sign_in("bob", GOOD).await.is_err());
    refused(&stage, &code).await;
    let forgotten = stage.records("credentials.forgotten").await;
    assert_eq!(forgotten.len(), 1);
    assert_eq!(forgotten[0]["facts"], serde_json::json!({ "sign_ins": 1, "tokens": 1, "passkeys": 0 }));
}

#[tokio::test]
async fn who_is_missing_once_because_a_file_was_saved_in_part_is_not_forgotten() {
    let stage = Stage::new();
    let (adas, bobs) = (stage.welcome(&ada()).await, stage.welcome(&bob()).await);
    for named in [[ada()], [bob()], [ada()], [bob()]] {
        stage.people.forget_leavers(&named.into()).await.unwrap();
    }
    assert!(stage.lives(&adas.cookie).await && stage.lives(&bobs.cookie).await);
    assert!(stage.records("credentials.forgotten").await.is_empty());
    stage.people.forget_leavers(&[bob()].into()).await.unwrap();
    assert!(!stage.lives(&adas.cookie).await && stage.lives(&bobs.cookie).await);
}

#[tokio::test]
async fn a_code_that_somebody_else_made_says_so_when_it_is_used_and_is_an_alert() {
    let stage = Stage::new();
    drop(stage.welcome(&ada()).await);
    assert!(stage.records("invite.used").await.is_empty(), "ada made it for herself");
    let first = stage.welcome(&bob()).await;
    let taken = stage.welcome(&bob()).await;
    for event in ["signed.in", "password.set"] {
        let told = stage.records(event).await;
        assert!(told.iter().all(|record| record["facts"]["invited_by"] == "ada"), "{told:?}");
        assert_eq!(told.len(), 3);
    }
    let alerts = stage.records("invite.used").await;
    let said =
        |n: usize| (alerts[n]["kind"].clone(), alerts[n]["person"].clone(), alerts[n]["facts"].clone());
    let facts = |signed_in: &people::SignedIn, replaced: bool| serde_json::json!({ "sign_in": signed_in.id, "invited_by": "ada", "replaced": replaced, "peer": "127.0.0.1" });
    assert_eq!(said(0), ("alert".into(), "bob".into(), facts(&first, false)));
    assert_eq!(said(1), ("alert".into(), "bob".into(), facts(&taken, true)));
    assert_eq!(alerts.len(), 2);
    drop(stage.sign_in("bob", GOOD).await.unwrap());
    assert!(stage.records("signed.in").await[3]["facts"].get("invited_by").is_none());
}
