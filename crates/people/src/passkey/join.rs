//! Coming in for the first time, or anew, with a one-time code and a passkey in place of a password.

use journal::{Change, Event, Facts};
use vocab::PersonId;

use super::challenges::{For, Join};
use super::{Challenge, MadeKey, late, unfit};
use crate::guesses::Origin;
use crate::no::No;
use crate::rows::{How, INVITE, PASSKEY, PASSWORD, PasswordRow};
use crate::secret::Code;
use crate::sign_in::{Came, Ends, SignedIn};
use crate::store::{People, get, put};
use crate::token::named;
use crate::told;

impl People {
    /// A challenge with which the browser of somebody who has a one-time code makes a passkey. The code stays good until the
    /// passkey is there. `known` says whether the settings still have its person.
    ///
    /// # Errors
    /// When the code is wrong, used or over, they have too many passkeys, or there are none at this address.
    pub async fn begin_passkey_by_code(
        &self,
        typed: &str,
        came: &Came,
        known: impl Fn(&PersonId) -> bool,
    ) -> Result<Challenge, No> {
        let site = self.site()?;
        self.guess_code(came).await?;
        let digest = Code::parse(typed).ok().map(|code| code.digest());
        let found = digest.and_then(|digest| Some((self.invited(&digest)?, digest)));
        // Not under the lock: the settings ask this room whom the directory names.
        let found = found.filter(|(person, _)| known(person));
        let Some((person, code)) = found else { return Err(self.wrong_code(came).await) };
        let (handle, others) = self.own_keys(&person)?;
        let (options, state) = site.add(handle, person.as_str(), others)?;
        self.wait(For::Join(Box::new(Join { person, code, handle, state })), options)
    }

    /// Signs in with the passkey that was made for such a challenge. It takes the place of a password, if there was one, and
    /// all earlier sign-ins of the person end.
    ///
    /// # Errors
    /// When the challenge is used or over, the passkey does not fit it, the code was used or is over meanwhile, or it cannot be
    /// recorded; the code stays good then.
    pub async fn sign_in_by_code_and_passkey(
        &self,
        ticket: &str,
        name: &str,
        made: &MadeKey,
        came: &Came,
        known: impl Fn(&PersonId) -> bool,
    ) -> Result<SignedIn, No> {
        named(name, "a passkey")?;
        let site = self.site()?;
        let Some(For::Join(join)) = self.answered(ticket) else { return Err(late()) };
        let Join { person, code, handle, state } = *join;
        let key = site.added(&made.0, &state).ok_or_else(|| unfit(site))?;
        let still_known = known(&person);
        let changing = self.changing.lock().await;
        if !still_known || self.invited(&code).as_ref() != Some(&person) {
            drop(changing);
            return Err(self.wrong_code(came).await);
        }
        let row = self.new_key(&person, name, handle, key)?;
        let mut fresh = self.fresh(&person, How::Code, came, Ends::All)?;
        let replaces = get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?.map(|_| "password");
        let facts = Facts::new().with("passkey", row.id.as_str()).with_some("replaces", replaces);
        fresh.records.push(told::changed(Event::PasskeyAdded, &person, Some(&person), facts));
        self.say_who_invited(&mut fresh, came)?;
        fresh.state.extend([
            put(PASSKEY, row.id.as_str(), &row)?,
            Change::delete(PASSWORD, person.as_str()),
            Change::delete(INVITE, person.as_str()),
        ]);
        let signed_in = self.admit(fresh).await?;
        {
            let mut held = self.held.lock();
            held.invites.remove(&person);
            held.passkeys.insert(row.id.clone(), row);
        }
        drop(changing);
        let mut guesses = self.guesses.lock();
        guesses.right(None, Origin::from(came.peer));
        guesses.forgive(&person);
        Ok(signed_in)
    }
}
