//! What is there of SCIM: RFC 7643, sections 5 to 7, and RFC 7644, section 4.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::filter::{MAX_RESULTS, Which, listed};
use super::{Answer, Fault, Scim, groups, place, users};
use crate::Api;
use crate::bounds::MAX_SCIM_BYTES;

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

pub(super) async fn config(State(api): State<Arc<Api>>, Query(which): Query<Which>) -> Answer {
    unfiltered(&which)?;
    let not = json!({ "supported": false });
    let location = place(&api, "ServiceProviderConfig", "");
    Ok(Scim(
        StatusCode::OK,
        json!({
            "schemas": [CONFIG],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": MAX_SCIM_BYTES },
            "filter": { "supported": true, "maxResults": MAX_RESULTS },
            "changePassword": not, "sort": not, "etag": not,
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "API token", "primary": true,
                "description": "A token of the scope `scim`, made by an administrator.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
            }],
            "meta": { "resourceType": "ServiceProviderConfig", "location": location.trim_end_matches('/') },
        }),
    ))
}

pub(super) async fn types(State(api): State<Arc<Api>>, Query(which): Query<Which>) -> Answer {
    unfiltered(&which)?;
    let all = all_types(&api);
    Ok(listed(all.len(), 1, all))
}

pub(super) async fn one_type(
    State(api): State<Arc<Api>>,
    Query(which): Query<Which>,
    Path(id): Path<String>,
) -> Answer {
    unfiltered(&which)?;
    one_of(all_types(&api), &id, "resource type")
}

pub(super) async fn schemas(State(api): State<Arc<Api>>, Query(which): Query<Which>) -> Answer {
    unfiltered(&which)?;
    let all = all_schemas(&api);
    Ok(listed(all.len(), 1, all))
}

pub(super) async fn one_schema(
    State(api): State<Arc<Api>>,
    Query(which): Query<Which>,
    Path(id): Path<String>,
) -> Answer {
    unfiltered(&which)?;
    one_of(all_schemas(&api), &id, "schema")
}

/// Whoever filters here could take what is left out for what there is not: section 4 has it refused.
fn unfiltered(which: &Which) -> Result<(), Fault> {
    if which.filters() {
        return Err(Fault::new(StatusCode::FORBIDDEN, "what is said of the service is not filtered"));
    }
    Ok(())
}

fn one_of(all: Vec<Value>, id: &str, what: &str) -> Answer {
    let found = all.into_iter().find(|one| one.get("id").and_then(Value::as_str) == Some(id));
    let none = || Fault::new(StatusCode::NOT_FOUND, format!("there is no such {what}"));
    found.map(|one| Scim(StatusCode::OK, one)).ok_or_else(none)
}

fn all_types(api: &Api) -> Vec<Value> {
    let kind = |name: &str, endpoint: &str, schema: &str, description: &str| {
        json!({
            "schemas": [TYPE], "id": name, "name": name, "endpoint": endpoint, "schema": schema,
            "description": description, "schemaExtensions": [],
            "meta": { "resourceType": "ResourceType", "location": place(api, "ResourceTypes", name) },
        })
    };
    vec![
        kind("User", "/Users", users::SCHEMA, "An account, whose person may come in while it is active."),
        kind(
            "Group",
            "/Groups",
            groups::SCHEMA,
            "A name, and who is in it; what it is worth, the settings say.",
        ),
    ]
}

/// The attributes that are kept, or that something is made of; whatever else is sent is passed over.
fn all_schemas(api: &Api) -> Vec<Value> {
    let schema = |id: &str, name: &str, description: &str, attributes: Vec<Value>| {
        json!({
            "schemas": [SCHEMA], "id": id, "name": name, "description": description, "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": place(api, "Schemas", id) },
        })
    };
    vec![
        schema(users::SCHEMA, "User", "An account", users::attributes()),
        schema(groups::SCHEMA, "Group", "A group", groups::attributes()),
    ]
}

/// An attribute, as section 7 of RFC 7643 describes one.
pub(super) struct Attribute {
    /// What it is called.
    pub(super) name: &'static str,
    /// `string`, `boolean`, `complex` or `reference`.
    pub(super) kind: &'static str,
    /// What it is.
    pub(super) description: &'static str,
    /// Who sets it, and whether again.
    pub(super) mutability: &'static str,
    /// What is told of it.
    pub(super) told: Told,
}

/// The rest that a description of an attribute has.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// There are several values of it.
    pub(super) many: bool,
    /// Nothing is made without it.
    pub(super) required: bool,
    /// Capital letters count.
    pub(super) case_exact: bool,
    /// No two have the same.
    pub(super) unique: bool,
    /// No answer has it.
    pub(super) hidden: bool,
}

impl Attribute {
    /// The description, with those of what it consists of.
    pub(super) fn described(&self, parts: Vec<Value>) -> Value {
        let Told { many, required, case_exact, unique, hidden } = self.told;
        let mut described = json!({
            "name": self.name, "type": self.kind, "description": self.description, "mutability": self.mutability,
            "multiValued": many, "required": required, "caseExact": case_exact,
            "uniqueness": if unique { "server" } else { "none" },
            "returned": if hidden { "never" } else { "default" },
        });
        if let (Some(fields), false) = (described.as_object_mut(), parts.is_empty()) {
            fields.insert("subAttributes".into(), parts.into());
        }
        described
    }
}

/// Where a value that names another resource has it.
pub(super) fn reference(to: &'static str) -> Value {
    let told = Told { case_exact: true, ..Told::default() };
    let description = "Where that is";
    let mut described =
        Attribute { name: "$ref", kind: "reference", description, mutability: "readOnly", told }
            .described(Vec::new());
    if let Some(fields) = described.as_object_mut() {
        fields.insert("referenceTypes".into(), json!([to]));
    }
    described
}
