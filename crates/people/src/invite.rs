//! One-time codes: how somebody without a password, or who forgot it, gets one.

use journal::{Event, Facts};
use vocab::{Digest, PersonId, Timestamp};

use crate::bounds::CODE_LIFE;
use crate::no::No;
use crate::rows::{INVITE, InviteRow, later};
use crate::secret::{Code, same};
use crate::store::{People, put};
use crate::told;

/// A code that was made.
#[derive(Debug)]
pub struct Invite {
    /// The code; handed out this once.
    pub code: Code,
    /// When it is over.
    pub expires: Timestamp,
}

impl People {
    /// Makes a one-time code for `person`, in place of one that they may have. What they sign in with stays good until the
    /// code is used.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn invite(&self, person: &PersonId, by: &PersonId) -> Result<Invite, No> {
        let code = Code::fresh()?;
        let changing = self.changing.lock().await;
        let now = self.now();
        let expires = later(now, CODE_LIFE);
        let row = InviteRow { digest: code.digest(), by: by.clone(), created: now, expires };
        let facts = Facts::new().with("expires", expires.to_string());
        let draft = told::changed(Event::InviteMade, person, Some(by), facts);
        self.commit(vec![draft], vec![put(INVITE, person.as_str(), &row)?]).await?;
        self.held.lock().invites.insert(person.clone(), row);
        drop(changing);
        Ok(Invite { code, expires })
    }

    /// Whose a code is, by its digest, if it is good.
    pub(crate) fn invited(&self, code: &Digest) -> Option<PersonId> {
        let now = self.now();
        let held = self.held.lock();
        let mut invites = held.invites.iter();
        let found = invites.find(|(_, row)| same(&row.digest, code) && row.lives(now));
        found.map(|(person, _)| person.clone())
    }
}
