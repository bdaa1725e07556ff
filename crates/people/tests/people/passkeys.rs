//! Passkeys: which are taken, which let in, what they are asked for, and what is made of answers that do not fit.

use people::{Config, MAX_PASSKEYS, NoKind, Origin, PasskeyView, Session, SignedIn};
use serde_json::json;

use crate::authenticator::{Authenticator, ORIGIN, answer, key};
use crate::stage::{BETTER, GOOD, Stage, ada, bob, from, here, pass};

pub(crate) fn stage() -> Stage {
    Stage::with(Config { origin: Some(Origin::parse(ORIGIN).unwrap()), ..Config::default() })
}

async fn session(stage: &Stage, signed_in: &SignedIn) -> Session {
    stage.people.session(&signed_in.cookie, &here()).await.unwrap()
}

async fn add(stage: &Stage, session: &Session) -> (Authenticator, PasskeyView) {
    let mut device = Authenticator::new();
    let challenge = stage.people.begin_passkey(session).unwrap();
    let made = key(device.made(&challenge));
    let view = stage.people.add_passkey(session, &challenge.ticket, "my phone", &made).await.unwrap();
    (device, view)
}

pub(crate) async fn enter(stage: &Stage, device: &mut Authenticator) -> Result<SignedIn, people::No> {
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = answer(device.answered(&challenge));
    stage.people.sign_in_by_passkey(&challenge.ticket, &said, &here(), |_| true).await
}

#[tokio::test]
async fn a_passkey_lets_its_person_in_and_outlives_a_restart() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let (mut device, view) = add(&stage, &session(&stage, &first).await).await;
    assert_eq!((view.name.as_str(), view.site.as_str(), view.used), ("my phone", "localhost", None));
    let signed_in = enter(&stage, &mut device).await.unwrap();
    assert_eq!(signed_in.person, ada());
    let stage = stage.again();
    stage.later(7);
    let again = enter(&stage, &mut device).await.unwrap();
    assert!(stage.lives(&signed_in.cookie).await && stage.lives(&again.cookie).await);
    assert!(session(&stage, &again).await.confirmed_until.is_some());
    assert_eq!(stage.people.sign_ins(&ada(), None)[0].how.as_str(), "passkey");
    assert!(stage.people.passkeys(&ada())[0].used.unwrap() > view.created);
    assert!(stage.people.passkeys(&bob()).is_empty());
    let told = stage.records("signed.in").await;
    assert_eq!(told.iter().filter(|record| record["facts"]["how"] == "passkey").count(), 2);
    assert_eq!(stage.records("passkey.added").await[0]["facts"]["passkey"], view.id.as_str());
}

#[tokio::test]
async fn what_a_browser_is_told_asks_for_somebody_who_unlocks_it() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let session = session(&stage, &first).await;
    let (_, _) = add(&stage, &session).await;
    let adding = stage.people.begin_passkey(&session).unwrap().options;
    let choice = &adding["authenticatorSelection"];
    assert_eq!(
        (&choice["userVerification"], &choice["residentKey"]),
        (&json!("required"), &json!("required"))
    );
    assert_eq!(adding["rp"]["id"], "localhost");
    assert_eq!(adding["excludeCredentials"].as_array().unwrap().len(), 1);
    let asking = stage.people.begin_sign_in_by_passkey().unwrap().options;
    assert_eq!((&asking["userVerification"], &asking["rpId"]), (&json!("required"), &json!("localhost")));
    assert_eq!(asking["allowCredentials"], json!([]), "it tells nobody who is here");
    assert_ne!(asking["challenge"], stage.people.begin_sign_in_by_passkey().unwrap().options["challenge"]);
}

#[tokio::test]
async fn an_answer_is_good_once_in_time_and_for_what_was_asked() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let session = session(&stage, &first).await;
    let (mut device, _) = add(&stage, &session).await;
    let enter = async |ticket: &str, said| {
        stage.people.sign_in_by_passkey(ticket, &answer(said), &here(), |_| true).await.map(drop)
    };
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = device.answered(&challenge);
    let other = stage.people.begin_sign_in_by_passkey().unwrap();
    assert_eq!(enter(&other.ticket, said.clone()).await.unwrap_err().kind, NoKind::Unidentified, "another's");
    assert!(enter("", said.clone()).await.is_err());
    enter(&challenge.ticket, said.clone()).await.unwrap();
    assert!(enter(&challenge.ticket, said).await.is_err(), "replayed");
    let late = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = device.answered(&late);
    stage.later(301);
    assert!(enter(&late.ticket, said).await.is_err(), "late");
    let back = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = device.answered(&back);
    stage.later(-3_000);
    assert!(enter(&back.ticket, said).await.is_err(), "the clock was set back");
    stage.later(3_000);
    // A challenge to confirm is none to come in with, nor the other way round.
    let confirming = stage.people.begin_confirm_by_passkey(&session).unwrap();
    let said = device.answered(&confirming);
    assert!(enter(&confirming.ticket, said).await.is_err());
    let coming = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = answer(device.answered(&coming));
    assert!(stage.people.confirm_by_passkey(&session, &coming.ticket, &said, &here()).await.is_err());
}

#[tokio::test]
async fn an_answer_of_another_page_key_or_person_is_nobodys() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let bobs = stage.welcome(&bob()).await;
    let (mut device, _) = add(&stage, &session(&stage, &first).await).await;
    let (mut other, _) = add(&stage, &session(&stage, &bobs).await).await;
    let refused = async |said: serde_json::Value, ticket: String, what: &str| {
        let came = from("192.0.2.7");
        let no = stage.people.sign_in_by_passkey(&ticket, &answer(said), &came, |_| true).await.unwrap_err();
        assert_eq!(no.kind, NoKind::Unidentified, "{what}");
        no.message
    };
    let mut told = Vec::new();
    for origin in
        ["http://localhost:7401", "https://localhost:7400", "http://evil.example", "http://127.0.0.1:7400"]
    {
        origin.clone_into(&mut device.origin);
        let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
        told.push(refused(device.answered(&challenge), challenge.ticket, origin).await);
    }
    ORIGIN.clone_into(&mut device.origin);
    "evil.example".clone_into(&mut device.site);
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    told.push(refused(device.answered(&challenge), challenge.ticket, "bound elsewhere").await);
    "localhost".clone_into(&mut device.site);
    device.verified = false;
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    told.push(refused(device.answered(&challenge), challenge.ticket, "nobody unlocked it").await);
    device.verified = true;
    for field in ["signature", "authenticatorData"] {
        let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
        let mut said = device.answered(&challenge);
        said["response"][field] = other.answered(&challenge)["response"][field].clone();
        told.push(refused(said, challenge.ticket, field).await);
    }
    // One person's key with the other's handle, with none, and a key that is nobody's.
    let handle =
        stage.people.begin_passkey(&session(&stage, &bobs).await).unwrap().options["user"]["id"].clone();
    for handle in [handle.as_str(), Some("AAAA"), None] {
        device.known_as(handle);
        let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
        told.push(refused(device.answered(&challenge), challenge.ticket, "a handle").await);
    }
    let mut stranger = Authenticator::new();
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    told.push(refused(stranger.answered(&challenge), challenge.ticket, "a stranger").await);
    told.dedup();
    assert_eq!(told.len(), 1, "all are told the same: {told:?}");
    // Of somebody whom the settings do not have any more.
    let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
    let said = answer(other.answered(&challenge));
    assert!(stage.people.sign_in_by_passkey(&challenge.ticket, &said, &here(), |_| false).await.is_err());
    let refusals = stage.records("sign-in.refused").await;
    assert!(!refusals.is_empty() && refusals.iter().all(|record| record["facts"]["how"] == "passkey"));
}

#[tokio::test]
async fn a_passkey_that_counts_back_may_be_a_copy_and_is_refused() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let session = session(&stage, &first).await;
    let (mut device, _) = add(&stage, &session).await;
    device.counter = 41;
    enter(&stage, &mut device).await.unwrap();
    for counter in [41, 7, 0] {
        device.counter = counter;
        let challenge = stage.people.begin_sign_in_by_passkey().unwrap();
        let said = answer(device.answered_as_often(&challenge));
        let no =
            stage.people.sign_in_by_passkey(&challenge.ticket, &said, &here(), |_| true).await.unwrap_err();
        assert!(no.message.contains("copy"), "{counter}: {no}");
        let challenge = stage.people.begin_confirm_by_passkey(&session).unwrap();
        let said = answer(device.answered_as_often(&challenge));
        let no =
            stage.people.confirm_by_passkey(&session, &challenge.ticket, &said, &here()).await.unwrap_err();
        assert_eq!(no.kind, NoKind::Invalid, "{no}");
    }
    let told = stage.records("sign-in.refused").await;
    assert!(
        told.iter().all(|record| record["facts"]["why"] == "counter" && record["person"] == "ada"),
        "{told:?}"
    );
    // Of two answers with one counter at the same time one is refused.
    let (one, two) =
        (stage.people.begin_sign_in_by_passkey().unwrap(), stage.people.begin_sign_in_by_passkey().unwrap());
    device.counter = 50;
    let said = [answer(device.answered_as_often(&one)), answer(device.answered_as_often(&two))];
    let came = here();
    let [first, second] = [(&one, &said[0]), (&two, &said[1])]
        .map(|(challenge, said)| stage.people.sign_in_by_passkey(&challenge.ticket, said, &came, |_| true));
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() != second.is_ok());
}

#[tokio::test]
async fn whoever_has_a_passkey_confirms_with_it_and_with_nothing_else() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let (mut device, view) = add(&stage, &session(&stage, &first).await).await;
    let by_password = stage.sign_in("ada", GOOD).await.unwrap();
    let before = session(&stage, &by_password).await;
    assert_eq!(before.confirmed_until, None, "a password alone is one factor");
    let no = stage.people.confirm(&before, pass(GOOD), &here()).await.unwrap_err();
    assert!(no.message.contains(ORIGIN), "{no}");
    // Somebody else's passkey, and another sign-in's challenge, are of no use.
    let bobs = stage.welcome(&bob()).await;
    let (mut other, _) = add(&stage, &session(&stage, &bobs).await).await;
    let challenge = stage.people.begin_confirm_by_passkey(&before).unwrap();
    let said = answer(other.answered(&challenge));
    assert!(stage.people.confirm_by_passkey(&before, &challenge.ticket, &said, &here()).await.is_err());
    let bob_session = session(&stage, &bobs).await;
    let challenge = stage.people.begin_confirm_by_passkey(&bob_session).unwrap();
    let said = answer(other.answered(&challenge));
    assert!(stage.people.confirm_by_passkey(&before, &challenge.ticket, &said, &here()).await.is_err());
    assert_eq!(session(&stage, &by_password).await.confirmed_until, None);
    let challenge = stage.people.begin_confirm_by_passkey(&before).unwrap();
    // Asked by its own name, a passkey may leave out whose it is.
    device.known_as(None);
    let said = answer(device.answered(&challenge));
    stage.people.confirm_by_passkey(&before, &challenge.ticket, &said, &here()).await.unwrap();
    assert!(session(&stage, &by_password).await.confirmed_until.is_some());
    assert_eq!(stage.records("sign-in.confirmed").await[0]["facts"]["how"], "passkey");
    // Without one the password does again.
    stage.people.remove_passkey(&view.id, &ada(), &ada()).await.unwrap();
    assert!(stage.people.begin_confirm_by_passkey(&before).is_err());
    stage.people.confirm(&before, pass(GOOD), &here()).await.unwrap();
    let changed = stage.people.change_password(&before, pass(GOOD), pass(BETTER), &here()).await.unwrap();
    assert!(session(&stage, &changed).await.confirmed_until.is_some());
}

#[tokio::test]
async fn a_passkey_is_added_by_the_sign_in_that_asked_and_there_are_so_many() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let ada_session = session(&stage, &first).await;
    let bobs = session(&stage, &stage.welcome(&bob()).await).await;
    let begin = || stage.people.begin_passkey(&ada_session).unwrap();
    let challenge = begin();
    let made = key(Authenticator::new().made(&challenge));
    assert!(stage.people.add_passkey(&bobs, &challenge.ticket, "x", &made).await.is_err(), "bob's");
    assert!(stage.people.add_passkey(&ada_session, &challenge.ticket, "x", &made).await.is_err(), "used up");
    let refused = async |device: &mut Authenticator, name: &str| {
        let challenge = begin();
        let made = key(device.made(&challenge));
        stage.people.add_passkey(&ada_session, &challenge.ticket, name, &made).await.unwrap_err().kind
    };
    let mut device = Authenticator::new();
    for name in ["", " ", "a\nb", "x".repeat(65).as_str()] {
        assert_eq!(refused(&mut device, name).await, NoKind::Invalid, "{name:?}");
    }
    device.verified = false;
    assert_eq!(refused(&mut device, "x").await, NoKind::Invalid);
    device.verified = true;
    "http://evil.example".clone_into(&mut device.origin);
    assert_eq!(refused(&mut device, "x").await, NoKind::Invalid);
    // Another's key under one's own name would let the other in.
    let (mut theirs, _) = add(&stage, &bobs).await;
    assert_eq!(refused(&mut theirs, "x").await, NoKind::Conflict);
    let (one, two) = (begin(), begin());
    let made = key(Authenticator::new().made(&one));
    assert!(
        stage.people.add_passkey(&ada_session, &one.ticket, "x", &made).await.is_err(),
        "another took its place"
    );
    drop(two);
    for _ in 0..MAX_PASSKEYS {
        drop(add(&stage, &ada_session).await);
    }
    assert_eq!(stage.people.begin_passkey(&ada_session).unwrap_err().kind, NoKind::Conflict);
    let handles: Vec<_> = stage.people.passkeys(&ada()).into_iter().map(|view| view.site).collect();
    assert_eq!(handles.len(), MAX_PASSKEYS);
    let id = stage.people.passkeys(&ada())[0].id.clone();
    assert_eq!(stage.people.remove_passkey(&id, &bob(), &bob()).await.unwrap_err().kind, NoKind::NotFound);
}

#[tokio::test]
async fn a_leavers_passkeys_are_forgotten_and_those_of_another_name_do_not_work_here() {
    let stage = stage();
    let first = stage.welcome(&ada()).await;
    let (mut device, _) = add(&stage, &session(&stage, &first).await).await;
    // Before the gateway got another name.
    let moved = Origin::parse("https://bulkhead.example").unwrap();
    let stage = stage.at(Config { origin: Some(moved), ..Config::default() });
    assert!(!stage.people.has_passkey(&ada()));
    assert_eq!(stage.people.passkeys(&ada()).len(), 1);
    assert!(enter(&stage, &mut device).await.is_err());
    let stage = stage.at(Config::default());
    assert_eq!(stage.people.begin_sign_in_by_passkey().unwrap_err().kind, NoKind::Conflict);
    let stage = stage.at(Config { origin: Some(Origin::parse(ORIGIN).unwrap()), ..Config::default() });
    enter(&stage, &mut device).await.unwrap();
    for _ in 0..2 {
        stage.people.forget_leavers(&[bob()].into()).await.unwrap();
    }
    assert!(enter(&stage, &mut device).await.is_err());
    assert_eq!(stage.records("credentials.forgotten").await[0]["facts"]["passkeys"], 1);
    let back = stage.welcome(&ada()).await;
    assert!(stage.people.passkeys(&back.person).is_empty());
}
