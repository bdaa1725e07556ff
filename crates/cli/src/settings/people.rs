//! `[[person]]`, `[[group]]` and `solo`: who may ask for what.

use toml::Spanned;
use vocab::{Group, Person, PersonId};

use super::Settings;

impl Settings {
    /// Who of the settings is the operating-system user `uid`.
    pub(crate) fn person_of(&self, uid: u32) -> Option<PersonId> {
        let name = bulkhead_http::os_user(uid).ok()?;
        let mut people = self.person.iter().map(Spanned::get_ref);
        people.find(|person| person.os_user.as_ref() == Some(&name)).map(|person| person.id.clone())
    }
}

/// The first entry that does not fit the others, with its place in the text.
pub(super) fn fault(
    people: &[Spanned<Person>],
    groups: &[Spanned<Group>],
    solo: Option<&Spanned<PersonId>>,
) -> Option<(usize, String)> {
    person_fault(people, groups).or_else(|| group_fault(groups)).or_else(|| solo_fault(people, solo))
}

fn person_fault(people: &[Spanned<Person>], groups: &[Spanned<Group>]) -> Option<(usize, String)> {
    people.iter().enumerate().find_map(|(nth, spanned)| {
        let person = spanned.get_ref();
        let mut earlier = people.iter().take(nth).map(Spanned::get_ref);
        let unknown =
            person.groups.iter().find(|name| groups.iter().all(|group| group.get_ref().name != **name));
        let message = if let Some(group) = unknown {
            format!("`{}` is in the group `{group}`, and there is no `[[group]]` of that name", person.id)
        } else if earlier.clone().any(|other| other.id == person.id) {
            format!("the person `{}` is in the settings twice; remove one", person.id)
        } else {
            let other = earlier.find(|other| other.os_user.is_some() && other.os_user == person.os_user)?;
            format!(
                "`{}` and `{}` are the same operating-system user; give `os-user` to one",
                other.id, person.id
            )
        };
        Some((spanned.span().start, message))
    })
}

fn group_fault(groups: &[Spanned<Group>]) -> Option<(usize, String)> {
    groups.iter().enumerate().find_map(|(nth, spanned)| {
        let name = &spanned.get_ref().name;
        let twice = groups.iter().take(nth).any(|other| other.get_ref().name == *name);
        let message = format!("the group `{name}` is in the settings twice; put its rights into one");
        twice.then(|| (spanned.span().start, message))
    })
}

fn solo_fault(people: &[Spanned<Person>], solo: Option<&Spanned<PersonId>>) -> Option<(usize, String)> {
    let solo = solo?;
    let fault = |message| Some((solo.span().start, message));
    if people.iter().all(|person| person.get_ref().id != *solo.get_ref()) {
        return fault(format!(
            "`solo` names `{}`, and there is no `[[person]]` with that id",
            solo.get_ref()
        ));
    }
    if people.len() > 1 {
        return fault("`solo` is for a home of one person: remove it, now that there are several".to_owned());
    }
    None
}
