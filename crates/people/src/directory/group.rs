//! How groups of the directory come, change and go. Each is a name and who is in it; what that is worth, the settings say.

use std::collections::BTreeSet;

use journal::{Change, Draft, Event, Facts, Kind};
use vocab::{DirectoryId, PersonId};

use super::GroupView;
use super::change::bounded;
use super::rows::{GROUP, GroupRow};
use crate::bounds::{MAX_ACCOUNT_GROUPS, MAX_ACCOUNTS};
use crate::no::{No, NoKind};
use crate::store::{People, put};

/// A group that a program wants made, or what it is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// What the provider calls it.
    pub name: String,
    /// What it is called there beside that.
    pub external: Option<String>,
    /// The accounts that are in it.
    pub members: BTreeSet<DirectoryId>,
}

impl People {
    /// Puts a group in.
    ///
    /// # Errors
    /// When there is one of that name, there are too many, one of its members is none, or it cannot be recorded.
    pub async fn add_group(&self, new: NewGroup, by: &PersonId) -> Result<GroupView, No> {
        let changing = self.changing.lock().await;
        if self.held.lock().directory.groups.len() >= MAX_ACCOUNT_GROUPS {
            let message =
                format!("there are {MAX_ACCOUNT_GROUPS} groups already: delete some that are not used");
            return Err(No::new(NoKind::Conflict, message));
        }
        let now = self.now();
        let row = GroupRow {
            id: DirectoryId::from_random(self.ambient.random()),
            name: new.name,
            external: new.external,
            members: new.members,
            created: now,
            modified: now,
        };
        let view = self.put_group(Event::AccountGroupAdded, row, by).await?;
        drop(changing);
        Ok(view)
    }

    /// Puts another in its place. `change` is told what it is, and says what it is to be; nobody else changes it meanwhile.
    ///
    /// # Errors
    /// When there is no such group, what `change` says does not fit or is an error, or it cannot be recorded.
    pub async fn change_group(
        &self,
        id: &DirectoryId,
        by: &PersonId,
        change: impl FnOnce(NewGroup) -> Result<NewGroup, No>,
    ) -> Result<GroupView, No> {
        let changing = self.changing.lock().await;
        let mut row = self.group_row(id)?;
        let now = NewGroup { name: row.name, external: row.external, members: row.members };
        let NewGroup { name, external, members } = change(now)?;
        (row.name, row.external, row.members, row.modified) = (name, external, members, self.now());
        let view = self.put_group(Event::AccountGroupChanged, row, by).await?;
        drop(changing);
        Ok(view)
    }

    /// Takes a group away. Its members stay, without what it was worth to them.
    ///
    /// # Errors
    /// When there is no such group or it cannot be recorded.
    pub async fn remove_group(&self, id: &DirectoryId, by: &PersonId) -> Result<(), No> {
        let changing = self.changing.lock().await;
        let row = self.group_row(id)?;
        let draft = about(Event::AccountGroupRemoved, &row, by);
        self.commit(vec![draft], vec![Change::delete(GROUP, id.as_str())]).await?;
        let mut held = self.held.lock();
        held.directory.version = held.directory.version.wrapping_add(1);
        held.directory.groups.remove(id);
        drop(held);
        drop(changing);
        Ok(())
    }

    fn group_row(&self, id: &DirectoryId) -> Result<GroupRow, No> {
        let found = self.held.lock().directory.groups.get(id).cloned();
        found.ok_or_else(|| No::new(NoKind::NotFound, format!("there is no group `{id}`")))
    }

    async fn put_group(&self, event: Event, row: GroupRow, by: &PersonId) -> Result<GroupView, No> {
        bounded(Some(&row.name))?;
        bounded(row.external.as_deref())?;
        {
            let held = self.held.lock();
            let all = &held.directory;
            if all.groups.values().any(|other| other.name == row.name && other.id != row.id) {
                let message = format!("there is a group `{}` already", row.name);
                return Err(No::new(NoKind::Conflict, message));
            }
            if row.members.len() > MAX_ACCOUNTS {
                return Err(No::new(NoKind::Invalid, format!("a group has at most {MAX_ACCOUNTS} members")));
            }
            if let Some(nobody) = row.members.iter().find(|id| !all.accounts.contains_key(*id)) {
                return Err(No::new(NoKind::Invalid, format!("there is no account `{nobody}`")));
            }
        }
        self.commit(vec![about(event, &row, by)], vec![put(GROUP, row.id.as_str(), &row)?]).await?;
        let mut held = self.held.lock();
        held.directory.version = held.directory.version.wrapping_add(1);
        let view = held.directory.group_view(&row);
        held.directory.groups.insert(row.id.clone(), row);
        drop(held);
        Ok(view)
    }
}

fn about(event: Event, row: &GroupRow, by: &PersonId) -> Draft {
    let members = u64::try_from(row.members.len()).unwrap_or(u64::MAX);
    let facts = Facts::new()
        .with("account_group", row.id.as_str())
        .with("group", row.name.as_str())
        .with("members", members)
        .with("by", by.as_str());
    Draft::of_event(Kind::Admin, event, facts)
}
