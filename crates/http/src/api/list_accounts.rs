//! `GET /api/v1/accounts[?after=&limit=]`: whom the organisation's directory names here; for administrators.

use axum::Json;
use axum::extract::State;
use people::AccountView;
use turn::{Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_accounts(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Page<AccountView>> {
    api.gateway.administrator(&person, "see the organisation's directory")?;
    Ok(Json(Page::of(api.people.accounts(), &wanted, |account| Place::named(account.id.as_str()))))
}
