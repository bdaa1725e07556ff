//! Many guesses: few records, and no more tries than one by one.

use people::Cookie;

use crate::stage::{GOOD, Stage, ada, from};

#[tokio::test]
async fn a_flood_of_guesses_makes_few_records_and_none_goes_unseen() {
    let stage = Stage::new();
    stage.welcome(&ada()).await;
    let made_up = Cookie::parse(&format!("i-made-up.{}", "0".repeat(64))).unwrap();
    for n in 0..20_000_u32 {
        let came = from(&format!("192.0.2.{}", n % 200));
        assert!(stage.people.session(&made_up, &came).await.is_err());
    }
    let told = stage.records("sign-in.refused").await;
    // Four at once for each of 64 places; the rest are summed up.
    assert_eq!(told.len(), 256);
    stage.people.sum_up().await;
    let told = stage.records("sign-in.refused").await;
    let count: u64 = told.iter().map(|record| record["facts"]["count"].as_u64().unwrap()).sum();
    assert_eq!((told.len(), count), (256 + 64 + 1, 20_000));
}

#[tokio::test]
async fn guesses_at_once_are_counted_as_if_one_by_one() {
    let stage = Stage::new();
    stage.welcome(&ada()).await;
    let guess = || stage.sign_in("ada", "wrong horse battery");
    let mut at_once = Vec::new();
    for _ in 0..20 {
        at_once.push(guess());
    }
    let mut refused = 0;
    for no in futures_util::future::join_all(at_once).await {
        refused += u32::from(no.unwrap_err().kind == people::NoKind::Busy);
    }
    assert_eq!(refused, 20 - people::MAX_GUESSES_OF_PERSON);
    assert!(stage.sign_in("ada", GOOD).await.is_err());
}
