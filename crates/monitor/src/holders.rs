//! Who may do something with one resource by the settings, for people: the groups that have it, each with its members.
//!
//! It reads the same rights that `policy/rights.rs` compiles, as `grants.rs` does. A guardrail may still forbid what is told here.

use std::collections::BTreeSet;

use vocab::{Group, Person, PersonId, Resource, Verb};

use crate::grants::Members;
use crate::monitor::Monitor;
use crate::policy::rights::ALL;
use crate::policy::words::{folders_above, names_above};
use crate::resolve::path::is_within;

impl Monitor {
    /// The groups whose rights cover `verb` upon `resource`, by name, each with its members. Nobody has a right to what no
    /// list of `[[group]]` names: replies, model calls and skills are told of by none.
    #[must_use]
    pub fn holders(&self, verb: Verb, resource: &Resource) -> Vec<Members> {
        let groups = self.house.groups.values().filter(|group| self.covers(group, verb, resource));
        let mut found: Vec<Members> = groups.map(|group| self.members(group)).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// The groups that have a right to read one of these paths or anything beneath them, by name, each with its members: who
    /// can have before them what a program writes that may write there.
    #[must_use]
    pub fn readers_beneath<'p>(&self, roots: impl IntoIterator<Item = &'p str>) -> Vec<Members> {
        let roots: Vec<&str> = roots.into_iter().collect();
        let reads = |group: &&Group| roots.iter().any(|root| self.reads_beneath(group, root));
        let mut found: Vec<Members> =
            self.house.groups.values().filter(reads).map(|group| self.members(group)).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    fn reads_beneath(&self, group: &Group, root: &str) -> bool {
        let words = &self.house.words;
        let rights = &group.rights;
        // `*` stands for the workspace of each agent that there is or will be.
        let lies_in = |agent: &String| {
            let workspace = words.workspace(agent);
            let mut over = folders_above(&workspace);
            is_within(&workspace, root)
                || agent == ALL
                    && over.nth(1).is_some_and(|agents| folders_above(root).next() == Some(agents))
        };
        self.covers(group, Verb::FileRead, &Resource::Path(root.to_owned()))
            || rights.read.iter().any(|path| is_within(path, root))
            || rights.agents.iter().any(lies_in)
    }

    /// Whether a group of this person's has a right to `verb` upon `resource`, by the settings as they are now.
    #[must_use]
    pub fn holds(&self, person: &Person, verb: Verb, resource: &Resource) -> bool {
        self.groups_of(person).any(|group| self.covers(group, verb, resource))
    }

    fn covers(&self, group: &Group, verb: Verb, resource: &Resource) -> bool {
        let rights = &group.rights;
        let list = match verb {
            Verb::FileRead => &rights.read,
            Verb::FileWrite => &rights.write,
            Verb::WebGet => &rights.hosts,
            Verb::MessagePost => &rights.channels,
            Verb::CommandRun => &rights.commands,
            Verb::TableRead => &rights.tables,
            Verb::DocumentsSearch | Verb::DocumentsRead => &rights.collections,
            Verb::ModelCall => &rights.models,
            Verb::Reply | Verb::ReplyPart | Verb::SkillCall => return false,
        };
        let above = names_above(resource);
        let named = |name: &String| {
            name == ALL || name == resource.name() || above.iter().any(|over| over.as_ref() == name)
        };
        list.iter().any(named) || self.by_workspace(group, verb, resource)
    }

    /// Whoever may ask an agent may read and write its workspace.
    fn by_workspace(&self, group: &Group, verb: Verb, resource: &Resource) -> bool {
        let (Verb::FileRead | Verb::FileWrite, Resource::Path(path)) = (verb, resource) else { return false };
        let Some(agent) = self.house.words.workspace_of(path) else { return false };
        group.rights.agents.iter().any(|name| name == ALL || name == agent)
    }

    fn members(&self, group: &Group) -> Members {
        let of = |person: &&Person| person.groups.contains(&group.name);
        let people = self.house.people.values().map(|known| &known.person).filter(of);
        let people: BTreeSet<PersonId> = people.map(|person| person.id.clone()).collect();
        Members { name: group.name.clone(), people: people.into_iter().collect() }
    }
}
