//! `/scim/v2/Groups`: names, and who is in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use people::{GroupView, NewGroup, No};
use serde_json::{Map, Value, json};
use vocab::DirectoryId;

use super::about::{Attribute, Told, reference};
use super::filter::{Which, listed};
use super::patch::{Op, Step, steps};
use super::{Answer, By, Fault, Scim, Sent, field, place, text};
use crate::Api;

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

pub(super) async fn list(State(api): State<Arc<Api>>, Query(which): Query<Which>) -> Answer {
    let equals = which.equals(&["displayName", "externalId", "id"])?;
    let (skip, most) = which.page();
    let fits = |group: &GroupView| {
        equals.as_ref().is_none_or(|equals| match equals.name.as_str() {
            "displayname" => group.name.eq_ignore_ascii_case(&equals.value),
            "externalid" => group.external.as_deref() == Some(equals.value.as_str()),
            _ => group.id.as_str() == equals.value,
        })
    };
    let all: Vec<GroupView> = api.people.groups().into_iter().filter(fits).collect();
    let page =
        all.iter().skip(skip).take(most).map(|view| which.pick(group(&api, view, !which.leaves_members())));
    Ok(listed(all.len(), skip.saturating_add(1), page.collect()))
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer {
    let id = one(&id)?;
    let view = api.people.group(&id).ok_or_else(none)?;
    Ok(Scim(StatusCode::OK, which.pick(group(&api, &view, !which.leaves_members()))))
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Sent(sent): Sent,
) -> Answer {
    let view = api.people.add_group(wanted(&sent)?, &by.id).await?;
    Ok(Scim(StatusCode::CREATED, group(&api, &view, true)))
}

pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Answer {
    let wanted = wanted(&sent)?;
    let view = api.people.change_group(&one(&id)?, &by.id, |_| Ok(wanted)).await?;
    Ok(Scim(StatusCode::OK, group(&api, &view, true)))
}

pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Answer {
    let mut acts = Vec::new();
    for step in steps(&sent)? {
        acts.push(act(step)?);
    }
    let change = |mut group: NewGroup| -> Result<NewGroup, No> {
        acts.into_iter().for_each(|act| act(&mut group));
        Ok(group)
    };
    let view = api.people.change_group(&one(&id)?, &by.id, change).await?;
    Ok(Scim(StatusCode::OK, group(&api, &view, true)))
}

pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Extension(By(by)): Extension<By>,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    api.people.remove_group(&one(&id)?, &by.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

type Act = Box<dyn FnOnce(&mut NewGroup) + Send>;

/// What a step does to a group.
fn act(step: Step) -> Result<Act, Fault> {
    Ok(match (step.name.as_str(), step.op) {
        ("members", op) if step.picked.is_some() => {
            match (op, step.picked.as_deref().map(DirectoryId::new)) {
                (Op::Remove, Some(Ok(id))) => Box::new(move |group| group.members.retain(|one| *one != id)),
                // A list put in the place of one member would be taken for the list of all.
                _ => {
                    return Err(Fault::invalid(
                        "invalidPath",
                        "of the members, only `members[value eq \"ID\"]` can be picked, and only to be removed",
                    ));
                }
            }
        }
        ("members", Op::Remove) => match &step.value {
            Value::Null => Box::new(|group| group.members.clear()),
            value => {
                let those = members(value)?;
                Box::new(move |group| group.members.retain(|id| !those.contains(id)))
            }
        },
        ("members", op) => {
            let those = members(&step.value)?;
            Box::new(move |group| {
                if op == Op::Replace {
                    group.members.clear();
                }
                group.members.extend(those);
            })
        }
        ("displayname", Op::Add | Op::Replace) => match step.value {
            Value::String(name) => Box::new(move |group| group.name = name),
            _ => return Err(Fault::invalid("invalidValue", "`displayName` is a text")),
        },
        ("externalid", Op::Add | Op::Replace) => match step.value {
            Value::String(external) => Box::new(move |group| group.external = Some(external)),
            _ => return Err(Fault::invalid("invalidValue", "`externalId` is a text")),
        },
        ("displayname", Op::Remove) => {
            return Err(Fault::invalid("mutability", "`displayName` cannot be removed"));
        }
        ("externalid", Op::Remove) => Box::new(|group| group.external = None),
        _ => Box::new(|_| ()),
    })
}

fn wanted(sent: &Map<String, Value>) -> Result<NewGroup, Fault> {
    let name = text(sent, "displayName")?
        .ok_or_else(|| Fault::invalid("invalidValue", "a group has a `displayName`"))?;
    let members = field(sent, "members").map_or_else(|| Ok(BTreeSet::new()), members)?;
    Ok(NewGroup { name, external: text(sent, "externalId")?, members })
}

/// The ids of members: a list of objects with `value`, or one.
fn members(value: &Value) -> Result<BTreeSet<DirectoryId>, Fault> {
    let wrong = || {
        Fault::invalid(
            "invalidValue",
            "`members` is a list of objects, each with the id of a user as `value`",
        )
    };
    let id = |one: &Value| {
        let id = one.get("value").and_then(Value::as_str).and_then(|id| DirectoryId::new(id).ok());
        id.ok_or_else(wrong)
    };
    match value {
        Value::Array(all) => all.iter().map(id).collect(),
        Value::Object(_) => Ok([id(value)?].into()),
        _ => Err(wrong()),
    }
}

fn none() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "there is no such group")
}

fn one(id: &str) -> Result<DirectoryId, Fault> {
    DirectoryId::new(id).map_err(|_| none())
}

/// What is kept of a group.
pub(super) fn attributes() -> Vec<Value> {
    let text = |name, description, mutability, told| {
        Attribute { name, kind: "string", description, mutability, told }.described(Vec::new())
    };
    let exact = Told { case_exact: true, ..Told::default() };
    let parts = vec![
        text("value", "The id of a user who is there already", "immutable", Told { required: true, ..exact }),
        text("display", "Who that is", "readOnly", exact),
        text("type", "`User`: no group is in another", "readOnly", exact),
        reference("User"),
    ];
    let name = Told { required: true, unique: true, ..exact };
    vec![
        text(
            "displayName",
            "What it is called; `[[directory]]` of bulkhead.toml says what that is worth",
            "readWrite",
            name,
        ),
        Attribute {
            name: "members",
            kind: "complex",
            description: "Who is in it",
            mutability: "readWrite",
            told: Told { many: true, ..Told::default() },
        }
        .described(parts),
    ]
}

fn group(api: &Api, view: &GroupView, with_members: bool) -> Value {
    let mut group = json!({
        "schemas": [SCHEMA], "id": view.id, "displayName": view.name,
        "meta": {
            "resourceType": "Group", "created": view.created, "lastModified": view.modified,
            "location": place(api, "Groups", view.id.as_str()),
        },
    });
    if let Some(fields) = group.as_object_mut() {
        fields.extend(view.external.clone().map(|external| ("externalId".to_owned(), external.into())));
        if with_members {
            let member = |(id, person): (&DirectoryId, &vocab::PersonId)| json!({ "value": id, "display": person, "type": "User", "$ref": place(api, "Users", id.as_str()) });
            fields.insert("members".into(), view.members.iter().map(member).collect());
        }
    }
    group
}
