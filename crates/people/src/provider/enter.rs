//! Whom somebody becomes here who signed in at the provider: a person of the settings that the settings name for them, or an account of
//! the directory. Never somebody by a name alone: a name is bound to one account of the provider's at its first sign-in.

use std::collections::BTreeSet;

use journal::Event;
use url::Url;
use vocab::{DirectoryId, PersonId, SignInId};

use super::Returned;
use super::flows::Flow;
use super::protocol::Identity;
use crate::bounds::CONFIRMED_FOR;
use crate::directory::change::about;
use crate::directory::rows::{ACCOUNT, AccountRow, Maker, Subject};
use crate::no::{No, NoKind};
use crate::passkey::shown_by_others;
use crate::rows::{How, later};
use crate::secret::ticket;
use crate::sign_in::{Came, Ends, SignedIn};
use crate::store::{People, put};
use crate::told::{Why, With};

/// What the settings say at this moment.
pub struct Settle<'a> {
    /// Whether they have a person of this name themselves.
    pub local: &'a (dyn Fn(&PersonId) -> bool + Send + Sync),
    /// Whether they map any of these groups of the provider's to something.
    pub mapped: &'a (dyn Fn(&BTreeSet<String>) -> bool + Send + Sync),
}

/// Where a browser is to go.
#[derive(Debug)]
pub struct Begun {
    /// The provider's page.
    pub url: Url,
    /// What the browser keeps until it is back.
    pub browser: String,
}

impl People {
    /// What the identity provider is called; none without one.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_ref().map(|provider| provider.config.shown.as_str())
    }

    /// Begins a sign-in at the provider. `again` has it ask its person anew.
    ///
    /// # Errors
    /// When there is no provider or it does not answer. Other ways in are as good as before.
    pub async fn begin_by_provider(&self, again: bool) -> Result<Begun, No> {
        let provider = self.the_provider()?;
        let browser = ticket()?;
        let digest = vocab::Digest::of(browser.as_bytes());
        let (url, state, flow) = provider.begin(again, digest, None, self.now()).await?;
        self.flows.lock().put(state, flow);
        Ok(Begun { url, browser })
    }

    /// Signs in whoever comes back from the provider, in the browser that began it: `browser` is what it kept.
    ///
    /// # Errors
    /// When it was not begun here or took too long, the provider's answer does not hold, nobody here is who it names, or the
    /// record cannot be written.
    pub async fn sign_in_by_provider(
        &self,
        returned: Returned,
        browser: Option<String>,
        came: &Came,
        settle: &Settle<'_>,
    ) -> Result<SignedIn, No> {
        let provider = self.the_provider()?;
        let flow = browser.and_then(|browser| self.flow(&returned.state, &browser, None));
        let Some(flow) = flow else {
            self.refused((With::Provider, Why::Over, came.peer, None)).await;
            let message = "this sign-in was not begun in this browser, took too long or was answered before: begin again";
            return Err(No::new(NoKind::Unidentified, message));
        };
        let identity = match provider.finish(returned, flow, self.now()).await {
            Ok(identity) => identity,
            Err(no) => {
                if no.kind == NoKind::Unidentified {
                    self.refused((With::Provider, Why::Wrong, came.peer, None)).await;
                }
                return Err(no);
            }
        };
        self.enter(identity, came, settle).await
    }

    pub(super) fn flow(&self, state: &str, browser: &str, confirms: Option<&SignInId>) -> Option<Flow> {
        self.flows.lock().take(state, &vocab::Digest::of(browser.as_bytes()), confirms, self.now())
    }

    async fn enter(&self, identity: Identity, came: &Came, settle: &Settle<'_>) -> Result<SignedIn, No> {
        let provider = self.the_provider()?;
        let changing = self.changing.lock().await;
        let (person, row) = match provider.config.people.get(&identity.subject) {
            Some(person) if (settle.local)(person) => (person.clone(), None),
            _ => match self.account_of(&identity, provider.config.makes_accounts, settle) {
                Ok((row, event)) if row.made_by == Maker::Scim || (settle.mapped)(&row.claimed) => {
                    (row.person.clone(), Some((row, event)))
                }
                Ok((row, event)) => {
                    // What they had by their groups before is over at once.
                    if event == Some(Event::AccountChanged) {
                        self.keep(row, event).await?;
                    }
                    drop(changing);
                    self.refused((With::Provider, Why::Wrong, came.peer, None)).await;
                    let message = "none of your groups at the identity provider has rights here: an administrator maps one by `[[directory]]`";
                    return Err(No::new(NoKind::Unidentified, message));
                }
                Err(no) => {
                    drop(changing);
                    self.refused((With::Provider, Why::Wrong, came.peer, None)).await;
                    return Err(no);
                }
            },
        };
        let mut fresh = self.fresh(&person, How::Provider, came, Ends::Surplus)?;
        // Who proved a moment ago who they are, and has no passkey, counts as having shown it here.
        let now = self.now();
        let lately = identity
            .proved
            .is_some_and(|proved| proved <= later(now, CONFIRMED_FOR) && now < later(proved, CONFIRMED_FOR));
        fresh.confirm(lately && shown_by_others(self, &person), now);
        if let Some((row, event)) = &row {
            fresh.state.push(put(ACCOUNT, row.id.as_str(), row)?);
            fresh.records.extend(event.map(|event| about(event, row, None)));
        }
        let signed_in = self.admit(fresh).await?;
        if let Some((row, _)) = row {
            self.held.lock().directory.keep(row);
        }
        drop(changing);
        Ok(signed_in)
    }

    /// Makes an account as it is now durable. Called with `changing` held.
    async fn keep(&self, row: AccountRow, event: Option<Event>) -> Result<(), No> {
        let records = event.map(|event| about(event, &row, None)).into_iter().collect();
        self.commit(records, vec![put(ACCOUNT, row.id.as_str(), &row)?]).await?;
        self.held.lock().directory.keep(row);
        Ok(())
    }

    /// The account of somebody, as it is to be from now on, and what the record says of it. Called with `changing` held.
    fn account_of(
        &self,
        identity: &Identity,
        makes: bool,
        settle: &Settle<'_>,
    ) -> Result<(AccountRow, Option<Event>), No> {
        let no = |message: String| No::new(NoKind::Unidentified, message);
        let subject = Subject { issuer: identity.issuer.clone(), subject: identity.subject.clone() };
        let held = self.held.lock();
        let bound =
            held.directory.accounts.values().find(|row| row.subject.as_ref() == Some(&subject)).cloned();
        let name = || {
            let name = identity.name.as_deref().and_then(|name| PersonId::new(name).ok());
            name.ok_or_else(|| {
                no("the identity provider gives you no name that can be used here: an administrator looks at `person-claim` and `domain` in `[oidc]`".to_owned())
            })
        };
        let by_name = match bound {
            Some(_) => None,
            None => held.directory.of_person(&name()?).cloned(),
        };
        drop(held);
        let (mut row, made) = match (bound, by_name) {
            (Some(row), _) => (row, false),
            (None, Some(row)) if row.subject.is_none() => (row, false),
            (None, Some(row)) => {
                return Err(no(format!(
                    "the name `{}` belongs to another account of the identity provider: an administrator deletes that one first, or gives this one another name",
                    row.person
                )));
            }
            (None, None) if makes => (self.new_account(name()?, settle)?, true),
            (None, None) => {
                return Err(no(
                    "there is no account for you here yet: it is made by the directory of your organisation"
                        .to_owned(),
                ));
            }
        };
        if !row.active || (settle.local)(&row.person) {
            return Err(no("your account here is not active".to_owned()));
        }
        let claimed = row.made_by == Maker::SignIn && row.claimed != identity.groups;
        if row.made_by == Maker::SignIn {
            row.claimed.clone_from(&identity.groups);
        }
        let bind = row.subject.is_none();
        row.subject = Some(subject);
        row.shown = identity.shown.clone().or(row.shown);
        if claimed || bind {
            row.modified = self.now();
        }
        let event = match (made, claimed || bind) {
            (true, _) => Some(Event::AccountAdded),
            (false, true) => Some(Event::AccountChanged),
            (false, false) => None,
        };
        Ok((row, event))
    }

    fn new_account(&self, person: PersonId, settle: &Settle<'_>) -> Result<AccountRow, No> {
        self.room_for(&person, |person| (settle.local)(person))?;
        let now = self.now();
        Ok(AccountRow {
            id: DirectoryId::from_random(self.ambient.random()),
            person,
            made_by: Maker::SignIn,
            subject: None,
            external: None,
            shown: None,
            claimed: BTreeSet::new(),
            active: true,
            created: now,
            modified: now,
        })
    }

    pub(super) fn the_provider(&self) -> Result<&super::Provider, No> {
        self.provider.as_ref().ok_or_else(|| {
            No::new(
                NoKind::Conflict,
                "no identity provider is set up here: name one as `[oidc]` in bulkhead.toml",
            )
        })
    }
}
