//! `bulkhead explain`: the Cedar policies that an agent runs under, whole.

use serde_json::json;

use super::Place;
use crate::failure::{Exit, Failure};
use crate::souls::{self, Rules};
use crate::terminal::{Keep, visible};

const EXAMPLES: &str = "Examples:
  bulkhead explain echo
  bulkhead explain echo --json";

/// The policies that an agent runs under, whole
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// An agent, a file or a folder
    #[arg(value_name = "NAME|PATH")]
    what: String,
}

pub(crate) fn run(place: &Place, args: &Args) -> Result<Exit, Failure> {
    let path = souls::find(&place.home, &args.what)?;
    let checked = Rules::of(&place.home)?.check(&path)?;
    let loaded = checked.compiled.map_err(|errors| {
        let first = errors
            .first()
            .map_or_else(String::new, |error| format!(" (line {}: {})", error.line, error.message));
        Failure::new(
            Exit::Found,
            format!(
                "`{}` is not valid{first}: `bulkhead check {}` says how to mend it",
                path.display(),
                args.what
            ),
        )
    })?;
    if place.screen.json() {
        let policies = monitor::explained(&loaded.compartment);
        place.screen.value(&json!({ "agent": loaded.charter.name, "path": path, "policies": policies }))?;
    } else {
        place.screen.line(visible(&monitor::explain(&loaded.compartment), Keep::Prose).trim_end())?;
    }
    Ok(Exit::Done)
}
