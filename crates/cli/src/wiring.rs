//! The rooms, put together into a gateway. Nothing is decided here.

use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_http::{About, Api, Bound, Exports, Health, House};
use journal::{Journal, Notary, Place, SealError};
use models::Models;
use people::{People, Slack};
use sandbox::{Layer, Roster, SpawnError};
use secrecy::SecretString;
use serde_json::json;
use skills::Skills;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use turn::{Gateway, Parts, StartError};
use vocab::{Ambient, PersonId};

use crate::ambient::Machine;
use crate::daemon::log::Logs;
use crate::doctor::examine_from_within;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::jailed;
use crate::outgoing::Outgoing;
use crate::settings::{Containment, HomePolicies, Settings};

/// Every layer of containment, tried for real.
///
/// # Errors
/// When not even a reduced jail stands.
pub(crate) async fn probe() -> Result<Vec<Layer>, SpawnError> {
    sandbox::probe(&jailed::spawner()).await
}

/// The same for a program that nobody here wrote, which is really started and ends.
///
/// # Errors
/// When not even a reduced jail stands, or the program does not run in it.
pub(crate) async fn probe_program() -> Result<Vec<Layer>, SpawnError> {
    sandbox::probe_program(&jailed::spawner()).await
}

/// A gateway that runs, and what runs beside it.
pub(crate) struct Running {
    pub(crate) journal: Journal,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) people: Arc<People>,
    pub(crate) notary: Arc<Notary>,
    pub(crate) outgoing: Outgoing,
    pub(crate) house: House,
}

/// Opens the home's record and starts its gateway, which is to answer where `bound` is.
///
/// # Errors
/// When the settings do not hold, or something that the gateway needs is not there.
pub(crate) async fn gateway(
    home: &Home,
    settings: &Settings,
    bound: &Bound,
    logs: Logs,
) -> Result<Running, Failure> {
    if let Some(missing) = settings.missing_secrets(home).first() {
        return Err(Failure::unreachable(missing.to_string()));
    }
    let ambient: Arc<dyn Ambient> = Arc::new(Machine);
    let place = settings.record_to_write(home, ambient.as_ref())?;
    let journal = record(home, &place)?;
    let notary =
        Notary::open(journal.clone(), place.clone(), settings.notary(home), Arc::clone(&ambient)).await;
    let notary = Arc::new(notary.map_err(|error| unsigned(&error))?);
    let outgoing = Outgoing::new(home, settings, &journal, &place, &notary).await?;
    let config = settings.sign_in.config(settings.gateway.origin(bound.address));
    let mut people = People::open(journal.clone(), Arc::clone(&ambient), config)
        .map_err(|no| Failure::unreachable(no.to_string()))?;
    if let Some(provider) = settings.provider(home)? {
        let fetch =
            bulkhead_http::fetch(provider.issuer.starts_with("https:")).map_err(Failure::unreachable)?;
        people = people.with_provider(provider, fetch).map_err(|no| Failure::usage(no.to_string()))?;
    }
    let people = Arc::new(people);
    let policies = HomePolicies::new(home.clone(), settings, Arc::clone(&people));
    let roster = Roster::new(&jailed::spawner()).map_err(|error| {
        Failure::unreachable(format!("the thread that starts agents cannot be made: {error}"))
    })?;
    let parts = Parts {
        journal: journal.clone(),
        models: Models::new(settings.model_servers(home))
            .map_err(|error| Failure::usage(error.to_string()))?,
        skills: Skills::new(skills::Config {
            board_dir: home.board(),
            egress: settings.egress(home, bound.address),
        }),
        roster,
        ambient,
        policies: Box::new(policies.clone()),
        traces: Arc::new(logs),
        chat: outgoing.chat(home, settings)?,
    };
    let config = turn::Config {
        agents_dir: home.agents(),
        removed_dir: home.removed(),
        retention: settings.retention.kept(),
        database: place,
        approval_lifetime: settings.approvals.lifetime,
        thresholds: settings.approvals.thresholds(),
        solo: settings.solo(),
        reduced: settings.containment == Containment::Reduced,
    };
    let gateway = Gateway::start(config, parts).await.map_err(|error| match error {
        StartError::Settings(_) => Failure::usage(error.to_string()),
        StartError::Recovery(_) | StartError::Thread(_) => Failure::unreachable(error.to_string()),
    })?;
    Ok(Running { journal, gateway, people, notary, outgoing, house: policies.house(settings) })
}

/// Opens the record of a home for writing. One that is gone does not begin anew by itself: nobody would hear of it.
fn record(home: &Home, place: &Place) -> Result<Journal, Failure> {
    match lost(home, place) {
        Some(lost) => Err(Failure::unreachable(lost)),
        None => open(place),
    }
}

/// When the home's record is gone although there was one, what that is, and the ways out.
pub(crate) fn lost(home: &Home, place: &Place) -> Option<String> {
    let database = place.file().filter(|path| !path.exists())?;
    let remains = journal::remains(&home.keys())?;
    Some(format!(
        "the record `{}` is gone, and `{}` says that there was one: put the database back, or begin another record, which says so, with `bulkhead record begin --reason WHY`",
        database.display(),
        remains.display()
    ))
}

fn open(place: &Place) -> Result<Journal, Failure> {
    Journal::open(journal::Config { place: place.clone() }, Arc::new(Machine))
        .map_err(|error| Failure::unreachable(error.to_string()))
}

/// The notary of a home whose gateway does not run, with the record that it signs. `lost` makes a new key for one that is
/// not there any more, in the name of whoever asks for it.
///
/// # Errors
/// When a gateway runs after all, or the record cannot be signed.
pub(crate) async fn notary(
    home: &Home,
    settings: &Settings,
    lost: Option<Option<PersonId>>,
) -> Result<(Journal, Notary), Failure> {
    let place = settings.record_to_write(home, &Machine)?;
    let journal = record(home, &place)?;
    let (config, ambient) = (settings.notary(home), Arc::new(Machine));
    let notary = match lost {
        Some(by) => Notary::open_without_key(journal.clone(), place, config, ambient, by).await,
        None => Notary::open(journal.clone(), place, config, ambient).await,
    };
    Ok((journal, notary.map_err(|error| unsigned(&error))?))
}

/// The notary of a home that leaves a record which is gone, and goes on with the one that its settings name.
///
/// # Errors
/// When a gateway runs, or there is no record that could be left.
pub(crate) async fn begin_anew(
    home: &Home,
    settings: &Settings,
    by: Option<PersonId>,
    reason: &str,
) -> Result<(Journal, Notary, Vec<PathBuf>), Failure> {
    let place = settings.record_to_write(home, &Machine)?;
    if place.file().is_some_and(|path| !path.exists()) && journal::remains(&home.keys()).is_none() {
        return Err(unsigned(&SealError::NothingFormer));
    }
    let journal = open(&place)?;
    let (config, ambient) = (settings.notary(home), Arc::new(Machine));
    let begun = Notary::begin_anew(journal.clone(), place, config, ambient, by, reason).await;
    let (notary, left) = begun.map_err(|error| unsigned(&error))?;
    Ok((journal, notary, left))
}

/// Why the record of a home is not signed.
pub(crate) fn unsigned(error: &SealError) -> Failure {
    let exit = match error {
        // What was signed and what is there contradict each other.
        SealError::Cosigning(_)
        | SealError::NotContinued { .. }
        | SealError::AnotherRecord { .. }
        | SealError::Checkpoint(_)
        | SealError::Cosignature(_) => Exit::Found,
        SealError::Key { .. }
        | SealError::KeyThere(_)
        | SealError::NothingFormer
        | SealError::Renamed { .. } => Exit::Usage,
        SealError::Thread(_) => Exit::Internal,
        SealError::Append(_) | SealError::Read(_) | SealError::KeyLost { .. } | SealError::File { .. } => {
            Exit::Unreachable
        }
    };
    Failure::new(exit, error.to_string())
}

/// The addresses of a gateway.
///
/// # Errors
/// When one cannot be had.
pub(crate) async fn bind(home: &Home, settings: &Settings) -> Result<Bound, Failure> {
    let config = bulkhead_http::Config {
        socket: home.socket(),
        run_socket: home.run_socket(),
        stop_socket: home.stop_socket(),
        shared: settings.solo().is_none(),
        address: settings.gateway.address,
        certificate: settings.gateway.certificate(),
    };
    bulkhead_http::bind(&config).await.map_err(|error| match error {
        bulkhead_http::BindError::NotLoopback(_)
        | bulkhead_http::BindError::Certificate(_)
        | bulkhead_http::BindError::TooLong(_) => Failure::usage(error.to_string()),
        _ => Failure::unreachable(error.to_string()),
    })
}

/// What the API serves.
pub(crate) fn api(
    home: &Home,
    running: &Running,
    settings: &Settings,
    bound: &Bound,
    stop: CancellationToken,
) -> Api {
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: bound.address,
        origin: settings.gateway.place(bound.address),
        containment: settings.containment.as_str().to_owned(),
    };
    let exports = running.outgoing.standings();
    let Running { gateway, people, notary, .. } = running;
    let (gateway, people, notary) = (Arc::clone(gateway), Arc::clone(people), Arc::clone(notary));
    let health = health(home.clone(), Arc::clone(&gateway), Arc::clone(&exports));
    let chat = slack(home, settings);
    Api { gateway, people, notary, about, exports, health, house: running.house.clone(), chat, stop }
}

/// Who hears the chat's slash command, if the settings have a chat.
fn slack(home: &Home, settings: &Settings) -> Option<Arc<Slack>> {
    let chat = settings.chat.as_ref()?;
    let (secrets, name) = (settings.secrets(home), chat.signing_secret.name().clone());
    let secret = move || {
        let secret = secrets.value(&name).map_err(|error| error.to_string())?;
        Ok(SecretString::from(secret.reveal().to_owned()))
    };
    Some(Arc::new(Slack::new(chat.team.get_ref().clone(), Arc::new(secret), Arc::new(Machine))))
}

/// What `bulkhead doctor` finds, looked at by the gateway itself.
fn health(home: Home, gateway: Arc<Gateway>, exports: Exports) -> Health {
    Health::new(move || {
        let ready = gateway.ready();
        let status = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ready": ready.is_ok(),
            "why": ready.err(),
            "exports": exports(),
        });
        // On a thread that may wait: most of what is looked at is on disks.
        let report = Handle::current().block_on(examine_from_within(&home, &status));
        serde_json::to_value(&report).map_err(|error| error.to_string())
    })
}
