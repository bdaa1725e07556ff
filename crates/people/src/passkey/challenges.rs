//! Challenges that wait for an answer: each is good once, for a short while, for what it was made for.

use std::collections::BTreeMap;

use uuid::Uuid;
use vocab::{Digest, PersonId, SignInId, Timestamp};
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

use crate::bounds::{CHALLENGE_LIFE, MAX_CHALLENGES};
use crate::rows::{future, later};

/// What a challenge was made for.
#[derive(Debug)]
pub(crate) enum For {
    /// To add a passkey, by a sign-in, with the handle of its person.
    Add(SignInId, Uuid, Box<PasskeyRegistration>),
    /// To show again who it is, by a sign-in.
    Confirm(SignInId, Box<DiscoverableAuthentication>),
    /// To come in: nobody is known yet.
    SignIn(Box<DiscoverableAuthentication>),
    /// To come in with a one-time code, and have a passkey from then on.
    Join(Box<Join>),
}

#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) person: PersonId,
    /// The code's digest.
    pub(crate) code: Digest,
    pub(crate) handle: Uuid,
    pub(crate) state: PasskeyRegistration,
}

impl For {
    const fn of_nobody(&self) -> bool {
        matches!(self, Self::SignIn(_))
    }

    /// Whether one takes the place of the other: a sign-in has one of each kind, and a code has one.
    fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Add(one, ..), Self::Add(two, ..)) | (Self::Confirm(one, _), Self::Confirm(two, _)) => {
                one == two
            }
            (Self::Join(one), Self::Join(two)) => one.person == two.person,
            _ => false,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    made: Timestamp,
    what: For,
}

impl Waiting {
    fn lives(&self, now: Timestamp) -> bool {
        now < later(self.made, CHALLENGE_LIFE) && !future(self.made, now)
    }
}

/// All that wait, by their tickets, which nobody can guess.
#[derive(Debug, Default)]
pub(crate) struct Challenges(BTreeMap<String, Waiting>);

impl Challenges {
    /// Has one wait. Of those of nobody the oldest goes when there are too many, so that a flood of them keeps out nobody who
    /// answers at once.
    pub(crate) fn put(&mut self, ticket: String, what: For, now: Timestamp) {
        self.0.retain(|_, waiting| waiting.lives(now) && !what.replaces(&waiting.what));
        let of_nobody = |waiting: &Waiting| waiting.what.of_nobody();
        if what.of_nobody() && self.0.values().filter(|waiting| of_nobody(waiting)).count() >= MAX_CHALLENGES
        {
            let oldest = self
                .0
                .iter()
                .filter(|(_, waiting)| of_nobody(waiting))
                .min_by_key(|(_, waiting)| waiting.made);
            let oldest = oldest.map(|(ticket, _)| ticket.clone());
            oldest.map(|ticket| self.0.remove(&ticket));
        }
        self.0.insert(ticket, Waiting { made: now, what });
    }

    /// Takes one out, if it is there and not over. Whatever becomes of the answer, it is gone.
    pub(crate) fn take(&mut self, ticket: &str, now: Timestamp) -> Option<For> {
        self.0.remove(ticket).filter(|waiting| waiting.lives(now)).map(|waiting| waiting.what)
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use vocab::Ambient;
    use webauthn_rs::WebauthnBuilder;
    use webauthn_rs::prelude::Url;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn asked() -> Box<DiscoverableAuthentication> {
        let url = Url::parse("http://localhost:7400").unwrap();
        let site = WebauthnBuilder::new("localhost", &url).unwrap().build().unwrap();
        Box::new(site.start_discoverable_authentication().unwrap().1)
    }

    #[derive(Debug)]
    struct Same;

    impl Ambient for Same {
        fn now(&self) -> Timestamp {
            at(1)
        }

        fn random(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    #[test]
    fn a_challenge_is_taken_once_and_in_time() {
        let mut all = Challenges::default();
        all.put("a".into(), For::SignIn(asked()), at(1000));
        assert!(all.take("b", at(1000)).is_none());
        assert!(all.take("a", at(1000)).is_some());
        assert!(all.take("a", at(1000)).is_none());
        all.put("a".into(), For::SignIn(asked()), at(1000));
        assert!(all.take("a", at(1300)).is_none(), "late");
        all.put("a".into(), For::SignIn(asked()), at(1000));
        assert!(all.take("a", at(600)).is_none(), "the clock was set back");
        assert_eq!(all.count(), 0);
    }

    #[test]
    fn a_flood_takes_no_more_than_its_bound_and_pushes_out_nobody_who_is_signed_in() {
        let mut all = Challenges::default();
        let ada = SignInId::from_random(Same.random());
        let made = asked();
        all.put("ada".into(), For::Confirm(ada.clone(), made.clone()), at(1000));
        for nth in 0..5_000 {
            all.put(format!("f{nth}"), For::SignIn(made.clone()), at(1000 + nth / 1000));
        }
        assert_eq!(all.count(), MAX_CHALLENGES + 1);
        assert!(all.take("f4999", at(1004)).is_some(), "the newest is there");
        all.put("again".into(), For::Confirm(ada, made), at(1004));
        assert!(all.take("ada", at(1004)).is_none(), "another took its place");
        assert!(matches!(all.take("again", at(1004)), Some(For::Confirm(..))));
    }
}
