//! People whom the organisation's identity provider names, beside those of the settings: from their own first sign-in by
//! it, or from its provisioning (SCIM). What their groups at the provider are worth here, the settings say: a name of a group that they
//! do not map is worth nothing.

pub(crate) mod change;
pub(crate) mod group;
pub(crate) mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vocab::{DirectoryId, PersonId, Timestamp};

use crate::store::People;
pub use change::{NewAccount, Wish};
pub use group::NewGroup;
pub use rows::Maker;
use rows::{AccountRow, GroupRow};

/// Somebody whom the provider names and has not taken away again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who.
    pub id: PersonId,
    /// Their groups, as the provider calls them.
    pub groups: BTreeSet<String>,
}

/// An account as programs that provision are shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Which.
    pub id: DirectoryId,
    /// Whose.
    pub person: PersonId,
    /// Who put it in.
    pub made_by: Maker,
    /// What it is called at the provider.
    pub external: Option<String>,
    /// What people call them.
    pub shown: Option<String>,
    /// Whether its person may come in.
    pub active: bool,
    /// Their groups: ids where the provider keeps groups here, with their names.
    pub groups: BTreeMap<DirectoryId, String>,
    /// Since when.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
}

/// A group of the provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// Which.
    pub id: DirectoryId,
    /// What the provider calls it.
    pub name: String,
    /// What it is called at the provider beside that.
    pub external: Option<String>,
    /// Who is in it: accounts, with whose they are.
    pub members: BTreeMap<DirectoryId, PersonId>,
    /// Since when.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
}

/// All rows of it.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) accounts: BTreeMap<DirectoryId, AccountRow>,
    pub(crate) groups: BTreeMap<DirectoryId, GroupRow>,
    /// Goes up with each change, so that whoever judges by it takes it up.
    pub(crate) version: u64,
}

impl Directory {
    pub(crate) fn of_person(&self, person: &PersonId) -> Option<&AccountRow> {
        self.accounts.values().find(|row| row.person == *person)
    }

    /// The groups of each account that is in any, where provisioning says so.
    fn memberships(&self) -> BTreeMap<&DirectoryId, BTreeSet<String>> {
        let mut found: BTreeMap<&DirectoryId, BTreeSet<String>> = BTreeMap::new();
        for group in self.groups.values() {
            for member in &group.members {
                found.entry(member).or_default().insert(group.name.clone());
            }
        }
        found
    }

    /// Takes up an account as it now is in the database, and shows it.
    pub(crate) fn keep(&mut self, row: AccountRow) -> AccountView {
        self.version = self.version.wrapping_add(1);
        let view = self.view(&row);
        self.accounts.insert(row.id.clone(), row);
        view
    }

    fn view(&self, row: &AccountRow) -> AccountView {
        let own = self.groups.values().filter(|group| group.members.contains(&row.id));
        AccountView {
            id: row.id.clone(),
            person: row.person.clone(),
            made_by: row.made_by,
            external: row.external.clone(),
            shown: row.shown.clone(),
            active: row.active,
            groups: own.map(|group| (group.id.clone(), group.name.clone())).collect(),
            created: row.created,
            modified: row.modified,
        }
    }

    fn group_view(&self, row: &GroupRow) -> GroupView {
        let member = |id: &DirectoryId| Some((id.clone(), self.accounts.get(id)?.person.clone()));
        GroupView {
            id: row.id.clone(),
            name: row.name.clone(),
            external: row.external.clone(),
            members: row.members.iter().filter_map(member).collect(),
            created: row.created,
            modified: row.modified,
        }
    }
}

impl People {
    /// Everybody whom the provider names and has not taken away again, by name.
    #[must_use]
    pub fn vouched(&self) -> Vec<Vouched> {
        let held = self.held.lock();
        let all = &held.directory;
        let mut memberships = all.memberships();
        let active = all.accounts.values().filter(|row| row.active);
        let groups = |row: &AccountRow| match row.made_by {
            Maker::SignIn => row.claimed.clone(),
            Maker::Scim => memberships.remove(&row.id).unwrap_or_default(),
        };
        let mut groups = groups;
        let mut found: Vec<Vouched> =
            active.map(|row| Vouched { id: row.person.clone(), groups: groups(row) }).collect();
        drop(held);
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    /// Goes up with each change of what [`People::vouched`] says.
    #[must_use]
    pub fn directory_version(&self) -> u64 {
        self.held.lock().directory.version
    }

    /// All accounts, by their ids.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountView> {
        let held = self.held.lock();
        held.directory.accounts.values().map(|row| held.directory.view(row)).collect()
    }

    /// One account.
    #[must_use]
    pub fn account(&self, id: &DirectoryId) -> Option<AccountView> {
        let held = self.held.lock();
        held.directory.accounts.get(id).map(|row| held.directory.view(row))
    }

    /// Those accounts that fit, without the first `skip` of them and at most `most`; and how many fit.
    #[must_use]
    pub fn accounts_where(
        &self,
        fits: impl Fn(&DirectoryId, &PersonId, Option<&str>) -> bool,
        skip: usize,
        most: usize,
    ) -> (usize, Vec<AccountView>) {
        let held = self.held.lock();
        let all = held.directory.accounts.values();
        let fit: Vec<&AccountRow> =
            all.filter(|row| fits(&row.id, &row.person, row.external.as_deref())).collect();
        let page = fit.iter().skip(skip).take(most).map(|row| held.directory.view(row));
        (fit.len(), page.collect())
    }

    /// All groups, by their ids.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        let held = self.held.lock();
        held.directory.groups.values().map(|row| held.directory.group_view(row)).collect()
    }

    /// One group.
    #[must_use]
    pub fn group(&self, id: &DirectoryId) -> Option<GroupView> {
        let held = self.held.lock();
        held.directory.groups.get(id).map(|row| held.directory.group_view(row))
    }
}
