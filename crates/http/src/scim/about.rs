//! What is there of SCIM: RFC 7643, sections 5 and 6.

use axum::http::StatusCode;
use serde_json::json;

use super::filter::MAX_RESULTS;
use super::{Answer, Scim, groups, users};
use crate::bounds::MAX_SCIM_BYTES;

pub(super) async fn config() -> Answer {
    let not = json!({ "supported": false });
    Ok(Scim(
        StatusCode::OK,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": MAX_SCIM_BYTES },
            "filter": { "supported": true, "maxResults": MAX_RESULTS },
            "changePassword": not, "sort": not, "etag": not,
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "API token",
                "description": "A token of the scope `scim`, made by an administrator.",
            }],
        }),
    ))
}

pub(super) async fn types() -> Answer {
    let kind = |name: &str, endpoint: &str, schema: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name, "name": name, "endpoint": endpoint, "schema": schema,
        })
    };
    let all = vec![kind("User", "/Users", users::SCHEMA), kind("Group", "/Groups", groups::SCHEMA)];
    Ok(super::filter::listed(all.len(), 1, all))
}
