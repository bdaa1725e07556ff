//! The rooms, put together into a gateway. Nothing is decided here.

use std::sync::Arc;

use bulkhead_http::{About, Api, Bound};
use journal::{Journal, Place};
use models::Models;
use sandbox::{Layer, Roster, SpawnError};
use skills::Skills;
use tokio_util::sync::CancellationToken;
use turn::{Gateway, Parts, StartError};
use vocab::Ambient;

use crate::ambient::Machine;
use crate::failure::Failure;
use crate::home::Home;
use crate::jailed;
use crate::settings::{Containment, HomePolicies, Settings};

/// Every layer of containment, tried for real.
///
/// # Errors
/// When not even a reduced jail stands.
pub(crate) async fn probe() -> Result<Vec<Layer>, SpawnError> {
    sandbox::probe(&jailed::spawner()).await
}

/// Opens the home's record and starts its gateway.
///
/// # Errors
/// When the settings do not hold, or something that the gateway needs is not there.
pub(crate) async fn gateway(home: &Home, settings: &Settings) -> Result<Arc<Gateway>, Failure> {
    if let Some(missing) = settings.missing_secrets(home).first() {
        return Err(Failure::unreachable(missing.to_string()));
    }
    let ambient: Arc<dyn Ambient> = Arc::new(Machine);
    let place = Place::Sqlite(home.database());
    let journal = Journal::open(journal::Config { place: place.clone() }, Arc::clone(&ambient))
        .map_err(|error| Failure::unreachable(error.to_string()))?;
    let roster = Roster::new(&jailed::spawner()).map_err(|error| {
        Failure::unreachable(format!("the thread that starts agents cannot be made: {error}"))
    })?;
    let parts = Parts {
        journal,
        models: Models::new(settings.model_servers(home))
            .map_err(|error| Failure::usage(error.to_string()))?,
        skills: Skills::new(skills::Config { board_dir: home.board(), egress: settings.egress(home) }),
        roster,
        ambient,
        policies: Box::new(HomePolicies::new(home.clone(), settings)),
    };
    let config = turn::Config {
        agents_dir: home.agents(),
        database: place,
        approval_lifetime: settings.approvals.lifetime,
        solo: settings.solo(),
        reduced: settings.containment == Containment::Reduced,
    };
    Gateway::start(config, parts).await.map_err(|error| match error {
        StartError::Settings(_) => Failure::usage(error.to_string()),
        StartError::Recovery(_) => Failure::unreachable(error.to_string()),
    })
}

/// The addresses of a gateway.
///
/// # Errors
/// When one cannot be had.
pub(crate) async fn bind(home: &Home, settings: &Settings) -> Result<Bound, Failure> {
    let config = bulkhead_http::Config {
        socket: home.socket(),
        run_socket: home.run_socket(),
        shared: settings.solo().is_none(),
        address: settings.gateway.address,
    };
    bulkhead_http::bind(&config).await.map_err(|error| match error {
        bulkhead_http::BindError::NotLoopback(_) | bulkhead_http::BindError::TooLong(_) => {
            Failure::usage(error.to_string())
        }
        _ => Failure::unreachable(error.to_string()),
    })
}

/// What the API serves.
pub(crate) fn api(gateway: Arc<Gateway>, settings: &Settings, bound: &Bound, stop: CancellationToken) -> Api {
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: bound.address,
        containment: settings.containment.as_str().to_owned(),
    };
    Api { gateway, about, stop }
}
