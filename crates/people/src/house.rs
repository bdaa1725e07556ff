//! What is done now and then: what is over goes, leavers are forgotten, and what was counted is told.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use journal::{Change, Draft, Event, Facts};
use vocab::{PersonId, SignInId, Timestamp, TokenId};

use crate::no::No;
use crate::rows::{INVITE, PASSKEY, PASSWORD, SIGN_IN, TOKEN};
use crate::store::{Held, People};
use crate::told;

/// The most sign-ins, codes or tokens that go in one transaction.
const MAX_TOGETHER: usize = 64;

/// Something that is over.
struct Going {
    /// The record of its end, where there is one.
    draft: Option<Draft>,
    which: Which,
}

enum Which {
    SignIn(SignInId),
    Token(TokenId),
    Invite(PersonId),
}

impl Which {
    /// The row goes.
    fn delete(&self) -> Change {
        match self {
            Self::SignIn(id) => Change::delete(SIGN_IN, id.as_str()),
            Self::Token(id) => Change::delete(TOKEN, id.as_str()),
            Self::Invite(person) => Change::delete(INVITE, person.as_str()),
        }
    }

    /// It goes from memory, too.
    fn leave(&self, held: &mut Held) {
        match self {
            Self::SignIn(id) => drop(held.sign_ins.remove(id)),
            Self::Token(id) => drop(held.tokens.remove(id)),
            Self::Invite(person) => drop(held.invites.remove(person)),
        }
    }
}

impl People {
    /// Takes away what is over, and tells what was counted in windows that are.
    ///
    /// # Errors
    /// When it cannot be recorded. What was not stays, and is tried again the next time.
    pub async fn tidy(&self) -> Result<(), No> {
        self.hand_over(self.tallies.sums(Some(self.now())), Vec::new()).await;
        let changing = self.changing.lock().await;
        let (now, idle) = (self.now(), self.idle());
        let going = self.over(now, idle);
        for some in going.chunks(MAX_TOGETHER) {
            let records: Vec<Draft> = some.iter().filter_map(|going| going.draft.clone()).collect();
            self.commit(records, some.iter().map(|going| going.which.delete()).collect()).await?;
            let mut held = self.held.lock();
            some.iter().for_each(|going| going.which.leave(&mut held));
        }
        drop(changing);
        Ok(())
    }

    /// What is over at `now`.
    fn over(&self, now: Timestamp, idle: SignedDuration) -> Vec<Going> {
        let mut going = Vec::new();
        let held = self.held.lock();
        for row in held.sign_ins.values().filter(|row| !row.lives(now, idle)) {
            let draft = told::left(&row.person, &row.id, "over", None);
            going.push(Going { draft: Some(draft), which: Which::SignIn(row.id.clone()) });
        }
        for row in held.tokens.values().filter(|row| !row.lives(now)) {
            let facts = Facts::new().with("token", row.id.as_str()).with("why", "over");
            let draft = told::changed(Event::TokenEnded, &row.person, None, facts);
            going.push(Going { draft: Some(draft), which: Which::Token(row.id.clone()) });
        }
        for (person, _) in held.invites.iter().filter(|(_, row)| !row.lives(now)) {
            going.push(Going { draft: None, which: Which::Invite(person.clone()) });
        }
        going
    }

    /// Tells all that was counted and not told yet: the gateway stops.
    pub async fn sum_up(&self) {
        self.hand_over(self.tallies.sums(None), Vec::new()).await;
    }

    /// Forgets the ways in of everybody whom the settings did not name the last time either: whoever gets such a name later
    /// is somebody else. Once is not enough, since an editor may have saved a file in part. Until then they have
    /// no rights, because the settings say so.
    ///
    /// # Errors
    /// When it cannot be read or recorded; it is tried again the next time.
    pub async fn forget_leavers(&self, named: &BTreeSet<PersonId>) -> Result<(), No> {
        let changing = self.changing.lock().await;
        let mut left: BTreeSet<PersonId> = BTreeSet::new();
        let passwords = self.journal.states(PASSWORD, "")?;
        left.extend(passwords.iter().filter_map(|(key, _)| PersonId::new(key).ok()));
        {
            let held = self.held.lock();
            left.extend(held.sign_ins.values().map(|row| row.person.clone()));
            left.extend(held.tokens.values().map(|row| row.person.clone()));
            left.extend(held.invites.keys().cloned());
            left.extend(held.passkeys.values().map(|row| row.person.clone()));
        }
        let missing: BTreeSet<PersonId> = left.difference(named).cloned().collect();
        let before = std::mem::replace(&mut *self.missing.lock(), missing.clone());
        for person in missing.intersection(&before) {
            self.forget(person).await?;
        }
        drop(changing);
        Ok(())
    }

    async fn forget(&self, person: &PersonId) -> Result<(), No> {
        let (facts, state) = self.all_of(person);
        self.commit(vec![told::changed(Event::CredentialsForgotten, person, None, facts)], state).await?;
        self.forgotten(person);
        Ok(())
    }

    /// Takes out of memory what somebody signed in with, once it is gone from the rows.
    pub(crate) fn forgotten(&self, person: &PersonId) {
        let mut held = self.held.lock();
        held.sign_ins.retain(|_, row| row.person != *person);
        held.tokens.retain(|_, row| row.person != *person);
        held.invites.remove(person);
        held.passkeys.retain(|_, row| row.person != *person);
    }

    /// How much there is of a person, and the rows as they go.
    pub(crate) fn all_of(&self, person: &PersonId) -> (Facts, Vec<Change>) {
        let mut state =
            vec![Change::delete(PASSWORD, person.as_str()), Change::delete(INVITE, person.as_str())];
        let held = self.held.lock();
        let sign_ins: Vec<_> = held.sign_ins.values().filter(|row| row.person == *person).collect();
        let tokens: Vec<_> = held.tokens.values().filter(|row| row.person == *person).collect();
        state.extend(sign_ins.iter().map(|row| Change::delete(SIGN_IN, row.id.as_str())));
        state.extend(tokens.iter().map(|row| Change::delete(TOKEN, row.id.as_str())));
        let passkeys: Vec<_> = held.passkeys.values().filter(|row| row.person == *person).collect();
        state.extend(passkeys.iter().map(|row| Change::delete(PASSKEY, row.id.as_str())));
        let facts = Facts::new()
            .with("sign_ins", count(sign_ins.len()))
            .with("tokens", count(tokens.len()))
            .with("passkeys", count(passkeys.len()));
        (facts, state)
    }

    /// Those who have a password.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn with_password(&self) -> Result<BTreeSet<PersonId>, No> {
        let passwords = self.journal.states(PASSWORD, "")?;
        Ok(passwords.iter().filter_map(|(key, _)| PersonId::new(key).ok()).collect())
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
