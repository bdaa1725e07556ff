//! `bulkhead init`: makes a home.

use rustix::process::geteuid;
use serde_json::json;
use vocab::PersonId;

use super::Place;
use crate::failure::{Exit, Failure};
use crate::init::{Administrator, make};
use crate::settings::Settings;
use crate::terminal::{Keep, visible};

const EXAMPLES: &str = "Examples:
  bulkhead init                    a home of one person in ~/.bulkhead
  bulkhead init --team             of several: nobody approves their own requests
  bulkhead --home /srv/bulkhead init

What is there already is left as it is; running it twice is harmless.";

/// Make a home: settings, guardrails, the first administrator, two sample agents
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// For several people: nobody approves their own requests
    #[arg(long)]
    team: bool,
    /// The first administrator's name [default: the operating-system user]
    #[arg(long, value_name = "NAME")]
    person: Option<PersonId>,
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let first = administrator(args)?;
    let made = make(&place.home, &first)?;
    let person = &first.person;
    // What was there may be of somebody's own making; what was made here must hold in any case.
    Settings::load(&place.home)?;
    let root = place.home.root();
    if place.screen.json() {
        place.screen.value(&json!({ "home": root, "made": made.made, "kept": made.kept }))?;
        return Ok(Exit::Done);
    }
    let shown = visible(&root.display().to_string(), Keep::Nothing);
    if made.made.is_empty() {
        place.screen.line(&format!("{shown} is a home already; nothing was changed"))?;
        return Ok(Exit::Done);
    }
    for path in &made.made {
        let path = path.strip_prefix(root).unwrap_or(path);
        place.screen.line(&format!("made  {}", visible(&path.display().to_string(), Keep::Nothing)))?;
    }
    for path in &made.kept {
        let path = path.strip_prefix(root).unwrap_or(path);
        place.screen.line(&format!("kept  {}", visible(&path.display().to_string(), Keep::Nothing)))?;
    }
    let text = format!(
        "{shown} is ready; `bulkhead check` says what its agents come to, `bulkhead gateway start` starts it"
    );
    place.screen.line(&text)?;
    place.screen.line(&format!(
        "then `bulkhead people invite {person}` gives you a code to sign in with in a browser"
    ))?;
    Ok(Exit::Done)
}

fn administrator(args: Args) -> Result<Administrator, Failure> {
    let uid = geteuid().as_raw();
    let os_user = bulkhead_http::os_user(uid).map_err(|error| Failure::unreachable(error.to_string()))?;
    let person = match args.person {
        Some(person) => person,
        None => PersonId::new(&name_of(&os_user)).map_err(|error| {
            Failure::usage(format!("{error}; or name the first person with `--person NAME`"))
        })?,
    };
    Ok(Administrator { person, os_user, team: args.team })
}

/// A person's name after their user: lower case, what a name may not hold replaced.
fn name_of(os_user: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let name = os_user.to_lowercase();
    name.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}
