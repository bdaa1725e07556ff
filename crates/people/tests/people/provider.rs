//! Signing in by an identity provider: who comes in as whom, and what of its answers is refused.

use std::collections::{BTreeMap, BTreeSet};

use people::{Begun, Config, NoKind, Origin, ProviderConfig, Returned, Settle, SignedIn};
use serde_json::{Value, json};
use vocab::{Ambient as _, PersonId};

use crate::authenticator::ORIGIN;
use crate::issuer::{CLIENT, ISSUER, Issuer, Signed};
use crate::stage::{GOOD, Stage, ada, here};

fn world_with(change: impl FnOnce(&mut ProviderConfig)) -> (Stage, Issuer) {
    let issuer = Issuer::new();
    let mut config = issuer.config();
    change(&mut config);
    let stage = Stage::with(Config { origin: Some(Origin::parse(ORIGIN).unwrap()), ..Config::default() });
    (stage.by_provider(config, issuer.fetch()), issuer)
}

fn world() -> (Stage, Issuer) {
    world_with(|_| ())
}

/// What the browser was sent to the provider with.
fn asked(begun: &Begun) -> BTreeMap<String, String> {
    begun.url.query_pairs().into_owned().collect()
}

fn sent(begun: &Begun, name: &str) -> String {
    asked(begun).remove(name).unwrap()
}

fn claims(stage: &Stage, begun: &Begun) -> Value {
    let now = stage.clock.now().as_second();
    json!({
        "iss": ISSUER, "sub": "s-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": sent(begun, "nonce"),
        "preferred_username": "ada", "name": "Ada L.", "groups": ["staff", "chess"],
    })
}

/// The settings map `staff`, and have nobody of their own but `root`.
async fn enter_as(
    stage: &Stage,
    issuer: &Issuer,
    signed: Signed,
    change: impl FnOnce(&mut Value),
) -> Result<SignedIn, people::No> {
    let begun = stage.people.begin_by_provider(false).await?;
    let mut claims = claims(stage, &begun);
    change(&mut claims);
    let code = issuer.code(&sent(&begun, "code_challenge"), &claims, signed);
    let returned = Returned { state: sent(&begun, "state"), code: Some(code), ..Returned::default() };
    come(stage, returned, &begun.browser).await
}

async fn come(stage: &Stage, returned: Returned, browser: &str) -> Result<SignedIn, people::No> {
    let local = |id: &PersonId| id.as_str() == "root";
    let mapped = |groups: &BTreeSet<String>| groups.contains("staff");
    let settle = Settle { local: &local, mapped: &mapped };
    stage.people.sign_in_by_provider(returned, Some(browser.to_owned()), &here(), &settle).await
}

async fn enter(stage: &Stage, issuer: &Issuer) -> Result<SignedIn, people::No> {
    enter_as(stage, issuer, Signed::Well, |_| ()).await
}

#[tokio::test]
async fn who_is_let_in_there_comes_in_here_with_the_groups_that_the_provider_names() {
    let (stage, issuer) = world();
    let begun = stage.people.begin_by_provider(true).await.unwrap();
    let sent = asked(&begun);
    assert!(begun.url.as_str().starts_with("https://login.example/authorize?"));
    assert_eq!(sent["redirect_uri"], "http://localhost:7400/sign-in/provider");
    assert_eq!(
        (sent["code_challenge_method"].as_str(), sent["prompt"].as_str(), sent["max_age"].as_str()),
        ("S256", "login", "0")
    );
    let before = stage.people.directory_version();
    let signed_in = enter(&stage, &issuer).await.unwrap();
    assert_eq!(signed_in.person, ada());
    assert_ne!(stage.people.directory_version(), before);
    let vouched = stage.people.vouched();
    assert_eq!((vouched.len(), &vouched[0].id), (1, &ada()));
    assert_eq!(vouched[0].groups, ["chess", "staff"].map(str::to_owned).into());
    // The account is the same from then on, whatever it is called there meanwhile.
    let again =
        enter_as(&stage, &issuer, Signed::Well, |claims| claims["preferred_username"] = json!("ada.new"))
            .await;
    assert_eq!(again.unwrap().person, ada());
    let stage = stage.again().by_provider(issuer.config(), issuer.fetch());
    assert_eq!(stage.people.accounts().len(), 1);
    enter(&stage, &issuer).await.unwrap();
    let told = stage.records("signed.in").await;
    assert!(told.len() == 3 && told.iter().all(|record| record["facts"]["how"] == "provider"), "{told:?}");
    assert_eq!(stage.records("account.added").await.len(), 1);
}

#[tokio::test]
async fn a_token_that_is_wrong_late_foreign_or_badly_signed_lets_nobody_in() {
    let (stage, issuer) = world();
    let now = stage.clock.now().as_second();
    type Change = Box<dyn FnOnce(&mut Value)>;
    let set = |name: &'static str, value: Value| -> Change { Box::new(move |claims| claims[name] = value) };
    let without = |name: &'static str| -> Change {
        Box::new(move |claims| drop(claims.as_object_mut().unwrap().remove(name)))
    };
    let changes: Vec<Change> = vec![
        set("nonce", json!("of another sign-in")),
        without("nonce"),
        set("aud", json!("another")),
        set("aud", json!([CLIENT, "another"])),
        set("aud", json!([])),
        set("azp", json!("another")),
        set("iss", json!("https://evil.example")),
        set("iss", json!("https://login.example.evil.example")),
        without("iss"),
        set("exp", json!(now - 61)),
        without("exp"),
        set("iat", json!(now + 61)),
        set("iat", json!(now - 601)),
        set("sub", json!("")),
        without("sub"),
        set("sub", json!("x".repeat(300))),
    ];
    let count = changes.len();
    for (nth, change) in changes.into_iter().enumerate() {
        let no = enter_as(&stage, &issuer, Signed::Well, change).await.unwrap_err();
        assert!(matches!(no.kind, NoKind::Unidentified | NoKind::Unavailable), "{nth}: {no}");
    }
    for signed in [Signed::ByAnother, Signed::Not, Signed::WithSecret, Signed::WithPublicKey, Signed::Changed]
    {
        assert_eq!(
            enter_as(&stage, &issuer, signed, |_| ()).await.unwrap_err().kind,
            NoKind::Unidentified,
            "{signed:?}"
        );
    }
    assert!(stage.people.accounts().is_empty() && count == 16);
    // Clocks differ, and not by more than a minute.
    for (name, value) in [("exp", now - 59), ("iat", now + 59)] {
        enter_as(&stage, &issuer, Signed::Well, |claims| claims[name] = json!(value)).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_is_for_the_browser_that_asked_once_in_time_and_of_this_provider() {
    let (stage, issuer) = world();
    let prepare = async || {
        let begun = stage.people.begin_by_provider(false).await.unwrap();
        let code = issuer.code(&sent(&begun, "code_challenge"), &claims(&stage, &begun), Signed::Well);
        (Returned { state: sent(&begun, "state"), code: Some(code), ..Returned::default() }, begun)
    };
    let refused = async |returned: Returned, browser: &str, what: &str| {
        assert_eq!(come(&stage, returned, browser).await.unwrap_err().kind, NoKind::Unidentified, "{what}");
    };
    let (returned, begun) = prepare().await;
    let (other, others) = prepare().await;
    refused(returned.clone(), &others.browser, "another browser").await;
    refused(Returned { state: "x".into(), ..returned.clone() }, &begun.browser, "no state of ours").await;
    come(&stage, returned.clone(), &begun.browser).await.unwrap();
    refused(returned.clone(), &begun.browser, "replayed").await;
    // One sign-in's code within another.
    refused(Returned { code: returned.code.clone(), ..other }, &others.browser, "another's code").await;
    for iss in ["https://evil.example", "https://login.example.evil.example", ""] {
        let (returned, begun) = prepare().await;
        refused(Returned { iss: Some(iss.into()), ..returned }, &begun.browser, "mixed up").await;
    }
    let (returned, begun) = prepare().await;
    come(&stage, Returned { iss: Some(ISSUER.into()), ..returned }, &begun.browser).await.unwrap();
    let (returned, begun) = prepare().await;
    refused(Returned { error: Some("access_denied".into()), ..returned }, &begun.browser, "not let in there")
        .await;
    let (returned, begun) = prepare().await;
    refused(Returned { code: Some("x".repeat(5_000)), ..returned }, &begun.browser, "too long").await;
    let (returned, begun) = prepare().await;
    stage.later(601);
    refused(returned, &begun.browser, "late").await;
    assert!(!stage.records("sign-in.refused").await.is_empty());
}

#[tokio::test]
async fn a_name_of_the_settings_or_of_another_account_is_nobody_elses() {
    let (stage, issuer) = world_with(|config| {
        config.people = BTreeMap::from([("s-9".to_owned(), PersonId::new("root").unwrap())]);
    });
    let as_whom = async |sub: &str, name: Value| {
        enter_as(&stage, &issuer, Signed::Well, |claims| {
            claims["sub"] = json!(sub);
            claims["preferred_username"] = name;
        })
        .await
    };
    for (name, kind) in [
        (json!("root"), NoKind::Conflict),
        (json!(""), NoKind::Unidentified),
        (json!("Ada Lovelace"), NoKind::Unidentified),
        (json!("../ada"), NoKind::Unidentified),
        (Value::Null, NoKind::Unidentified),
        // No token says so at all.
        (json!(7), NoKind::Unavailable),
    ] {
        assert_eq!(as_whom("s-2", name.clone()).await.unwrap_err().kind, kind, "{name}");
    }
    assert!(stage.people.accounts().is_empty());
    // The administrator has said who this account is.
    assert_eq!(as_whom("s-9", json!("whatever")).await.unwrap().person.as_str(), "root");
    assert!(stage.people.accounts().is_empty());
    assert_eq!(as_whom("s-1", json!("ada")).await.unwrap().person, ada());
    let no = as_whom("s-2", json!("ada")).await.unwrap_err();
    assert!(no.message.contains("another account"), "{no}");
    let id = stage.people.accounts()[0].id.clone();
    stage.people.remove_account(&id, &PersonId::new("root").unwrap()).await.unwrap();
    assert_eq!(as_whom("s-2", json!("ada")).await.unwrap().person, ada());
}

#[tokio::test]
async fn a_claim_that_is_not_mapped_is_worth_nothing_and_a_group_that_is_lost_counts_at_once() {
    let (stage, issuer) = world();
    for groups in [json!(["chess"]), json!([]), Value::Null, json!({ "staff": true }), json!([["staff"]])] {
        let no = enter_as(&stage, &issuer, Signed::Well, |claims| claims["groups"] = groups.clone())
            .await
            .unwrap_err();
        assert!(no.message.contains("[[directory]]"), "{groups}: {no}");
    }
    assert!(stage.people.accounts().is_empty(), "nobody is made who may nothing");
    enter_as(&stage, &issuer, Signed::Well, |claims| claims["groups"] = json!("staff")).await.unwrap();
    let before = stage.people.directory_version();
    assert!(
        enter_as(&stage, &issuer, Signed::Well, |claims| claims["groups"] = json!(["chess"])).await.is_err()
    );
    assert_ne!(stage.people.directory_version(), before);
    assert_eq!(stage.people.vouched()[0].groups, ["chess".to_owned()].into());
}

#[tokio::test]
async fn where_provisioning_makes_accounts_a_sign_in_makes_none_and_a_leaver_stays_out() {
    let (stage, issuer) = world_with(|config| config.makes_accounts = false);
    let root = PersonId::new("root").unwrap();
    let no = enter(&stage, &issuer).await.unwrap_err();
    assert!(no.message.contains("no account"), "{no}");
    let new = people::NewAccount { person: ada(), external: None, shown: None, active: true };
    let account = stage.people.add_account(new, &root, |_| false).await.unwrap();
    let signed_in = enter(&stage, &issuer).await.unwrap();
    // The groups are what provisioning says, not what the token does.
    assert!(stage.people.vouched()[0].groups.is_empty());
    let wish = people::Wish { active: Some(false), ..people::Wish::default() };
    stage.people.change_account(&account.id, wish, &root).await.unwrap();
    assert!(!stage.lives(&signed_in.cookie).await && stage.people.vouched().is_empty());
    assert!(enter(&stage, &issuer).await.is_err());
    stage.people.remove_account(&account.id, &root).await.unwrap();
    assert!(enter(&stage, &issuer).await.is_err());
}

#[tokio::test]
async fn while_the_provider_is_down_or_not_itself_it_is_said_and_other_ways_in_are_open() {
    let (stage, issuer) = world();
    stage.welcome(&ada()).await;
    issuer.state().down = true;
    for _ in 0..50 {
        let no = stage.people.begin_by_provider(false).await.unwrap_err();
        assert!(no.kind == NoKind::Unavailable && no.message.contains("password"), "{no}");
    }
    assert_eq!(issuer.state().asked, 1, "it is not asked again and again");
    stage.sign_in("ada", GOOD).await.unwrap();
    issuer.state().down = false;
    for (name, value) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "https://evil.example/token"),
        ("token_endpoint", "http://login.example/token"),
        ("token_endpoint", "https://login.example:8443/token"),
        ("authorization_endpoint", "https://login.example.evil.example/"),
    ] {
        stage.later(6);
        issuer.state().lies = [(name.to_owned(), json!(value))].into_iter().collect();
        assert_eq!(
            stage.people.begin_by_provider(false).await.unwrap_err().kind,
            NoKind::Unavailable,
            "{value}"
        );
    }
    issuer.state().lies.clear();
    stage.later(6);
    stage.people.begin_by_provider(false).await.unwrap();
    // What it says is good for a while; keys that it signs by now are asked for when one is not known.
    let asked = issuer.state().asked;
    stage.people.begin_by_provider(false).await.unwrap();
    assert_eq!(issuer.state().asked, asked);
    issuer.rotate();
    stage.later(31);
    enter_as(&stage, &issuer, Signed::Well, |claims| claims["preferred_username"] = json!("bob"))
        .await
        .unwrap();
}

#[tokio::test]
async fn who_proved_lately_to_the_provider_who_they_are_counts_as_confirmed() {
    let (stage, issuer) = world();
    let now = stage.clock.now().as_second();
    let confirmed = async |proved: Value| {
        let signed_in =
            enter_as(&stage, &issuer, Signed::Well, |claims| claims["auth_time"] = proved).await.unwrap();
        stage.people.session(&signed_in.cookie, &here()).await.unwrap().confirmed_until.is_some()
    };
    assert!(confirmed(json!(now - 10)).await);
    for proved in [json!(now - 301), json!(now + 3_600), json!(0)] {
        assert!(!confirmed(proved.clone()).await, "{proved}");
    }
    let signed_in = enter(&stage, &issuer).await.unwrap();
    let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
    assert_eq!(session.confirmed_until, None, "a single sign-on may be hours old");
}
