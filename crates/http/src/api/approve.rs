//! `POST /api/v1/approvals/{id}/approve`: a person says yes to exactly what they saw.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::{ApprovalView, Choice, Risk};
use vocab::{Digest, PersonId};

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Yes {
    /// The digest of what the person saw.
    digest: Digest,
    /// Who the page that asks takes the person for.
    person: Option<PersonId>,
    /// Whether exactly the same may happen again for an hour, too.
    #[serde(default)]
    pattern: bool,
}

pub(crate) async fn approve(
    State(api): Shared,
    who: Who,
    Path(approval): Path<String>,
    Body(yes): Body<Yes>,
) -> Answer<ApprovalView> {
    let approval = id(&approval)?;
    let choice = if yes.pattern { Choice::Repeat } else { Choice::Approve };
    let person = who.person_taken_for(yes.person.as_ref())?;
    if api.gateway.approval_risk(person, &approval)? == Risk::High {
        who.confirmed()?;
    }
    Ok(Json(api.gateway.decide(person, &approval, choice, Some(yes.digest)).await?))
}
