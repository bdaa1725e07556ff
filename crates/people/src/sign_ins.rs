//! Sign-ins: whose a cookie is, which there are, and their end.

use journal::Change;
use serde::{Deserialize, Serialize};
use vocab::{PersonId, SignInId, Timestamp};

use crate::bounds::SEEN_EVERY;
use crate::no::{No, NoKind};
use crate::rows::{How, SIGN_IN, SignInRow, later};
use crate::secret::{Cookie, same};
use crate::sign_in::Came;
use crate::store::{People, put};
use crate::told::{self, Why, With};

/// A sign-in that is good at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SignInId,
    /// Whose.
    pub person: PersonId,
    /// Until when its person counts as having shown again that it is they.
    pub confirmed_until: Option<Timestamp>,
}

/// A sign-in as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInView {
    /// Which.
    pub id: SignInId,
    /// Whose.
    pub person: PersonId,
    /// With what they came.
    pub how: How,
    /// Since when.
    pub created: Timestamp,
    /// When it was used last.
    pub seen: Timestamp,
    /// When it is over, however much it is used.
    pub expires: Timestamp,
    /// What the browser calls itself.
    pub agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl People {
    /// The sign-in that a cookie is of. Counts as a use of it.
    ///
    /// # Errors
    /// When it is none, or over.
    pub async fn session(&self, cookie: &Cookie, came: &Came) -> Result<Session, No> {
        self.session_of(cookie, came, true).await
    }

    /// The same, and no use of it: what a page asks while nobody is at it.
    ///
    /// # Errors
    /// When it is none, or over.
    pub async fn session_unused(&self, cookie: &Cookie, came: &Came) -> Result<Session, No> {
        self.session_of(cookie, came, false).await
    }

    async fn session_of(&self, cookie: &Cookie, came: &Came, used: bool) -> Result<Session, No> {
        let (now, idle) = (self.now(), self.idle());
        // The row is written only while nobody changes rows: behind a deletion, it would bring back what was ended.
        let changing = self.changing.try_lock();
        let (found, why) = {
            let mut held = self.held.lock();
            let row = held.sign_ins.get_mut(&cookie.id);
            match row.filter(|row| same(&row.digest, &cookie.secret.digest())) {
                Some(row) if row.lives(now, idle) => {
                    let change = if used { touch(row, now, changing.is_ok()) } else { Ok(Vec::new()) };
                    (Some((session(row, now), change)), None)
                }
                Some(row) => (None, Some((Why::Over, Some(row.person.clone())))),
                None => (None, Some((Why::Wrong, None))),
            }
        };
        if let Some((session, change)) = found {
            self.hand_over(Vec::new(), change?).await;
            drop(changing);
            return Ok(session);
        }
        drop(changing);
        if let Some((why, person)) = why {
            self.refused((With::Cookie, why, came.peer, person)).await;
        }
        Err(No::new(NoKind::Unidentified, "you are not signed in, or no longer: sign in again"))
    }

    /// Says that a cookie of another form came.
    pub async fn strange_cookie(&self, came: &Came) {
        self.refused((With::Cookie, Why::Wrong, came.peer, None)).await;
    }

    /// Whether a sign-in is good, without using it: what an open stream asks again and again.
    #[must_use]
    pub fn lives(&self, id: &SignInId) -> bool {
        let (now, idle) = (self.now(), self.idle());
        self.held.lock().sign_ins.get(id).is_some_and(|row| row.lives(now, idle))
    }

    /// The sign-ins of a person that are good, the one used last first. `current` is the one that asks.
    #[must_use]
    pub fn sign_ins(&self, person: &PersonId, current: Option<&SignInId>) -> Vec<SignInView> {
        let (now, idle) = (self.now(), self.idle());
        let held = self.held.lock();
        let own = held.sign_ins.values().filter(|row| row.person == *person && row.lives(now, idle));
        let mut views: Vec<SignInView> = own.map(|row| view(row, current)).collect();
        drop(held);
        views.sort_by_key(|view| std::cmp::Reverse(view.seen));
        views
    }

    /// Whose a sign-in is; none when there is none.
    #[must_use]
    pub fn owner_of_sign_in(&self, id: &SignInId) -> Option<PersonId> {
        self.held.lock().sign_ins.get(id).map(|row| row.person.clone())
    }

    /// Ends a sign-in of `owner`, by order of `by`.
    ///
    /// # Errors
    /// When they have no such sign-in, or it cannot be recorded; then it goes on.
    pub async fn end_sign_in(&self, id: &SignInId, owner: &PersonId, by: &PersonId) -> Result<(), No> {
        let changing = self.changing.lock().await;
        if self.owner_of_sign_in(id).as_ref() != Some(owner) {
            return Err(No::new(NoKind::NotFound, format!("`{owner}` has no sign-in `{id}`")));
        }
        let why = if owner == by { "signed out" } else { "ended" };
        let draft = told::left(owner, id, why, Some(by));
        self.commit(vec![draft], vec![Change::delete(SIGN_IN, id.as_str())]).await?;
        self.held.lock().sign_ins.remove(id);
        drop(changing);
        Ok(())
    }
}

/// Notes a use of a sign-in; the row that says so, now and then, where it may be `written`.
fn touch(row: &mut SignInRow, now: Timestamp, written: bool) -> Result<Vec<Change>, No> {
    row.seen = row.seen.max(now);
    if !written || row.written.is_some_and(|written| now < later(written, SEEN_EVERY)) {
        return Ok(Vec::new());
    }
    row.written = Some(now);
    Ok(vec![put(SIGN_IN, row.id.as_str(), row)?])
}

fn session(row: &SignInRow, now: Timestamp) -> Session {
    Session { id: row.id.clone(), person: row.person.clone(), confirmed_until: row.confirmed(now) }
}

fn view(row: &SignInRow, current: Option<&SignInId>) -> SignInView {
    SignInView {
        id: row.id.clone(),
        person: row.person.clone(),
        how: row.how,
        created: row.created,
        seen: row.seen,
        expires: row.expires,
        agent: row.agent.clone(),
        current: current == Some(&row.id),
    }
}
