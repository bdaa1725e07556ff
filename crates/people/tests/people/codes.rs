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
    let stage = stage.again();
    assert!(!stage.lives(&gone.cookie).await && stage.lives(&stays.cookie).await);
    assert!(stage.people.token(&token, &here()).await.is_err());
    assert!(stage.sign_in("bob", GOOD).await.is_err());
    refused(&stage, &code).await;
    let forgotten = stage.records("credentials.forgotten").await;
    assert_eq!(forgotten.len(), 1);
    assert_eq!(forgotten[0]["facts"], serde_json::json!({ "sign_ins": 1, "tokens": 1 }));
}
