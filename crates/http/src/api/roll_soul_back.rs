//! `POST /api/v1/agents/{name}/soul/rollback`: writes the text of an earlier version anew, by the road of any other change.

use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;
use vocab::Digest;

use super::change_soul::became;
use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Back {
    /// Whose text is brought back.
    number: u64,
    /// The version that lies there now.
    version: Digest,
}

pub(crate) async fn roll_soul_back(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
    Body(back): Body<Back>,
) -> Answer<Value> {
    became(api.gateway.roll_soul_back(&person, &id(&name)?, back.number, back.version).await?)
}
