//! Records with their content. It is read through the gateway alone, which knows who may and records the look.

use journal::read;
use serde_json::{Value, json};
use turn::{Found, Look};

use super::which::Which;
use super::{Place, shown};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::say;

/// Prints one record with its content.
///
/// # Errors
/// When this person may not read it, or no gateway runs.
pub(super) fn show(place: &Place, seq: u64) -> Result<Exit, Failure> {
    place.ask(async |client| {
        let looks: Vec<Look> = client.post("content", &json!({ "records": [seq] })).await?;
        let look = looks.into_iter().next();
        let look = look.ok_or_else(|| Failure::internal(format!("the gateway left record {seq} out")))?;
        shown::fields(place.screen, seq, &whole(look)?)?;
        Ok(Exit::Done)
    })
}

/// Prints the records that fit and whose content this person may read, each with it. With a text it is searched for in
/// the content.
///
/// # Errors
/// When no gateway runs, or the record cannot be read.
pub(super) fn query(place: &Place, which: &Which) -> Result<Exit, Failure> {
    place.ask(async |client| {
        let (mut wanted, mut left) = which.wanted();
        let (mut hidden, mut end) = (0_u64, None);
        while left > 0 {
            let found = part(&client, &mut wanted, left).await?;
            // Each look is a record itself, so that without an end there would always be one more.
            let end = *end.get_or_insert(found.end);
            hidden = hidden.saturating_add(found.hidden);
            left = left.saturating_sub(found.looks.len() as u64);
            for look in found.looks.into_iter().filter(|look| look.seq <= end) {
                print(place, look)?;
            }
            let Some(after) = found.after.filter(|after| *after < end) else { break };
            put(&mut wanted, "after", after);
        }
        if hidden > 0 {
            say(&format!("{hidden} records were left out, whose content is not yours to read"));
        }
        Ok(Exit::Done)
    })
}

async fn part(client: &Client, wanted: &mut Value, left: u64) -> Result<Found, Failure> {
    put(wanted, "limit", left.min(turn::MAX_FOUND as u64));
    client.post("content/search", wanted).await
}

fn put(wanted: &mut Value, name: &str, value: u64) {
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.insert(name.to_owned(), value.into());
    }
}

fn print(place: &Place, look: Look) -> Result<(), Failure> {
    if place.screen.json() {
        return place.screen.value(&whole(look)?);
    }
    if let Some(record) = &look.record {
        shown::line(place.screen, record)?;
    }
    if look.content.is_null() { Ok(()) } else { shown::beneath(place.screen, &look.content) }
}

/// The record with its content, as JSON.
fn whole(look: Look) -> Result<Value, Failure> {
    let seq = look.seq;
    let record =
        look.record.ok_or_else(|| Failure::internal(format!("the gateway left record {seq} out")))?;
    read::whole(&record, look.content)
        .map_err(|error| Failure::internal(format!("record {seq} has no JSON form: {error}")))
}
