//! `POST /api/v1/shutdown`: ends every agent, then the gateway.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{KillReport, Pending};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    pending: Waiting,
}

/// What becomes of actions that wait for a person.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Waiting {
    Cancel,
    Keep,
}

pub(crate) async fn shutdown(
    State(api): Shared,
    Caller(person): Caller,
    Body(stop): Body<Stop>,
) -> Answer<KillReport> {
    api.gateway.administrator(&person, "stop the gateway")?;
    let pending = match stop.pending {
        Waiting::Cancel => Pending::Cancel,
        Waiting::Keep => Pending::Keep,
    };
    let report = api.gateway.shutdown(Some(&person), pending).await;
    // Whatever could not be recorded: everything has been stopped, and so must the process be.
    api.stop.cancel();
    Ok(Json(report?))
}
