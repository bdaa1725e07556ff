//! Sign-ins: how long they last, whose they are, and their end.

use people::{Cookie, How, NoKind};

use crate::stage::{GOOD, Stage, ada, bob, here};

#[tokio::test]
async fn a_sign_in_lasts_its_time_and_no_use_makes_it_longer() {
    let stage = Stage::new();
    let used = stage.welcome(&ada()).await;
    let idle = stage.sign_in("ada", GOOD).await.unwrap();
    for _ in 0..23 {
        stage.later(1_799);
        assert!(stage.lives(&used.cookie).await);
    }
    assert!(!stage.lives(&idle.cookie).await);
    stage.later(1_900);
    assert!(!stage.lives(&used.cookie).await, "twelve hours are over");
    stage.people.tidy().await.unwrap();
    assert_eq!(stage.records("signed.out").await.len(), 2);
    assert!(stage.people.sign_ins(&ada(), None).is_empty());
}

#[tokio::test]
async fn what_a_page_asks_while_nobody_is_at_it_keeps_no_sign_in_alive() {
    let stage = Stage::new();
    let signed_in = stage.welcome(&ada()).await;
    let asked = async || stage.people.session_unused(&signed_in.cookie, &here()).await;
    let seen = || stage.people.sign_ins(&ada(), None)[0].seen;
    let before = seen();
    for _ in 0..3 {
        stage.later(1_000);
        assert_eq!(asked().await.unwrap().person, ada());
    }
    assert_eq!(seen(), before);
    stage.later(700);
    assert_eq!(asked().await.unwrap_err().kind, NoKind::Unidentified);
    assert!(!stage.lives(&signed_in.cookie).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_a_sign_in_rather_than_making_it_longer() {
    let stage = Stage::new();
    let signed_in = stage.welcome(&ada()).await;
    stage.later(-200);
    assert!(stage.lives(&signed_in.cookie).await, "clocks differ a little");
    stage.later(-3_600);
    assert!(!stage.lives(&signed_in.cookie).await);
}

#[tokio::test]
async fn each_coming_in_is_a_sign_in_of_its_own_that_can_be_seen_and_ended() {
    let stage = Stage::new();
    let one = stage.welcome(&ada()).await;
    stage.later(1);
    let other = stage.sign_in("ada", GOOD).await.unwrap();
    assert_ne!(one.id, other.id);
    assert_ne!(one.cookie.expose(), other.cookie.expose());
    let seen = stage.people.sign_ins(&ada(), Some(&one.id));
    assert_eq!(seen.len(), 2);
    let mine = seen.iter().find(|view| view.current).unwrap();
    assert_eq!((&mine.id, mine.how), (&one.id, How::Code));
    assert_eq!(mine.agent, "a test[2J of sign-ins");
    assert!(stage.people.sign_ins(&bob(), None).is_empty());
    let no = stage.people.end_sign_in(&other.id, &bob(), &bob()).await.unwrap_err();
    assert_eq!(no.kind, NoKind::NotFound, "it is not bob's");
    assert!(stage.lives(&other.cookie).await);
    stage.people.end_sign_in(&other.id, &ada(), &ada()).await.unwrap();
    assert!(!stage.lives(&other.cookie).await && stage.lives(&one.cookie).await);
    assert_eq!(stage.people.end_sign_in(&other.id, &ada(), &ada()).await.unwrap_err().kind, NoKind::NotFound);
    let stage = stage.again();
    assert!(!stage.lives(&other.cookie).await && stage.lives(&one.cookie).await);
    let told = stage.records("signed.in").await;
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["facts"]["how"], &told[0]["facts"]["peer"]), (&"code".into(), &"127.0.0.1".into()));
    assert_eq!(stage.records("signed.out").await[0]["facts"]["by"], "ada");
}

#[tokio::test]
async fn a_cookie_with_another_secret_or_anothers_id_is_nobodys() {
    let stage = Stage::new();
    let (adas, bobs) = (stage.welcome(&ada()).await, stage.welcome(&bob()).await);
    let (adas_text, bobs_text) = (adas.cookie.expose(), bobs.cookie.expose());
    let (id, secret) = (adas_text.split_once('.').unwrap().0, bobs_text.split_once('.').unwrap().1);
    let crossed = Cookie::parse(&format!("{id}.{secret}")).unwrap();
    assert!(!stage.lives(&crossed).await);
    let made_up = Cookie::parse(&format!("i-made-up.{}", "0".repeat(64))).unwrap();
    assert!(!stage.lives(&made_up).await);
    assert!(stage.lives(&adas.cookie).await);
    let refused = stage.records("sign-in.refused").await;
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|record| record["facts"]["how"] == "cookie" && record["person"].is_null()));
}

#[tokio::test]
async fn one_more_sign_in_than_there_is_room_for_ends_the_one_unused_longest() {
    let stage = Stage::new();
    let first = stage.welcome(&ada()).await;
    stage.later(1);
    let second = stage.sign_in("ada", GOOD).await.unwrap();
    stage.later(1);
    assert!(stage.lives(&first.cookie).await);
    for _ in 2..people::MAX_SIGN_INS {
        stage.later(1);
        stage.sign_in("ada", GOOD).await.unwrap();
    }
    stage.sign_in("ada", GOOD).await.unwrap();
    assert_eq!(stage.people.sign_ins(&ada(), None).len(), people::MAX_SIGN_INS);
    assert!(!stage.lives(&second.cookie).await && stage.lives(&first.cookie).await);
}

#[tokio::test]
async fn a_sign_in_that_is_used_while_it_is_ended_does_not_come_back_with_a_restart() {
    let stage = Stage::new();
    let mut made = vec![stage.welcome(&ada()).await];
    for _ in 1..people::MAX_SIGN_INS {
        made.push(stage.sign_in("ada", GOOD).await.unwrap());
    }
    // That they were used is written once a minute.
    stage.later(90);
    for signed_in in &made {
        let (came, ada) = (here(), ada());
        // The use comes while the end waits for the disk.
        let ending = stage.people.end_sign_in(&signed_in.id, &ada, &ada);
        let (ended, _) = tokio::join!(biased; ending, stage.people.session(&signed_in.cookie, &came));
        ended.unwrap();
    }
    let stage = stage.again();
    assert_eq!(stage.people.sign_ins(&ada(), None), []);
}
