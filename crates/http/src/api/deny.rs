//! `POST /api/v1/approvals/{id}/deny`: a person says no.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::{ApprovalView, Choice};
use vocab::{Digest, PersonId};

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct No {
    /// Why, for the one who asked and for the record.
    #[serde(default)]
    reason: String,
    /// The digest of what the person saw, where the page that asks has it.
    digest: Option<Digest>,
    /// Who the page that asks takes the person for.
    person: Option<PersonId>,
}

pub(crate) async fn deny(
    State(api): Shared,
    who: Who,
    Path(approval): Path<String>,
    Body(no): Body<No>,
) -> Answer<ApprovalView> {
    let approval = id(&approval)?;
    let person = who.person_taken_for(no.person.as_ref())?;
    let choice = Choice::Deny { reason: no.reason };
    Ok(Json(api.gateway.decide(person, &approval, choice, no.digest).await?))
}
