//! `bulkhead version`.

use serde_json::json;

use super::Place;
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "Examples:
  bulkhead version
  bulkhead version --json";

/// The version of this binary
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(place: &Place, _: &Args) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if place.screen.json() {
        place.screen.value(&json!({ "name": "bulkhead", "version": version }))?;
    } else {
        place.screen.line(&format!("bulkhead {version}"))?;
    }
    Ok(Exit::Done)
}
