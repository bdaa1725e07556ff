//! `/scim/v2/Users`: accounts. A name, an id of the directory's and whether its person may come in; whatever else is sent is not kept.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use people::{AccountView, NewAccount, Wish};
use serde_json::{Map, Value, json};
use vocab::{DirectoryId, PersonId};

use super::about::{Attribute, Told, reference};
use super::filter::{Which, listed};
use super::patch::{Op, Step, steps};
use super::{Answer, By, Fault, Scim, Sent, field, place, provisions, text, yes};
use crate::Api;

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

pub(super) async fn list(State(api): State<Arc<Api>>, Query(which): Query<Which>) -> Answer {
    let equals = which.equals(&["userName", "externalId", "id"])?;
    let (skip, most) = which.page();
    let fits = |id: &DirectoryId, person: &PersonId, external: Option<&str>| {
        equals.as_ref().is_none_or(|equals| match equals.name.as_str() {
            "username" => name(&api, person).eq_ignore_ascii_case(&equals.value),
            "externalid" => external == Some(equals.value.as_str()),
            _ => id.as_str() == equals.value,
        })
    };
    let (total, found) = api.people.accounts_where(fits, skip, most);
    Ok(listed(total, skip.saturating_add(1), found.iter().map(|view| which.pick(user(&api, view))).collect()))
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer {
    let view = one(&api, &id)?;
    Ok(Scim(StatusCode::OK, which.pick(user(&api, &view))))
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Sent(sent): Sent,
) -> Answer {
    let person = person(&api, &sent)?;
    let active = field(&sent, "active").map_or(Ok(true), |active| yes("active", active))?;
    let new = NewAccount { person, external: text(&sent, "externalId")?, shown: shown(&sent)?, active };
    let view = api.people.add_account(new, &by.id, |id| (api.house.local)(id)).await?;
    Ok(Scim(StatusCode::CREATED, user(&api, &view)))
}

pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Extension(by): Extension<By>,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Answer {
    let view = one(&api, &id)?;
    same_name(&api, &view, &sent)?;
    let active = field(&sent, "active").map_or(Ok(true), |active| yes("active", active))?;
    let wish =
        Wish { external: Some(text(&sent, "externalId")?), shown: Some(shown(&sent)?), active: Some(active) };
    change(&api, &by, &view, wish).await
}

pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    Extension(by): Extension<By>,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Answer {
    let view = one(&api, &id)?;
    let mut wish = Wish::default();
    for step in steps(&sent)? {
        wished(&api, &view, &mut wish, step)?;
    }
    change(&api, &by, &view, wish).await
}

pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let view = one(&api, &id)?;
    let whose = api.people.remove_account(&view.id, &by.id).await?;
    api.left(&by, &whose).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn change(api: &Api, By(by): &By, view: &AccountView, wish: Wish) -> Answer {
    let changed = api.people.change_account(&view.id, wish, &by.id).await?;
    if view.active && !changed.active {
        api.left(by, &changed.person).await;
    }
    Ok(Scim(StatusCode::OK, user(api, &changed)))
}

fn wished(api: &Api, view: &AccountView, wish: &mut Wish, step: Step) -> Result<(), Fault> {
    let words = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        _ => Err(Fault::invalid("invalidValue", format!("`{}` is a text", step.name))),
    };
    match (step.name.as_str(), step.op) {
        ("active", Op::Remove) | ("username", Op::Remove) => {
            return Err(Fault::invalid("mutability", format!("`{}` cannot be removed", step.name)));
        }
        ("active", _) => wish.active = Some(yes("active", &step.value)?),
        ("username", _) => {
            let sent = Map::from_iter([("userName".to_owned(), step.value)]);
            same_name(api, view, &sent)?;
        }
        ("externalid", _) => wish.external = Some(words(&step.value)?),
        ("displayname", _) => wish.shown = Some(words(&step.value)?),
        // Nothing else is kept, and nobody has to know that.
        _ => {}
    }
    Ok(())
}

/// A name stays: whoever has another one is somebody else on the record.
fn same_name(api: &Api, view: &AccountView, sent: &Map<String, Value>) -> Result<(), Fault> {
    if person(api, sent)? == view.person {
        return Ok(());
    }
    let message =
        format!("the name of `{}` cannot be changed: delete this account and make another", view.person);
    Err(Fault::invalid("mutability", message))
}

/// The person of a `userName`.
fn person(api: &Api, sent: &Map<String, Value>) -> Result<PersonId, Fault> {
    let wrong = |why: String| {
        Fault::invalid("invalidValue", format!("`userName` names nobody that can be here: {why}"))
    };
    let given =
        text(sent, "userName")?.ok_or_else(|| wrong("there is none".to_owned()))?.to_ascii_lowercase();
    let bare = match provisions(api).domain {
        Some(domain) => {
            let bare =
                given.strip_suffix(&domain.to_ascii_lowercase()).and_then(|bare| bare.strip_suffix('@'));
            bare.ok_or_else(|| wrong(format!("it does not end in `@{domain}`")))?.to_owned()
        }
        None => given,
    };
    PersonId::new(&bare).map_err(|error| wrong(error.to_string()))
}

fn name(api: &Api, person: &PersonId) -> String {
    provisions(api).domain.map_or_else(|| person.to_string(), |domain| format!("{person}@{domain}"))
}

fn shown(sent: &Map<String, Value>) -> Result<Option<String>, Fault> {
    if let Some(shown) = text(sent, "displayName")? {
        return Ok(Some(shown));
    }
    match field(sent, "name") {
        Some(Value::Object(name)) => text(name, "formatted"),
        _ => Ok(None),
    }
}

fn one(api: &Api, id: &str) -> Result<AccountView, Fault> {
    let found = DirectoryId::new(id).ok().and_then(|id| api.people.account(&id));
    found.ok_or_else(|| Fault::new(StatusCode::NOT_FOUND, "there is no such user"))
}

/// What is kept of a user, and what a name to show is made of.
pub(super) fn attributes() -> Vec<Value> {
    let text = |name, description, mutability, told| Attribute {
        name,
        kind: "string",
        description,
        mutability,
        told,
    };
    let formatted = text("formatted", "Shown where there is no `displayName`", "writeOnly", HIDDEN);
    let value =
        text("value", "The id of the group", "readOnly", Told { case_exact: true, ..Told::default() });
    let display = text("display", "What the group is called", "readOnly", Told::default());
    let name = Told { required: true, unique: true, ..Told::default() };
    vec![
        text(
            "userName",
            "Whose account it is; somebody with another name is somebody else",
            "immutable",
            name,
        )
        .described(Vec::new()),
        text(
            "displayName",
            "What people call them",
            "readWrite",
            Told { case_exact: true, ..Told::default() },
        )
        .described(Vec::new()),
        Attribute {
            name: "name",
            kind: "complex",
            description: "Parts of a name",
            mutability: "writeOnly",
            told: HIDDEN,
        }
        .described(vec![formatted.described(Vec::new())]),
        Attribute {
            name: "active",
            kind: "boolean",
            description: "Whether they may come in; without, they lose all that they have here",
            mutability: "readWrite",
            told: Told::default(),
        }
        .described(Vec::new()),
        Attribute {
            name: "groups",
            kind: "complex",
            description: "The groups that they are in",
            mutability: "readOnly",
            told: Told { many: true, ..Told::default() },
        }
        .described(vec![
            value.described(Vec::new()),
            display.described(Vec::new()),
            reference("Group"),
        ]),
    ]
}

const HIDDEN: Told = Told { many: false, required: false, case_exact: true, unique: false, hidden: true };

fn user(api: &Api, view: &AccountView) -> Value {
    let groups: Vec<Value> = view
        .groups
        .iter()
        .map(|(id, name)| json!({ "value": id, "display": name, "$ref": place(api, "Groups", id.as_str()) }))
        .collect();
    let mut user = json!({
        "schemas": [SCHEMA], "id": view.id, "userName": name(api, &view.person), "active": view.active, "groups": groups,
        "meta": {
            "resourceType": "User", "created": view.created, "lastModified": view.modified,
            "location": place(api, "Users", view.id.as_str()),
        },
    });
    if let Some(fields) = user.as_object_mut() {
        fields.extend(view.external.clone().map(|external| ("externalId".to_owned(), external.into())));
        fields.extend(view.shown.clone().map(|shown| ("displayName".to_owned(), shown.into())));
    }
    user
}
