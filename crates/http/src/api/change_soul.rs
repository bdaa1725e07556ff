//! `PUT /api/v1/agents/{name}/soul`: writes an agent's SOUL.md anew, if it compiles and nobody else changed it.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use turn::{Changed, Diagnostic};
use vocab::Digest;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    text: String,
    /// The version that it was made from.
    version: Digest,
}

pub(crate) async fn change_soul(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
    Body(change): Body<Change>,
) -> Answer<Value> {
    became(api.gateway.change_soul(&person, &id(&name)?, change.text, change.version).await?)
}

/// What is answered to who changed a SOUL.md.
pub(crate) fn became(changed: Changed) -> Answer<Value> {
    match changed {
        Changed::Written(version) => Ok(Json(json!({ "version": version }))),
        Changed::Wrong(report) => {
            let detail =
                format!("this SOUL.md does not compile, and nothing was written: {}", first(&report.errors));
            let mut problem = Problem::new(ProblemKind::Invalid, detail);
            problem.errors = report.errors.iter().map(|error| json!(error)).collect();
            Err(problem)
        }
    }
}

fn first(errors: &[Diagnostic]) -> String {
    errors.first().map_or_else(String::new, |error| format!("line {}: {}", error.line, error.message))
}
