//! What is done now and then: what is over goes, leavers are forgotten, and what was counted is told.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use journal::{Change, Draft, Event, Facts};
use vocab::{PersonId, Timestamp};

use crate::no::No;
use crate::rows::{INVITE, PASSWORD, SIGN_IN, TOKEN};
use crate::store::People;
use crate::told;

/// The most sign-ins, codes or tokens that go in one transaction.
const MAX_TOGETHER: usize = 64;

impl People {
    /// Takes away what is over, and tells what was counted in windows that are.
    ///
    /// # Errors
    /// When it cannot be recorded; it is tried again the next time.
    pub async fn tidy(&self) -> Result<(), No> {
        self.hand_over(self.tallies.sums(Some(self.now())), Vec::new()).await;
        let changing = self.changing.lock().await;
        let (now, idle) = (self.now(), self.idle());
        let going = self.over(now, idle);
        for some in going.chunks(MAX_TOGETHER) {
            let records: Vec<Draft> = some.iter().filter_map(|(draft, _)| draft.clone()).collect();
            self.hand_over(records, some.iter().map(|(_, change)| change.clone()).collect()).await;
        }
        {
            let mut held = self.held.lock();
            held.sign_ins.retain(|_, row| row.lives(now, idle));
            held.tokens.retain(|_, row| row.lives(now));
            held.invites.retain(|_, row| row.lives(now));
        }
        drop(changing);
        Ok(())
    }

    /// What is over at `now`: the record of each where there is one, and the row that goes.
    fn over(&self, now: Timestamp, idle: SignedDuration) -> Vec<(Option<Draft>, Change)> {
        let mut going = Vec::new();
        let held = self.held.lock();
        for row in held.sign_ins.values().filter(|row| !row.lives(now, idle)) {
            let draft = told::left(&row.person, &row.id, "over", None);
            going.push((Some(draft), Change::delete(SIGN_IN, row.id.as_str())));
        }
        for row in held.tokens.values().filter(|row| !row.lives(now)) {
            let facts = Facts::new().with("token", row.id.as_str()).with("why", "over");
            let draft = told::changed(Event::TokenEnded, &row.person, None, facts);
            going.push((Some(draft), Change::delete(TOKEN, row.id.as_str())));
        }
        for (person, _) in held.invites.iter().filter(|(_, row)| !row.lives(now)) {
            going.push((None, Change::delete(INVITE, person.as_str())));
        }
        going
    }

    /// Tells all that was counted and not told yet: the gateway stops.
    pub async fn sum_up(&self) {
        self.hand_over(self.tallies.sums(None), Vec::new()).await;
    }

    /// Forgets the ways in of everybody whom the settings do not name: whoever gets such a name later is somebody else.
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
        }
        for person in left.difference(named) {
            self.forget(person).await?;
        }
        drop(changing);
        Ok(())
    }

    async fn forget(&self, person: &PersonId) -> Result<(), No> {
        let (facts, state) = self.all_of(person);
        self.commit(vec![told::changed(Event::CredentialsForgotten, person, None, facts)], state).await?;
        let mut held = self.held.lock();
        held.sign_ins.retain(|_, row| row.person != *person);
        held.tokens.retain(|_, row| row.person != *person);
        held.invites.remove(person);
        Ok(())
    }

    /// How much there is of a person, and the rows as they go.
    fn all_of(&self, person: &PersonId) -> (Facts, Vec<Change>) {
        let mut state =
            vec![Change::delete(PASSWORD, person.as_str()), Change::delete(INVITE, person.as_str())];
        let held = self.held.lock();
        let sign_ins: Vec<_> = held.sign_ins.values().filter(|row| row.person == *person).collect();
        let tokens: Vec<_> = held.tokens.values().filter(|row| row.person == *person).collect();
        state.extend(sign_ins.iter().map(|row| Change::delete(SIGN_IN, row.id.as_str())));
        state.extend(tokens.iter().map(|row| Change::delete(TOKEN, row.id.as_str())));
        (Facts::new().with("sign_ins", count(sign_ins.len())).with("tokens", count(tokens.len())), state)
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
