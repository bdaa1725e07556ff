//! A one-time code and a passkey in place of a password: who gets in, and what ends then.

use people::{Challenge, Invite, No, NoKind, SignedIn};
use vocab::PersonId;

use crate::authenticator::{Authenticator, key};
use crate::passkeys::{enter, stage};
use crate::stage::{BETTER, GOOD, Stage, ada, bob, here, pass};

async fn begin(stage: &Stage, invite: &Invite) -> Result<Challenge, No> {
    stage.people.begin_passkey_by_code(&invite.code.expose(), &here(), |_| true).await
}

async fn finish(
    stage: &Stage,
    challenge: &Challenge,
    device: &mut Authenticator,
    known: impl Fn(&PersonId) -> bool,
) -> Result<SignedIn, No> {
    let made = key(device.made(challenge));
    let people = &stage.people;
    people.sign_in_by_code_and_passkey(&challenge.ticket, "this laptop", &made, &here(), known).await
}

#[tokio::test]
async fn a_code_and_a_passkey_let_somebody_in_who_never_has_a_password() {
    let stage = stage();
    let invite = stage.invite(&bob()).await;
    let mut device = Authenticator::new();
    let challenge = begin(&stage, &invite).await.unwrap();
    let signed_in = finish(&stage, &challenge, &mut device, |_| true).await.unwrap();
    assert_eq!(signed_in.person, bob());
    let session = stage.people.session(&signed_in.cookie, &here()).await.unwrap();
    assert!(session.confirmed_until.is_some());
    assert_eq!(begin(&stage, &invite).await.unwrap_err().kind, NoKind::Unidentified, "the code is used");
    assert!(stage.sign_in("bob", "").await.is_err() && stage.sign_in("bob", GOOD).await.is_err());
    let stage = stage.again();
    assert_eq!(enter(&stage, &mut device).await.unwrap().person, bob());
    assert!(stage.lives(&signed_in.cookie).await);
    assert_eq!(begin(&stage, &invite).await.unwrap_err().kind, NoKind::Unidentified);
    let added = stage.records("passkey.added").await;
    assert_eq!((added.len(), &added[0]["facts"]["invited_by"]), (1, &"ada".into()));
    assert_eq!(added[0]["facts"].get("replaces"), None);
    assert_eq!(stage.records("invite.used").await.len(), 1, "it was another who made the code");
}

#[tokio::test]
async fn a_passkey_by_a_code_ends_the_password_and_every_earlier_sign_in() {
    let stage = stage();
    let before = stage.welcome(&ada()).await;
    let invite = stage.invite(&ada()).await;
    let challenge = begin(&stage, &invite).await.unwrap();
    assert!(stage.lives(&before.cookie).await, "until the passkey is there, all is as it was");
    drop(stage.sign_in("ada", GOOD).await.unwrap());
    let after = finish(&stage, &challenge, &mut Authenticator::new(), |_| true).await.unwrap();
    assert!(!stage.lives(&before.cookie).await && stage.lives(&after.cookie).await);
    assert!(stage.sign_in("ada", GOOD).await.is_err());
    let stage = stage.again();
    assert!(stage.sign_in("ada", GOOD).await.is_err());
    assert_eq!(stage.records("passkey.added").await[0]["facts"]["replaces"], "password");
}

#[tokio::test]
async fn a_code_that_is_wrong_used_replaced_or_over_makes_no_passkey() {
    let stage = stage();
    let wrong = stage.people.begin_passkey_by_code("AAAA-BBBB", &here(), |_| true).await.unwrap_err();
    let invite = stage.invite(&ada()).await;
    let unknown = stage.people.begin_passkey_by_code(&invite.code.expose(), &here(), |_| false).await;
    let unknown = unknown.unwrap_err();
    assert_eq!(
        (wrong.kind, &wrong.message),
        (NoKind::Unidentified, &unknown.message),
        "nobody learns who is here"
    );

    let refused = async |challenge: &Challenge, known: bool, what: &str| {
        let no = finish(&stage, challenge, &mut Authenticator::new(), |_| known).await.unwrap_err();
        assert!(matches!(no.kind, NoKind::Unidentified | NoKind::Invalid), "{what}: {no:?}");
        assert!(stage.people.passkeys(&ada()).is_empty(), "{what}");
    };
    let replaced = begin(&stage, &invite).await.unwrap();
    let invite = stage.invite(&ada()).await;
    refused(&replaced, true, "another code was made").await;
    let earlier = begin(&stage, &invite).await.unwrap();
    let challenge = begin(&stage, &invite).await.unwrap();
    refused(&earlier, true, "another challenge was made").await;
    refused(&challenge, false, "its person has left").await;
    refused(&challenge, true, "the challenge was answered").await;
    let late = begin(&stage, &invite).await.unwrap();
    stage.later(301);
    refused(&late, true, "too late").await;
    let used = begin(&stage, &invite).await.unwrap();
    let people = &stage.people;
    drop(people.sign_in_by_code(&invite.code.expose(), pass(BETTER), &here(), |_| true).await.unwrap());
    refused(&used, true, "the code was used for a password").await;
    // What was asked of one is not answered by what was made for another.
    let (one, two) = (stage.invite(&ada()).await, stage.invite(&bob()).await);
    let (one, two) = (begin(&stage, &one).await.unwrap(), begin(&stage, &two).await.unwrap());
    let mixed = Challenge { ticket: one.ticket, options: two.options };
    refused(&mixed, true, "of another person").await;
    assert!(stage.people.passkeys(&bob()).is_empty());
}
