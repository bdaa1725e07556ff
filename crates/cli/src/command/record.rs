//! `bulkhead record`: setting up a database for the record, which an administrator of that database does once; and leaving a
//! record that is gone.

use std::path::PathBuf;

use clap::Subcommand;
use journal::PostgresConfig;
use journal::postgres::{InitError, PlaceError, init};
use rustix::process::geteuid;
use serde_json::json;
use vocab::Ambient as _;

use super::{Place, alone};
use crate::ambient::Machine;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::terminal::field;
use crate::wiring;

/// The longest file with a password that is read, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4096;

const EXAMPLES: &str = "Examples:
  bulkhead record init --as postgres://postgres@db.example/bulkhead --password-file pw --gateway bulkhead_gw
  sudo -u postgres bulkhead record init --as postgres://postgres@%2Frun%2Fpostgresql/bulkhead --gateway bulkhead_gw --eraser bulkhead_er

The database is there already (`createdb bulkhead`). Roles: `bulkhead_owner` owns the tables and nobody signs in as it;
who is in `bulkhead_gateway` can add to the record and take nothing from it; who is in `bulkhead_eraser` can also remove
content. Run again, it grants the roles to further users and leaves the record as it is.";

const ANEW: &str = "Example:
  bulkhead record begin --reason \"the disk is lost, and so is its last copy\"

A gateway whose record is gone, or is another than the one that it wrote before, does not start. This puts the key and the last
checkpoint of the former record aside, in `keys`, and the other one begins with who did that and why. Whoever holds checkpoints
of the former has to be told: they do not hold for this one.";

/// Set up a database for the record, or leave a record that is gone
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the record in a PostgreSQL database, with the roles that may use it
    #[command(after_help = EXAMPLES)]
    Init(Init),
    /// Go on with another record than the one that this home wrote before
    #[command(after_help = ANEW)]
    Begin(Begin),
}

#[derive(Debug, clap::Args)]
struct Begin {
    /// Why, in a sentence, which the new record keeps
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The database, as an administrator of it: `postgres://USER@HOST/DATABASE`
    #[arg(long = "as", value_name = "ADDRESS")]
    address: String,
    /// A file with the administrator's password
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
    /// The authorities to trust, a PEM file [default: the system's]
    #[arg(long, value_name = "PATH")]
    authority: Option<PathBuf>,
    /// A user that gateways sign in as; made when there is none
    #[arg(long, value_name = "NAME")]
    gateway: Vec<String>,
    /// A user that content is erased as; made when there is none
    #[arg(long, value_name = "NAME")]
    eraser: Vec<String>,
}

pub(crate) fn run(place: &Place, args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Init(args) => make(place, args),
        Verb::Begin(args) => begin(place, args),
    }
}

fn begin(place: &Place, args: &Begin) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    let settings = Settings::load(&place.home)?;
    let left = alone(async {
        if Client::new(&place.home)?.answers().await {
            return Err(Failure::usage(
                "a gateway runs with the record that there is: stop it first, with `bulkhead gateway stop`",
            ));
        }
        let by = settings.person_of(geteuid().as_raw());
        let (journal, notary, left) = wiring::begin_anew(&place.home, &settings, by, &args.reason).await?;
        let sealed = notary.seal().await.map_err(|error| wiring::unsigned(&error));
        drop(notary);
        journal.close().await.map_err(|error| Failure::unreachable(error.to_string()))?;
        sealed.map(|_| left)
    })?;
    let screen = place.screen;
    if screen.json() {
        screen.value(&json!({ "left": left }))?;
        return Ok(Exit::Done);
    }
    for path in &left {
        screen.line(&field("put aside", &path.display().to_string()))?;
    }
    screen.line("whoever holds checkpoints of the former record has to be told that this is another one")?;
    Ok(Exit::Done)
}

fn make(place: &Place, args: &Init) -> Result<Exit, Failure> {
    let refused = |error: PlaceError| Failure::usage(error.to_string());
    let mut config = PostgresConfig::new(&args.address).map_err(refused)?;
    if let Some(path) = &args.password_file {
        config = config.with_password(&password(path)?);
    }
    if let Some(path) = &args.authority {
        config = config.with_authority(path).map_err(refused)?;
    }
    let id = format!("{:032x}", u128::from_be_bytes(Machine.random()));
    let made = init(&config, &id, &args.gateway, &args.eraser).map_err(|error| match error {
        InitError::Role(_) => Failure::usage(error.to_string()),
        InitError::Unreachable { .. } => Failure::unreachable(error.to_string()),
        InitError::Form { .. } | InitError::Encoding { .. } | InitError::Refused { .. } => {
            Failure::new(Exit::Refused, error.to_string())
        }
    })?;
    let screen = place.screen;
    if screen.json() {
        screen.value(&json!({ "place": config.to_string(), "made": made.record, "roles": made.roles }))?;
        return Ok(Exit::Done);
    }
    screen.line(&if made.record {
        format!("the record is made in `{config}`")
    } else {
        format!("there is a record in `{config}`, and it was left as it is")
    })?;
    for role in &made.roles {
        screen.line(&format!(
            "the user `{role}` is made, without a password: set one with `\\password {role}` in psql"
        ))?;
    }
    for role in &args.gateway {
        screen.line(&format!(
            "`{role}` may add to it: name that user in `[record] database` of bulkhead.toml"
        ))?;
    }
    for role in &args.eraser {
        screen.line(&format!("`{role}` may remove content: name it in `[record] eraser`"))?;
    }
    Ok(Exit::Done)
}

/// The first line of a file.
fn password(path: &std::path::Path) -> Result<String, Failure> {
    let unreadable =
        |why: String| Failure::unreachable(format!("`{}` cannot be read: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_PASSWORD_BYTES {
        return Err(unreadable(format!("it is over {MAX_PASSWORD_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
