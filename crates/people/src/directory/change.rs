//! How accounts come, change and go.

use journal::{Change, Draft, Event, Facts};
use vocab::{DirectoryId, PersonId};

use crate::bounds::{MAX_ACCOUNT_TEXT_CHARS, MAX_ACCOUNTS};
use crate::directory::AccountView;
use crate::directory::rows::{ACCOUNT, AccountRow, GROUP, GroupRow, Maker};
use crate::no::{No, NoKind};
use crate::store::{People, put};
use crate::told;

/// An account that a program wants made, or what it is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Whose.
    pub person: PersonId,
    /// What it is called at the provider.
    pub external: Option<String>,
    /// What people call them.
    pub shown: Option<String>,
    /// Whether its person may come in.
    pub active: bool,
}

/// What is to become of an account. Of what is not named, nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// What it is called at the provider.
    pub external: Option<Option<String>>,
    /// What people call them.
    pub shown: Option<Option<String>>,
    /// Whether its person may come in.
    pub active: Option<bool>,
}

impl People {
    /// Puts an account in. `local` says whether the settings have a person of this name: the two are never one.
    ///
    /// # Errors
    /// When there is one of that name, there are too many, or it cannot be recorded.
    pub async fn add_account(
        &self,
        new: NewAccount,
        by: &PersonId,
        local: impl Fn(&PersonId) -> bool,
    ) -> Result<AccountView, No> {
        bounded(new.external.as_deref())?;
        bounded(new.shown.as_deref())?;
        let changing = self.changing.lock().await;
        self.room_for(&new.person, local)?;
        let now = self.now();
        let row = AccountRow {
            id: DirectoryId::from_random(self.ambient.random()),
            person: new.person,
            made_by: Maker::Scim,
            subject: None,
            external: new.external,
            shown: new.shown,
            claimed: [].into(),
            active: new.active,
            created: now,
            modified: now,
        };
        let draft = about(Event::AccountAdded, &row, Some(by));
        self.commit(vec![draft], vec![put(ACCOUNT, row.id.as_str(), &row)?]).await?;
        let view = self.held.lock().directory.keep(row);
        drop(changing);
        Ok(view)
    }

    /// Demands that a name is nobody's yet and there is room for it.
    pub(crate) fn room_for(&self, person: &PersonId, local: impl Fn(&PersonId) -> bool) -> Result<(), No> {
        let conflict = |message: String| Err(No::new(NoKind::Conflict, message));
        let held = self.held.lock();
        if held.directory.of_person(person).is_some() {
            return conflict(format!("there is an account of `{person}` already"));
        }
        if local(person) {
            return conflict(format!(
                "bulkhead.toml has a person `{person}` of its own: give the account another name, or take that person out"
            ));
        }
        if held.directory.accounts.len() >= MAX_ACCOUNTS {
            return conflict(format!(
                "there are {MAX_ACCOUNTS} accounts already: delete some that are not used"
            ));
        }
        Ok(())
    }

    /// Changes an account. One that is not active any more loses all that its person signs in with, in the same transaction.
    ///
    /// # Errors
    /// When there is no such account or it cannot be recorded; then it stays as it was.
    pub async fn change_account(
        &self,
        id: &DirectoryId,
        wish: Wish,
        by: &PersonId,
    ) -> Result<AccountView, No> {
        bounded(wish.external.as_ref().and_then(Option::as_deref))?;
        bounded(wish.shown.as_ref().and_then(Option::as_deref))?;
        let changing = self.changing.lock().await;
        let mut row = self.row(id)?;
        let was = row.active;
        row.external = wish.external.unwrap_or(row.external);
        row.shown = wish.shown.unwrap_or(row.shown);
        row.active = wish.active.unwrap_or(row.active);
        row.modified = self.now();
        let mut records = vec![about(Event::AccountChanged, &row, Some(by))];
        let mut state = vec![put(ACCOUNT, row.id.as_str(), &row)?];
        let leaves = was && !row.active;
        if leaves {
            self.taken_away(&row.person, &mut records, &mut state);
        }
        self.commit(records, state).await?;
        if leaves {
            self.forgotten(&row.person);
        }
        let view = self.held.lock().directory.keep(row);
        drop(changing);
        Ok(view)
    }

    /// Takes an account away, with all that its person signs in with, and out of its groups. Whose it was.
    ///
    /// # Errors
    /// When there is no such account or it cannot be recorded; then it stays.
    pub async fn remove_account(&self, id: &DirectoryId, by: &PersonId) -> Result<PersonId, No> {
        let changing = self.changing.lock().await;
        let row = self.row(id)?;
        let mut records = vec![about(Event::AccountRemoved, &row, Some(by))];
        let mut state = vec![Change::delete(ACCOUNT, id.as_str())];
        self.taken_away(&row.person, &mut records, &mut state);
        let left: Vec<GroupRow> = {
            let held = self.held.lock();
            let own = held.directory.groups.values().filter(|group| group.members.contains(id));
            own.cloned()
                .map(|mut group| {
                    group.members.remove(id);
                    group
                })
                .collect()
        };
        for group in &left {
            state.push(put(GROUP, group.id.as_str(), group)?);
        }
        self.commit(records, state).await?;
        self.forgotten(&row.person);
        let mut held = self.held.lock();
        held.directory.version = held.directory.version.wrapping_add(1);
        held.directory.accounts.remove(id);
        held.directory.groups.extend(left.into_iter().map(|group| (group.id.clone(), group)));
        drop(held);
        drop(changing);
        Ok(row.person)
    }

    fn row(&self, id: &DirectoryId) -> Result<AccountRow, No> {
        let found = self.held.lock().directory.accounts.get(id).cloned();
        found.ok_or_else(|| No::new(NoKind::NotFound, format!("there is no account `{id}`")))
    }

    /// What goes with somebody who leaves.
    fn taken_away(&self, person: &PersonId, records: &mut Vec<Draft>, state: &mut Vec<Change>) {
        let (facts, gone) = self.all_of(person);
        records.push(told::changed(Event::CredentialsForgotten, person, None, facts));
        state.extend(gone);
    }
}

/// What the record says of an account: no name that the provider may have for people.
pub(crate) fn about(event: Event, row: &AccountRow, by: Option<&PersonId>) -> Draft {
    let facts = Facts::new().with("account", row.id.as_str()).with("active", row.active);
    told::changed(event, &row.person, by, facts)
}

/// Demands a text of a length that fits a list.
pub(crate) fn bounded(text: Option<&str>) -> Result<(), No> {
    let Some(text) = text else { return Ok(()) };
    if text.is_empty() || text.chars().count() > MAX_ACCOUNT_TEXT_CHARS || text.chars().any(char::is_control)
    {
        let message = format!(
            "a name or an id of a directory has 1 to {MAX_ACCOUNT_TEXT_CHARS} characters on one line"
        );
        return Err(No::new(NoKind::Invalid, message));
    }
    Ok(())
}
