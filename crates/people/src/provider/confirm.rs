//! Showing again that it is oneself, at the provider, for whoever comes from there: it asks them anew, and the sign-in that they
//! have counts as confirmed. It stays the same sign-in of the same person, whoever it is that the provider names.

use vocab::{PersonId, Timestamp};

use super::enter::{Begun, Settle};
use super::protocol::Identity;
use super::{Provider, Returned};
use crate::bounds::CLOCK_SKEW;
use crate::directory::rows::Subject;
use crate::no::{No, NoKind};
use crate::passkey::asks_for_passkey;
use crate::rows::{How, PASSWORD, PasswordRow};
use crate::secret::ticket;
use crate::sign_in::Came;
use crate::sign_ins::Session;
use crate::store::{People, get};
use crate::told::{Why, With};

impl People {
    /// With what somebody can show again that it is they: whoever has a passkey with that alone; else with a password where
    /// they have set one, and at the identity provider where they come from there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn confirms_with(&self, person: &PersonId) -> Result<Vec<How>, No> {
        if self.has_passkey(person) {
            return Ok(vec![How::Passkey]);
        }
        let password = get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?.map(|_| How::Password);
        let provider = self.provider.as_ref().filter(|provider| self.comes_from(provider, person));
        Ok(password.into_iter().chain(provider.map(|_| How::Provider)).collect())
    }

    fn comes_from(&self, provider: &Provider, person: &PersonId) -> bool {
        let issuer = &provider.config.issuer;
        let bound = |subject: &Subject| subject.issuer == *issuer;
        let held = self.held.lock();
        let account = held.directory.of_person(person);
        provider.config.people.values().any(|named| named == person)
            || account.is_some_and(|row| row.active && row.subject.as_ref().is_some_and(bound))
    }

    /// Begins to confirm a sign-in at the provider, which asks its person anew.
    ///
    /// # Errors
    /// When its person has a passkey, there is no provider, or it does not answer.
    pub async fn begin_confirm_by_provider(&self, session: &Session) -> Result<Begun, No> {
        let provider = self.the_provider()?;
        asks_for_passkey(self, session)?;
        let browser = ticket()?;
        let digest = vocab::Digest::of(browser.as_bytes());
        let (url, state, flow) = provider.begin(true, digest, Some(session.id.clone()), self.now()).await?;
        self.flows.lock().put(state, flow);
        Ok(Begun { url, browser })
    }

    /// Takes what a browser brought back, so that the sign-in counts as confirmed; until when.
    ///
    /// # Errors
    /// When it was not begun by this sign-in in this browser or took too long, the provider's answer does not hold, names
    /// somebody else or was not asked of its person anew, or it cannot be recorded. The sign-in stays as good as before.
    pub async fn confirm_by_provider(
        &self,
        session: &Session,
        returned: Returned,
        browser: Option<String>,
        came: &Came,
        settle: &Settle<'_>,
    ) -> Result<Timestamp, No> {
        let provider = self.the_provider()?;
        let flow = browser.and_then(|browser| self.flow(&returned.state, &browser, Some(&session.id)));
        let Some(flow) = flow else {
            let message = "this was not begun by this sign-in in this browser, took too long or was answered before: begin again";
            return Err(self.unshown(Why::Over, session, came, message).await);
        };
        let begun = flow.made;
        let identity = match provider.finish(returned, flow, self.now()).await {
            Ok(identity) => identity,
            Err(no) if no.kind == NoKind::Unidentified => {
                return Err(self.unshown(Why::Wrong, session, came, no.message).await);
            }
            Err(no) => return Err(no),
        };
        let changing = self.changing.lock().await;
        let who = self.who_is(provider, &identity, settle);
        let anew = identity.proved.is_some_and(|proved| {
            proved.as_second() >= begun.as_second().saturating_sub(CLOCK_SKEW)
                && proved.as_second() <= self.now().as_second().saturating_add(CLOCK_SKEW)
        });
        let no = if who.as_ref() != Some(&session.person) {
            Some(format!(
                "the identity provider let in somebody else: confirm there as `{}`, or sign out here",
                session.person
            ))
        } else if anew {
            asks_for_passkey(self, session).err().map(|no| no.message)
        } else {
            Some(
                "the identity provider did not ask you anew: have an administrator look at how it treats `prompt` and `max_age`, or make a passkey by a one-time code"
                    .to_owned(),
            )
        };
        if let Some(message) = no {
            drop(changing);
            return Err(self.unshown(Why::Wrong, session, came, message).await);
        }
        let until = self.confirmed(session, How::Provider, came, Vec::new()).await?;
        drop(changing);
        Ok(until)
    }

    /// Who somebody of the provider is here already. Nobody becomes anybody by confirming.
    fn who_is(&self, provider: &Provider, identity: &Identity, settle: &Settle<'_>) -> Option<PersonId> {
        let named = provider.config.people.get(&identity.subject);
        if let Some(person) = named.filter(|person| (settle.local)(person)) {
            return Some(person.clone());
        }
        let subject = Subject { issuer: identity.issuer.clone(), subject: identity.subject.clone() };
        let held = self.held.lock();
        let mut accounts = held.directory.accounts.values();
        let account = accounts.find(|row| row.active && row.subject.as_ref() == Some(&subject));
        account.map(|row| row.person.clone())
    }

    /// A no that is counted. Not `Unidentified`: the sign-in itself is as good as before.
    async fn unshown(&self, why: Why, session: &Session, came: &Came, message: impl Into<String>) -> No {
        self.refused((With::Provider, why, came.peer, Some(session.person.clone()))).await;
        No::new(NoKind::Invalid, message)
    }
}
