//! Passkeys: how one is added, and how one lets its person in or shows again that it is they.

pub(crate) mod challenges;
mod join;
pub(crate) mod site;

use journal::{Change, Event, Facts};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use vocab::{PasskeyId, PersonId, Timestamp};
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PublicKeyCredential, RegisterPublicKeyCredential,
};

use crate::bounds::MAX_PASSKEYS;
use crate::no::{No, NoKind};
use crate::origin::Origin;
use crate::rows::{How, PASSKEY, PasskeyRow};
use crate::secret::{fill, ticket};
use crate::sign_in::{Came, Ends, SignedIn};
use crate::sign_ins::Session;
use crate::store::{Held, People, put};
use crate::token::named;
use crate::told::{self, Why, With};

use challenges::For;
use site::{Fault, Site};

/// A challenge for a browser.
#[derive(Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// What the answer is sent with.
    pub ticket: String,
    /// What the browser hands to the passkey.
    pub options: Value,
}

/// What a browser made when it was told to make a passkey.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct MadeKey(RegisterPublicKeyCredential);

/// What a passkey answered.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct KeyAnswer(PublicKeyCredential);

/// A passkey as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyView {
    /// Which.
    pub id: PasskeyId,
    /// Whose.
    pub person: PersonId,
    /// What they call it.
    pub name: String,
    /// The name that it is bound to; it works nowhere else.
    pub site: String,
    /// Since when.
    pub created: Timestamp,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

impl People {
    /// Where browsers can use passkeys; none where they cannot.
    #[must_use]
    pub fn passkeys_at(&self) -> Option<&Origin> {
        self.site.as_ref().map(|site| &site.origin)
    }

    /// Whether a person has a passkey that is bound to this gateway's name. Then it is what dangerous acts ask for.
    #[must_use]
    pub fn has_passkey(&self, person: &PersonId) -> bool {
        let Some(site) = &self.site else { return false };
        self.held.lock().passkeys.values().any(|row| row.of(person, site.origin.name()))
    }

    /// The passkeys of a person, the oldest first.
    #[must_use]
    pub fn passkeys(&self, person: &PersonId) -> Vec<PasskeyView> {
        let held = self.held.lock();
        let mut views: Vec<PasskeyView> =
            held.passkeys.values().filter(|row| row.person == *person).map(view).collect();
        drop(held);
        views.sort_by_key(|view| view.created);
        views
    }

    /// Whose a passkey is; none when there is none.
    #[must_use]
    pub fn owner_of_passkey(&self, id: &PasskeyId) -> Option<PersonId> {
        self.held.lock().passkeys.get(id).map(|row| row.person.clone())
    }

    /// A challenge with which a browser makes a passkey for the person who is signed in.
    ///
    /// # Errors
    /// When they have too many, or there are no passkeys at this address.
    pub fn begin_passkey(&self, session: &Session) -> Result<Challenge, No> {
        let site = self.site()?;
        let (handle, others) = self.own_keys(&session.person)?;
        let (options, state) = site.add(handle, session.person.as_str(), others)?;
        self.wait(For::Add(session.id.clone(), handle, Box::new(state)), options)
    }

    /// Takes up the passkey that a browser made for a challenge.
    ///
    /// # Errors
    /// When the challenge is used or over, the answer does not fit it, or it cannot be recorded.
    pub async fn add_passkey(
        &self,
        session: &Session,
        ticket: &str,
        name: &str,
        made: &MadeKey,
    ) -> Result<PasskeyView, No> {
        named(name, "a passkey")?;
        let site = self.site()?;
        let Some(For::Add(by, handle, state)) = self.answered(ticket) else { return Err(late()) };
        if by != session.id {
            return Err(late());
        }
        let key = site.added(&made.0, &state).ok_or_else(|| unfit(site))?;
        let changing = self.changing.lock().await;
        if !self.lives(&session.id) {
            return Err(No::new(NoKind::Unidentified, "this sign-in has ended meanwhile; sign in again"));
        }
        let row = self.new_key(&session.person, name, handle, key)?;
        let facts = Facts::new().with("passkey", row.id.as_str());
        let draft = told::changed(Event::PasskeyAdded, &row.person, Some(&row.person), facts);
        self.commit(vec![draft], vec![put(PASSKEY, row.id.as_str(), &row)?]).await?;
        let view = view(&row);
        self.held.lock().passkeys.insert(row.id.clone(), row);
        drop(changing);
        Ok(view)
    }

    /// Takes a passkey of `owner` away, by order of `by`.
    ///
    /// # Errors
    /// When they have no such passkey, or it cannot be recorded; then it stays.
    pub async fn remove_passkey(&self, id: &PasskeyId, owner: &PersonId, by: &PersonId) -> Result<(), No> {
        let changing = self.changing.lock().await;
        if self.owner_of_passkey(id).as_ref() != Some(owner) {
            return Err(No::new(NoKind::NotFound, format!("`{owner}` has no passkey `{id}`")));
        }
        let facts = Facts::new().with("passkey", id.as_str());
        let draft = told::changed(Event::PasskeyRemoved, owner, Some(by), facts);
        self.commit(vec![draft], vec![Change::delete(PASSKEY, id.as_str())]).await?;
        self.held.lock().passkeys.remove(id);
        drop(changing);
        Ok(())
    }

    /// A challenge for whoever wants in with a passkey. It names nobody, so it tells nobody who is here.
    ///
    /// # Errors
    /// When there are no passkeys at this address.
    pub fn begin_sign_in_by_passkey(&self) -> Result<Challenge, No> {
        let (options, state) = self.site()?.ask(&[])?;
        self.wait(For::SignIn(Box::new(state)), options)
    }

    /// Signs in with what a passkey answered. `known` says whether the settings still have its person.
    ///
    /// # Errors
    /// When the challenge is used or over, the answer does not fit it, the passkey is nobody's, its counter shows that there
    /// may be a copy of it, or the record cannot be written.
    pub async fn sign_in_by_passkey(
        &self,
        ticket: &str,
        answer: &KeyAnswer,
        came: &Came,
        known: impl Fn(&PersonId) -> bool,
    ) -> Result<SignedIn, No> {
        let Some(For::SignIn(state)) = self.answered(ticket) else {
            self.refused((With::Passkey, Why::Over, came.peer, None)).await;
            return Err(No::new(
                NoKind::Unidentified,
                "this took too long or was answered before: begin again",
            ));
        };
        let changing = self.changing.lock().await;
        let used = self.use_of(answer, *state, None).filter(|used| known(&used.row.person));
        let row = self.good(used, came).await?;
        let mut fresh = self.fresh(&row.person, How::Passkey, came, Ends::Surplus)?;
        fresh.state.push(put(PASSKEY, row.id.as_str(), &row)?);
        let signed_in = self.admit(fresh).await?;
        self.held.lock().passkeys.insert(row.id.clone(), row);
        drop(changing);
        Ok(signed_in)
    }

    /// A challenge with which the person who is signed in shows again that it is they.
    ///
    /// # Errors
    /// When they have no passkey that works at this address.
    pub fn begin_confirm_by_passkey(&self, session: &Session) -> Result<Challenge, No> {
        let site = self.site()?;
        let (options, state) = {
            let held = self.held.lock();
            let own = held.passkeys.values().filter(|row| row.of(&session.person, site.origin.name()));
            let own: Vec<&CredentialID> = own.map(|row| row.key.cred_id()).collect();
            if own.is_empty() {
                return Err(No::new(
                    NoKind::Conflict,
                    "you have no passkey that works here: confirm with your password",
                ));
            }
            site.ask(&own)?
        };
        self.wait(For::Confirm(session.id.clone(), Box::new(state)), options)
    }

    /// Takes a passkey's answer, so that the sign-in counts as confirmed; until when.
    ///
    /// # Errors
    /// As [`People::sign_in_by_passkey`]; the sign-in itself stays as good as before.
    pub async fn confirm_by_passkey(
        &self,
        session: &Session,
        ticket: &str,
        answer: &KeyAnswer,
        came: &Came,
    ) -> Result<Timestamp, No> {
        let Some(For::Confirm(by, state)) = self.answered(ticket) else { return Err(late()) };
        if by != session.id {
            return Err(late());
        }
        let changing = self.changing.lock().await;
        let used = self.use_of(answer, *state, Some(&session.person));
        // Not `Unidentified`: the sign-in itself is as good as before.
        let row = self.good(used, came).await.map_err(|no| No::new(NoKind::Invalid, no.message))?;
        let change = put(PASSKEY, row.id.as_str(), &row)?;
        let until = self.confirmed(session, How::Passkey, came, vec![change]).await?;
        self.held.lock().passkeys.insert(row.id.clone(), row);
        drop(changing);
        Ok(until)
    }

    /// By what a person's passkeys know them, and which they have already; room for one more is demanded.
    fn own_keys(&self, person: &PersonId) -> Result<(Uuid, Vec<CredentialID>), No> {
        let (handle, others) = {
            let held = self.held.lock();
            let own = || held.passkeys.values().filter(|row| row.person == *person);
            room(own().count(), person)?;
            let others: Vec<CredentialID> = own().map(|row| row.key.cred_id().clone()).collect();
            (own().next().map(|row| row.handle), others)
        };
        Ok((handle.map_or_else(new_handle, Ok)?, others))
    }

    /// The row of a passkey that was made. Called with `changing` held.
    fn new_key(&self, person: &PersonId, name: &str, handle: Uuid, key: Passkey) -> Result<PasskeyRow, No> {
        let site = self.site()?;
        let held = self.held.lock();
        room(held.passkeys.values().filter(|row| row.person == *person).count(), person)?;
        if held.passkeys.values().any(|row| row.key.cred_id() == key.cred_id()) {
            return Err(No::new(NoKind::Conflict, "this passkey is there already"));
        }
        drop(held);
        Ok(PasskeyRow {
            id: PasskeyId::from_random(self.ambient.random()),
            person: person.clone(),
            name: name.trim().to_owned(),
            site: site.origin.name().to_owned(),
            handle,
            key,
            created: self.now(),
            used: None,
        })
    }

    fn site(&self) -> Result<&Site, No> {
        self.site.as_ref().ok_or_else(|| {
            let message = "there are no passkeys at this address: name the one that browsers use as `origin` in `[gateway]` of bulkhead.toml";
            No::new(NoKind::Conflict, message)
        })
    }

    fn wait(&self, what: For, options: Value) -> Result<Challenge, No> {
        let ticket = ticket()?;
        self.challenges.lock().put(ticket.clone(), what, self.now());
        Ok(Challenge { ticket, options })
    }

    fn answered(&self, ticket: &str) -> Option<For> {
        self.challenges.lock().take(ticket, self.now())
    }

    /// Whose passkey answered, with its row as it is to be from now on; none when it is nobody's, or not `person`'s.
    /// Called with `changing` held, so that of two answers with one counter the second is refused.
    fn use_of(
        &self,
        answer: &KeyAnswer,
        state: DiscoverableAuthentication,
        person: Option<&PersonId>,
    ) -> Option<Used> {
        let site = self.site.as_ref()?;
        let mut row = found(&self.held.lock(), &answer.0, site.origin.name())?;
        if person.is_some_and(|person| row.person != *person) {
            return None;
        }
        match answer.0.get_user_unique_id() {
            Some(handle) if handle == row.handle.as_bytes() => {}
            // Asked by the key's own name, a passkey may leave it out.
            None if person.is_some() => {}
            _ => return None,
        }
        let fault = site.answered(&answer.0, state, &mut row.key).err();
        row.used = Some(self.now());
        Some(Used { row, fault })
    }

    /// The row of a passkey that answered well.
    async fn good(&self, used: Option<Used>, came: &Came) -> Result<PasskeyRow, No> {
        let (why, person) = match used {
            Some(Used { row, fault: None }) => return Ok(row),
            Some(Used { row, fault: Some(Fault::Counter) }) => (Why::Counter, Some(row.person)),
            Some(Used { row, fault: Some(Fault::Wrong) }) => (Why::Wrong, Some(row.person)),
            None => (Why::Wrong, None),
        };
        self.refused((With::Passkey, why, came.peer, person)).await;
        let message = if why == Why::Counter {
            "this passkey counts behind what it was last seen with: there may be a copy of it. Sign in another way and remove it"
        } else {
            "this passkey is not known here, or its answer does not fit: sign in another way"
        };
        Err(No::new(NoKind::Unidentified, message))
    }
}

/// A passkey that answered.
struct Used {
    row: PasskeyRow,
    /// What is wrong with the answer.
    fault: Option<Fault>,
}

fn found(held: &Held, answer: &PublicKeyCredential, site: &str) -> Option<PasskeyRow> {
    let id = answer.get_credential_id();
    held.passkeys.values().find(|row| row.key.cred_id().as_slice() == id && row.site == site).cloned()
}

fn room(count: usize, person: &PersonId) -> Result<(), No> {
    if count < MAX_PASSKEYS {
        return Ok(());
    }
    let message = format!("`{person}` has {MAX_PASSKEYS} passkeys already: remove one that is not used");
    Err(No::new(NoKind::Conflict, message))
}

/// By what passkeys know their person: random, so that it tells nothing, and another one when a name is given again.
fn new_handle() -> Result<Uuid, No> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    Ok(Uuid::from_bytes(bytes))
}

fn late() -> No {
    No::new(NoKind::Invalid, "this took too long or was answered before: begin again")
}

fn unfit(site: &Site) -> No {
    let message = format!("this passkey is not what was asked for: begin again at {}", site.origin);
    No::new(NoKind::Invalid, message)
}

fn view(row: &PasskeyRow) -> PasskeyView {
    PasskeyView {
        id: row.id.clone(),
        person: row.person.clone(),
        name: row.name.clone(),
        site: row.site.clone(),
        created: row.created,
        used: row.used,
    }
}

/// Demands a passkey of whoever has one: a password that somebody got hold of does nothing dangerous then.
pub(crate) fn asks_for_passkey(people: &People, session: &Session) -> Result<(), No> {
    let Some(origin) = people.passkeys_at().filter(|_| people.has_passkey(&session.person)) else {
        return Ok(());
    };
    let message =
        format!("you have a passkey, and a password alone does not do then: confirm with it, at {origin}");
    Err(No::new(NoKind::Conflict, message))
}

/// Whether somebody shows who they are by other means than a passkey: they have none here.
pub(crate) fn shown_by_others(people: &People, person: &PersonId) -> bool {
    !people.has_passkey(person)
}

impl PasskeyRow {
    fn of(&self, person: &PersonId, site: &str) -> bool {
        self.person == *person && self.site == site
    }
}
