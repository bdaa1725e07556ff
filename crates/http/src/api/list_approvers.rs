//! `GET /api/v1/approvers[?after=&limit=]`: how much those who approve decide and how long they look; of everybody for
//! administrators, else of the one who asks.

use axum::Json;
use axum::extract::State;
use turn::{Approvers, Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_approvers(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Approvers> {
    let budgets = api.gateway.budgets(&person).await?;
    let people = Page::of(budgets.people, &wanted, |one| Place::named(one.person.as_str()));
    Ok(Json(Approvers { thresholds: budgets.thresholds, whole: budgets.whole, people }))
}
