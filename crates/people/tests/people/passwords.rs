//! Passwords: which are taken, which let in, how often may be guessed.

use std::time::Duration;

use people::{Config, NoKind};
use tokio::time::{Instant, sleep};

use crate::stage::{BETTER, GOOD, Stage, ada, bob, from, has, here, pass};

#[tokio::test]
async fn the_right_password_lets_in_and_a_wrong_or_unknown_one_is_told_the_same() {
    let stage = Stage::new();
    stage.welcome(&ada()).await;
    let signed_in = stage.sign_in("ada", GOOD).await.unwrap();
    assert_eq!(signed_in.person, ada());
    let mut told = Vec::new();
    for (name, password) in [
        ("ada", "wrong horse battery"),
        ("bob", GOOD),
        ("eve", GOOD),
        ("", GOOD),
        ("../ada", GOOD),
        ("ADA", GOOD),
        ("ada", ""),
    ] {
        let no = stage.sign_in(name, password).await.unwrap_err();
        assert_eq!(no.kind, NoKind::Unidentified, "{name}");
        told.push(no.message);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_password_is_neither_short_nor_endless_nor_in_the_list() {
    let list = tempfile::NamedTempFile::new().unwrap();
    // SHA-1 of `password1234`.
    std::fs::write(list.path(), "E6B6AFBD6D76BB5D2041542D7D2E3FAC5BB05593:7\n").unwrap();
    let stage = Stage::with(Config { breached: Some(list.path().to_owned()), ..Config::default() });
    let invite = stage.invite(&ada()).await;
    let code = invite.code.expose();
    let long = "x".repeat(1_025);
    for bad in ["", "elevenchars", "password1234", long.as_str(), &"x".repeat(1_000_000)] {
        let no = stage.people.sign_in_by_code(&code, pass(bad), &here(), |_| true).await.unwrap_err();
        assert_eq!(no.kind, NoKind::Invalid, "{} bytes", bad.len());
        assert!(bad.is_empty() || !no.message.contains(bad));
    }
    assert_eq!(stage.sign_in("ada", &"x".repeat(1_000_000)).await.unwrap_err().kind, NoKind::Invalid);
    // None of that used the code up.
    stage.people.sign_in_by_code(&code, pass(GOOD), &here(), |_| true).await.unwrap();
    drop(list);
    let invite = stage.invite(&ada()).await;
    let no = stage.people.sign_in_by_code(&invite.code.expose(), pass(BETTER), &here(), |_| true).await;
    assert_eq!(no.unwrap_err().kind, NoKind::Unavailable, "a list that is gone lets none through");
}

#[tokio::test]
async fn another_password_ends_every_sign_in_and_the_old_one_is_no_good() {
    let stage = Stage::new();
    let first = stage.welcome(&ada()).await;
    let other = stage.sign_in("ada", GOOD).await.unwrap();
    let bobs = stage.welcome(&bob()).await;
    let session = stage.people.session(&other.cookie, &here()).await.unwrap();
    let no = stage.people.change_password(&session, pass("not my password"), pass(BETTER), &here()).await;
    assert_eq!(no.unwrap_err().kind, NoKind::Invalid);
    let fresh = stage.people.change_password(&session, pass(GOOD), pass(BETTER), &here()).await.unwrap();
    assert!(!stage.lives(&first.cookie).await && !stage.lives(&other.cookie).await);
    assert!(stage.lives(&fresh.cookie).await && stage.lives(&bobs.cookie).await);
    assert!(stage.sign_in("ada", GOOD).await.is_err());
    stage.sign_in("ada", BETTER).await.unwrap();
    let ended = stage.records("signed.out").await;
    assert_eq!(ended.iter().filter(|record| record["facts"]["why"] == "password").count(), 2);
    assert_eq!(stage.records("password.set").await.len(), 3);
}

#[tokio::test]
async fn no_secret_is_in_the_database_and_no_wrong_name_in_the_record() {
    let stage = Stage::new();
    let invite = stage.invite(&ada()).await;
    let code = invite.code.expose();
    let signed_in = stage.people.sign_in_by_code(&code, pass(GOOD), &here(), |_| true).await.unwrap();
    let typed = "my-secret-typed-as-name";
    assert!(stage.sign_in(typed, GOOD).await.is_err());
    assert_eq!(stage.records("sign-in.refused").await.len(), 1);
    let scopes = [people::Scope::Read].into();
    let wanted = people::Wanted { name: "nightly".into(), scopes, days: 1 };
    let made = stage.people.make_token(&ada(), &wanted).await.unwrap();
    stage.people.token(&made.token, &here()).await.unwrap();
    let bytes = stage.bytes();
    let (cookie, token) = (signed_in.cookie.expose(), made.token.expose());
    let (id, secret) = cookie.split_once('.').unwrap();
    let of_token = token.splitn(3, '_').last().unwrap();
    assert!(has(&bytes, id) && has(&bytes, made.view.id.as_str()), "the files are looked into");
    assert!(of_token.len() > 16, "{of_token}");
    for secret in [GOOD, &code, &code.replace('-', ""), secret, &token, of_token, typed] {
        assert!(!has(&bytes, secret), "{secret}");
    }
}

#[tokio::test]
async fn guesses_are_refused_after_some_even_the_right_one_and_a_code_lets_in_again() {
    let stage = Stage::new();
    stage.welcome(&ada()).await;
    for _ in 0..people::MAX_GUESSES_OF_PERSON {
        assert_eq!(stage.sign_in("ada", "wrong horse battery").await.unwrap_err().kind, NoKind::Unidentified);
    }
    assert_eq!(stage.sign_in("ada", GOOD).await.unwrap_err().kind, NoKind::Busy);
    // Nobody's name is told apart by it.
    for _ in 0..people::MAX_GUESSES_OF_PERSON {
        assert_eq!(stage.sign_in("eve", GOOD).await.unwrap_err().kind, NoKind::Unidentified);
    }
    assert_eq!(stage.sign_in("eve", GOOD).await.unwrap_err().kind, NoKind::Busy);
    let invite = stage.invite(&ada()).await;
    let code = invite.code.expose();
    stage.people.sign_in_by_code(&code, pass(BETTER), &from("192.0.2.1"), |_| true).await.unwrap();
    stage.sign_in("ada", BETTER).await.unwrap();
    let refused = stage.records("sign-in.refused").await;
    assert!(refused.iter().any(|record| record["facts"]["why"] == "throttled"), "{refused:?}");
    stage.later(900);
    assert_eq!(stage.sign_in("eve", GOOD).await.unwrap_err().kind, NoKind::Unidentified);
}

#[tokio::test]
async fn a_confirmation_lasts_five_minutes_and_not_longer_when_the_clock_is_set_back() {
    let stage = Stage::new();
    let signed_in = stage.welcome(&ada()).await;
    let confirmed =
        async || stage.people.session(&signed_in.cookie, &here()).await.unwrap().confirmed_until.is_some();
    assert!(confirmed().await, "the password was shown this moment");
    stage.later(301);
    assert!(!confirmed().await);
    let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
    assert!(stage.people.confirm(&session, pass("wrong horse battery"), &here()).await.is_err());
    assert!(!confirmed().await);
    stage.people.confirm(&session, pass(GOOD), &here()).await.unwrap();
    assert!(confirmed().await);
    stage.later(-200);
    assert!(!confirmed().await);
    assert_eq!(stage.records("sign-in.confirmed").await.len(), 1);
}

/// How many moments of a change something else comes in.
const MOMENTS: u32 = 16;

/// Each moment of a change of password: how long after its beginning that is.
async fn moments() -> Vec<Duration> {
    let stage = Stage::new();
    let signed_in = stage.welcome(&ada()).await;
    let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
    let begun = Instant::now();
    stage.people.change_password(&session, pass(GOOD), pass(BETTER), &here()).await.unwrap();
    let step = begun.elapsed() / MOMENTS;
    (0..MOMENTS).map(|nth| step * nth).collect()
}

#[tokio::test]
async fn whenever_the_password_is_changed_nobody_stays_who_came_by_the_old_one() {
    for moment in moments().await {
        let stage = Stage::new();
        let signed_in = stage.welcome(&ada()).await;
        let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
        let came = here();
        let change = stage.people.change_password(&session, pass(GOOD), pass(BETTER), &came);
        let other = async {
            sleep(moment).await;
            stage.sign_in("ada", GOOD).await
        };
        let (changed, other) = tokio::join!(change, other);
        assert!(stage.lives(&changed.unwrap().cookie).await);
        if let Ok(other) = other {
            assert!(!stage.lives(&other.cookie).await, "after {moment:?}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_that_is_ended_whenever_it_is_changes_no_password() {
    for moment in moments().await {
        let stage = Stage::new();
        let signed_in = stage.welcome(&ada()).await;
        let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
        let came = here();
        let change = stage.people.change_password(&session, pass(GOOD), pass(BETTER), &came);
        let end = async {
            sleep(moment).await;
            stage.people.end_sign_in(&session.id, &ada(), &ada()).await
        };
        let (changed, ended) = tokio::join!(change, end);
        assert_ne!(changed.is_ok(), ended.is_ok(), "after {moment:?}");
        assert_eq!(stage.sign_in("ada", GOOD).await.is_ok(), ended.is_ok());
    }
}
