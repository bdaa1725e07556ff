//! Coming in: with a password, with a one-time code and a new password; and showing again that it is oneself.

use journal::{Change, Draft, Event, Facts};
use vocab::{PersonId, SignInId, Timestamp};

use crate::bounds::{CONFIRMED_FOR, MAX_AGENT_CHARS, MAX_SIGN_INS};
use crate::breached;
use crate::guesses::Origin;
use crate::no::{No, NoKind};
use crate::passkey::asks_for_passkey;
use crate::password::Password;
use crate::rows::{How, INVITE, PASSWORD, PasswordRow, SIGN_IN, SignInRow, later};
use crate::secret::{Code, Cookie, Secret};
use crate::sign_ins::Session;
use crate::store::{People, get, put};
use crate::told::{self, Peer, Why, With};

/// Who wants in, as far as the connection says.
#[derive(Debug, Clone)]
pub struct Came {
    /// From where.
    pub peer: Peer,
    /// What the browser or program calls itself.
    pub agent: String,
}

/// Somebody is in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub person: PersonId,
    /// The sign-in.
    pub id: SignInId,
    /// What the browser has to show from now on; handed out this once.
    pub cookie: Cookie,
    /// When it is over, however much it is used.
    pub expires: Timestamp,
}

/// A sign-in that is about to be: its row, and what becomes durable with it.
pub(crate) struct Fresh {
    row: SignInRow,
    cookie: Cookie,
    /// Sign-ins that end for it.
    ended: Vec<SignInId>,
    pub(crate) records: Vec<Draft>,
    pub(crate) state: Vec<Change>,
}

impl Fresh {
    /// Says whether its person has shown who they are as dangerous acts want it.
    pub(crate) fn confirm(&mut self, shown: bool, now: Timestamp) {
        self.row.confirmed_until = shown.then(|| later(now, CONFIRMED_FOR));
    }
}

/// Which sign-ins of a person end when they come in anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// One that there is no more room for.
    Surplus,
    /// All: the password is another one.
    All,
}

impl People {
    /// Signs in with a password. `known` says whether the settings have the person of this name; one that they do not have
    /// takes as long and is answered the same.
    ///
    /// # Errors
    /// When it is not right, there were too many guesses, or the record cannot be written.
    pub async fn sign_in(
        &self,
        claimed: &str,
        known: bool,
        password: Password,
        came: &Came,
    ) -> Result<SignedIn, No> {
        password.bounded()?;
        let name = PersonId::new(claimed).ok();
        let person = name.clone().filter(|_| known);
        self.guess(With::Password, name.as_ref(), person.as_ref(), came).await?;
        let row = match &person {
            Some(person) => get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?,
            None => None,
        };
        let phc = row.map(|row| row.phc);
        let right = self.hasher.verify(password, phc.clone()).await?;
        let (Some(person), true) = (person.clone(), right) else {
            self.refused((With::Password, Why::Wrong, came.peer, person)).await;
            return Err(No::new(NoKind::Unidentified, "the name or the password is not right"));
        };
        let changing = self.changing.lock().await;
        let now_row = get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?;
        if now_row.map(|row| row.phc) != phc {
            let message = "the password was changed at this moment; sign in with the new one";
            return Err(No::new(NoKind::Unidentified, message));
        }
        let fresh = self.fresh(&person, How::Password, came, Ends::Surplus)?;
        let signed_in = self.admit(fresh).await?;
        drop(changing);
        self.guesses.lock().right(Some(&person), Origin::from(came.peer));
        Ok(signed_in)
    }

    /// Signs in with a one-time code, sets a password, and ends all earlier sign-ins of the person. `known` says whether the
    /// settings still have them. A password that will not do leaves the code as it was.
    ///
    /// # Errors
    /// When the code is wrong, used or over, the password will not do, or the record cannot be written.
    pub async fn sign_in_by_code(
        &self,
        typed: &str,
        password: Password,
        came: &Came,
        known: impl Fn(&PersonId) -> bool,
    ) -> Result<SignedIn, No> {
        password.bounded()?;
        self.guess_code(came).await?;
        let digest = Code::parse(typed).ok().map(|code| code.digest());
        let find = || digest.as_ref().and_then(|digest| self.invited(digest));
        let found = find();
        // Not under the lock: the settings ask this room whom the directory names.
        let found = found.filter(|person| known(person));
        let Some(person) = found else { return Err(self.wrong_code(came).await) };
        let phc = self.new_hash(password).await?;
        let changing = self.changing.lock().await;
        // It may have been used while the password was hashed.
        if find().as_ref() != Some(&person) {
            drop(changing);
            return Err(self.wrong_code(came).await);
        }
        let mut fresh = self.fresh(&person, How::Code, came, Ends::All)?;
        self.set(&mut fresh, phc, &person)?;
        self.say_who_invited(&mut fresh, came)?;
        fresh.state.push(Change::delete(INVITE, person.as_str()));
        let signed_in = self.admit(fresh).await?;
        self.held.lock().invites.remove(&person);
        drop(changing);
        let mut guesses = self.guesses.lock();
        guesses.right(None, Origin::from(came.peer));
        guesses.forgive(&person);
        Ok(signed_in)
    }

    /// Sets a new password, given the old one. All sign-ins of the person end, this one too: another takes its place.
    ///
    /// # Errors
    /// When the old one is not right or the new one will not do, or the record cannot be written.
    pub async fn change_password(
        &self,
        session: &Session,
        old: Password,
        new: Password,
        came: &Came,
    ) -> Result<SignedIn, No> {
        new.acceptable()?;
        self.prove(session, old, came).await?;
        let phc = self.new_hash(new).await?;
        let changing = self.changing.lock().await;
        if !self.lives(&session.id) {
            return Err(No::new(NoKind::Unidentified, "this sign-in has ended meanwhile; sign in again"));
        }
        let mut fresh = self.fresh(&session.person, How::Password, came, Ends::All)?;
        self.set(&mut fresh, phc, &session.person)?;
        let signed_in = self.admit(fresh).await?;
        drop(changing);
        Ok(signed_in)
    }

    /// Takes a password again, so that the sign-in counts as confirmed for [`CONFIRMED_FOR`]; until when.
    ///
    /// # Errors
    /// When it is not right, its person has a passkey, which is what they confirm with then, or it cannot be recorded.
    pub async fn confirm(&self, session: &Session, password: Password, came: &Came) -> Result<Timestamp, No> {
        asks_for_passkey(self, session)?;
        self.prove(session, password, came).await?;
        let changing = self.changing.lock().await;
        let until = self.confirmed(session, How::Password, came, Vec::new()).await?;
        drop(changing);
        Ok(until)
    }

    /// Has a sign-in count as confirmed from now on; until when. Called with `changing` held.
    pub(crate) async fn confirmed(
        &self,
        session: &Session,
        how: How,
        came: &Came,
        state: Vec<Change>,
    ) -> Result<Timestamp, No> {
        let draft = told::came(Event::SignInConfirmed, &session.person, &session.id, how.as_str(), came.peer);
        self.commit(vec![draft], state).await?;
        let until = later(self.now(), CONFIRMED_FOR);
        if let Some(row) = self.held.lock().sign_ins.get_mut(&session.id) {
            row.confirmed_until = Some(until);
        }
        Ok(until)
    }

    /// Demands the password of the person who is signed in.
    async fn prove(&self, session: &Session, password: Password, came: &Came) -> Result<(), No> {
        password.bounded()?;
        let person = &session.person;
        self.guess(With::Password, Some(person), Some(person), came).await?;
        let row = get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?;
        if self.hasher.verify(password, row.map(|row| row.phc)).await? {
            self.guesses.lock().right(Some(person), Origin::from(came.peer));
            return Ok(());
        }
        self.refused((With::Password, Why::Wrong, came.peer, Some(person.clone()))).await;
        // Not `Unidentified`: the sign-in itself is as good as before.
        Err(No::new(NoKind::Invalid, "this is not your password"))
    }

    async fn guess(
        &self,
        with: With,
        name: Option<&PersonId>,
        person: Option<&PersonId>,
        came: &Came,
    ) -> Result<(), No> {
        let counted = self.guesses.lock().count(name, Origin::from(came.peer), self.now());
        if counted.is_err() {
            self.refused((with, Why::Throttled, came.peer, person.cloned())).await;
        }
        counted
    }

    pub(crate) async fn guess_code(&self, came: &Came) -> Result<(), No> {
        self.guess(With::Code, None, None, came).await
    }

    pub(crate) async fn wrong_code(&self, came: &Came) -> No {
        self.refused((With::Code, Why::Wrong, came.peer, None)).await;
        let message = "this code is wrong, used or over: ask an administrator for another, or `bulkhead people invite` on the gateway's machine";
        No::new(NoKind::Unidentified, message)
    }

    pub(crate) async fn refused(&self, key: told::Refused) {
        let draft = self.tallies.refuse(&key, self.now());
        self.hand_over(draft.into_iter().collect(), Vec::new()).await;
    }

    /// The PHC string of a new password that will do.
    async fn new_hash(&self, password: Password) -> Result<String, No> {
        password.acceptable()?;
        let list = self.config.breached.clone();
        let check = move |password: &Password| list.map_or(Ok(()), |list| breached::check(&list, password));
        self.hasher.hash(password, check).await
    }

    fn set(&self, fresh: &mut Fresh, phc: String, person: &PersonId) -> Result<(), No> {
        fresh.state.push(put(PASSWORD, person.as_str(), &PasswordRow { phc, set: self.now() })?);
        fresh.records.push(told::changed(Event::PasswordSet, person, Some(person), Facts::new()));
        Ok(())
    }

    /// Puts into the records of a new sign-in who made its code. With a code that somebody else made, they may be who has just
    /// signed in: that is an alert.
    pub(crate) fn say_who_invited(&self, fresh: &mut Fresh, came: &Came) -> Result<(), No> {
        let person = fresh.row.person.clone();
        let Some(by) = self.held.lock().invites.get(&person).map(|row| row.by.clone()) else { return Ok(()) };
        for draft in &mut fresh.records {
            if matches!(draft.event, Some(Event::SignedIn | Event::PasswordSet | Event::PasskeyAdded)) {
                draft.facts = std::mem::take(&mut draft.facts).with("invited_by", by.as_str());
            }
        }
        if by != person {
            let replaced = get::<PasswordRow>(&self.journal, PASSWORD, person.as_str())?.is_some();
            fresh.records.push(told::invited(&person, &fresh.row.id, &by, replaced, came.peer));
        }
        Ok(())
    }

    /// A new sign-in, whose secret nobody has seen. Called with `changing` held.
    pub(crate) fn fresh(&self, person: &PersonId, how: How, came: &Came, ends: Ends) -> Result<Fresh, No> {
        let (now, secret) = (self.now(), Secret::fresh()?);
        // Whoever has a passkey shows it before something dangerous; a password that somebody got hold of does not do.
        let shown = how != How::Password || !self.has_passkey(person);
        let confirmed_until = shown.then(|| later(now, CONFIRMED_FOR));
        let row = SignInRow {
            id: SignInId::from_random(self.ambient.random()),
            person: person.clone(),
            how,
            digest: secret.digest(),
            created: now,
            seen: now,
            expires: later(now, self.config.life),
            agent: plain(&came.agent),
            confirmed_until,
            written: Some(now),
        };
        let held = self.held.lock();
        let mut own: Vec<&SignInRow> = held.sign_ins.values().filter(|row| row.person == *person).collect();
        own.sort_by_key(|row| row.seen);
        let room = if ends == Ends::All { 0 } else { MAX_SIGN_INS.saturating_sub(1) };
        let surplus = own.len().saturating_sub(room);
        let ended: Vec<SignInId> = own.into_iter().take(surplus).map(|row| row.id.clone()).collect();
        drop(held);
        let why = if ends == Ends::All { "password" } else { "surplus" };
        let mut records = vec![told::came(Event::SignedIn, person, &row.id, how.as_str(), came.peer)];
        records.extend(ended.iter().map(|id| told::left(person, id, why, None)));
        let mut state = vec![put(SIGN_IN, row.id.as_str(), &row)?];
        state.extend(ended.iter().map(|id| Change::delete(SIGN_IN, id.as_str())));
        let cookie = Cookie { id: row.id.clone(), secret };
        Ok(Fresh { row, cookie, ended, records, state })
    }

    /// Makes a new sign-in durable, then good.
    pub(crate) async fn admit(&self, fresh: Fresh) -> Result<SignedIn, No> {
        let Fresh { row, cookie, ended, records, state } = fresh;
        self.commit(records, state).await?;
        let signed_in =
            SignedIn { person: row.person.clone(), id: row.id.clone(), cookie, expires: row.expires };
        let mut held = self.held.lock();
        for id in &ended {
            held.sign_ins.remove(id);
        }
        held.sign_ins.insert(row.id.clone(), row);
        Ok(signed_in)
    }
}

/// What a browser calls itself, short and without what a terminal would take for a command.
fn plain(agent: &str) -> String {
    agent.chars().filter(|c| matches!(c, ' '..='~')).take(MAX_AGENT_CHARS).collect()
}
