//! API tokens: how long they last, whose they are, and their end.

use people::{Bearer, NoKind, Scope, Wanted};

use crate::stage::{Stage, ada, bob, here};

fn wanted(name: &str, days: u16) -> Wanted {
    Wanted { name: name.to_owned(), scopes: [Scope::Chat, Scope::Read].into(), days }
}

#[tokio::test]
async fn a_token_is_good_until_it_is_over_or_ended() {
    let stage = Stage::new();
    let short = stage.people.make_token(&ada(), &wanted("short", 1)).await.unwrap();
    let long = stage.people.make_token(&ada(), &wanted("long", 365)).await.unwrap();
    let stage = stage.again();
    let used = stage.people.token(&short.token, &here()).await.unwrap();
    assert_eq!((used.person, used.scopes.as_slice()), (ada(), &[Scope::Read, Scope::Chat][..]));
    stage.later(86_400);
    assert!(stage.people.token(&short.token, &here()).await.is_err());
    assert!(!stage.people.token_lives(&short.view.id) && stage.people.token_lives(&long.view.id));
    assert_eq!(
        stage.people.end_token(&long.view.id, &bob(), &bob()).await.unwrap_err().kind,
        NoKind::NotFound
    );
    stage.people.end_token(&long.view.id, &ada(), &ada()).await.unwrap();
    assert!(stage.people.token(&long.token, &here()).await.is_err());
    stage.people.tidy().await.unwrap();
    let ended = stage.records("token.ended").await;
    let why: Vec<_> = ended.iter().map(|record| record["facts"]["why"].clone()).collect();
    assert_eq!(why, ["ended", "over"]);
    assert_eq!(stage.records("token.made").await[0]["facts"]["scopes"], serde_json::json!(["read", "chat"]));
}

#[tokio::test]
async fn a_token_made_later_than_now_is_refused() {
    let stage = Stage::new();
    let made = stage.people.make_token(&ada(), &wanted("x", 1)).await.unwrap();
    stage.later(-3_600);
    assert!(stage.people.token(&made.token, &here()).await.is_err());
}

#[tokio::test]
async fn what_does_not_fit_is_no_token() {
    let stage = Stage::new();
    let none = Wanted { scopes: [].into(), ..wanted("x", 1) };
    for bad in [
        wanted("", 1),
        wanted(" ", 1),
        wanted("a\nb", 1),
        wanted(&"x".repeat(65), 1),
        wanted("x", 0),
        wanted("x", 366),
        none,
    ] {
        assert_eq!(stage.people.make_token(&ada(), &bad).await.unwrap_err().kind, NoKind::Invalid, "{bad:?}");
    }
    let named = |count: usize| {
        let wanted = serde_json::json!({ "name": "x", "scopes": vec!["chat"; count], "days": 1 });
        serde_json::from_value::<Wanted>(wanted)
    };
    assert_eq!(named(Scope::ALL.len()).unwrap().scopes, [Scope::Chat].into());
    assert!(named(Scope::ALL.len() + 1).unwrap_err().to_string().contains("each named once"));
    for n in 0..people::MAX_TOKENS {
        stage.people.make_token(&ada(), &wanted(&format!("t{n}"), 1)).await.unwrap();
    }
    assert_eq!(stage.people.make_token(&ada(), &wanted("x", 1)).await.unwrap_err().kind, NoKind::Conflict);
    stage.people.make_token(&bob(), &wanted("x", 1)).await.unwrap();
}

#[tokio::test]
async fn a_token_with_another_secret_is_nobodys_and_many_uses_are_one_record() {
    let stage = Stage::new();
    let made = stage.people.make_token(&ada(), &wanted("x", 1)).await.unwrap();
    let text = made.token.expose();
    let forged = format!("{}_{}", text.rsplit_once('_').unwrap().0, "0".repeat(64));
    assert!(stage.people.token(&Bearer::parse(&forged).unwrap(), &here()).await.is_err());
    for _ in 0..500 {
        stage.people.token(&made.token, &here()).await.unwrap();
    }
    assert_eq!(stage.records("token.used").await.len(), 1);
    stage.people.sum_up().await;
    let told = stage.records("token.used").await;
    assert_eq!((told.len(), &told[1]["facts"]["count"]), (2, &499.into()));
}

#[tokio::test]
async fn a_token_that_is_used_while_it_is_ended_does_not_come_back_with_a_restart() {
    let stage = Stage::new();
    let mut made = Vec::new();
    for n in 0..people::MAX_TOKENS {
        made.push(stage.people.make_token(&ada(), &wanted(&format!("t{n}"), 1)).await.unwrap());
    }
    for new in &made {
        let (came, ada) = (here(), ada());
        // The use comes while the end waits for the disk.
        let ending = stage.people.end_token(&new.view.id, &ada, &ada);
        let (ended, _) = tokio::join!(biased; ending, stage.people.token(&new.token, &came));
        ended.unwrap();
    }
    let stage = stage.again();
    assert_eq!(stage.people.tokens(&ada()), []);
}

#[tokio::test]
async fn what_is_over_stays_until_its_end_is_recorded() {
    let stage = Stage::new();
    let made = stage.people.make_token(&ada(), &wanted("x", 1)).await.unwrap();
    stage.close().await;
    stage.later(86_400);
    assert_eq!(stage.people.tidy().await.unwrap_err().kind, NoKind::Unavailable);
    assert_eq!(stage.people.owner_of_token(&made.view.id), Some(ada()));
    let stage = stage.again();
    stage.people.tidy().await.unwrap();
    assert_eq!(stage.people.owner_of_token(&made.view.id), None);
    assert_eq!(stage.records("token.ended").await.len(), 1);
}
