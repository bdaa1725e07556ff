//! `GET /api/v1/people[?after=&limit=]`: everybody whom the settings name, and with what they come in; for administrators.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use turn::{Page, Place, Portion};
use vocab::{Labels, PersonId};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

/// A person as administrators are shown them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Who.
    pub id: PersonId,
    /// Their groups.
    pub groups: Vec<String>,
    /// The roles that `[[role]]` gives them, by name.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether they may stop and resume agents.
    pub administrator: bool,
    /// What data they may see.
    pub clearance: Labels,
    /// How many sign-ins of theirs are good.
    pub sign_ins: usize,
    /// How many API tokens of theirs are good.
    pub tokens: usize,
    /// How many passkeys they have.
    pub passkeys: usize,
    /// Whether they have set a password.
    pub password: bool,
}

pub(crate) async fn list_people(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Page<PersonView>> {
    let everybody = api.gateway.people(&person)?;
    let page = Page::of(everybody, &wanted, |person| Place::named(person.id.as_str()));
    let with_password = api.people.with_password()?;
    let view = |person: vocab::Person| PersonView {
        roles: api.gateway.roles(&person),
        sign_ins: api.people.sign_ins(&person.id, None).len(),
        tokens: api.people.tokens(&person.id).len(),
        passkeys: api.people.passkeys(&person.id).len(),
        password: with_password.contains(&person.id),
        id: person.id,
        groups: person.groups,
        administrator: person.administrator,
        clearance: person.clearance,
    };
    Ok(Json(Page { items: page.items.into_iter().map(view).collect(), after: page.after }))
}
