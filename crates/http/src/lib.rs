//! The gateway's address: the local API over a Unix socket, and health over loopback.
//!
//! In: HTTP/1.1 requests. The kernel says which operating-system user sent one (`SO_PEERCRED`), the
//! settings say which person that is, and the person is what goes on to `turn`. Out: JSON, JSON Lines of
//! events, and problems as RFC 9457 has them. `router.rs` is the list of all that can be asked; each verb
//! is a file under `api/`.
//!
//! This room decides nothing: rights, verdicts and state are the gateway's.

mod api;
mod bounds;
mod caller;
mod guest;
mod health;
mod listen;
mod mcp;
pub mod openai;
mod problem;
mod request;
mod router;
pub mod run;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use journal::Notary;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use turn::Gateway;

pub use api::seal_record::{CheckpointView, RotationView};
pub use caller::{OsUserError, os_user};
pub use guest::{run_router, serve_run};
pub use listen::{BindError, Bound, Config, bind};
pub use problem::{Problem, ProblemKind};

/// What the gateway says about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    /// The version of the binary.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Where health is served.
    pub address: SocketAddr,
    /// `full`, or `reduced` when an agent may run where this machine lacks a layer.
    pub containment: String,
}

/// Says how the exports stand, as JSON, whenever it is asked.
pub type Exports = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// What the API's verbs work on.
#[derive(Clone)]
pub struct Api {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Who signs the record.
    pub notary: Arc<Notary>,
    /// What it says about itself.
    pub about: About,
    /// How the exports stand, as JSON.
    pub exports: Exports,
    /// Cancelled when a person asks the gateway to stop. Whoever started it then shuts it down.
    pub stop: CancellationToken,
}

/// Serves until `drain` is cancelled, then lets what is under way end, for at most
/// `DRAIN_TIME`.
pub async fn serve(bound: Bound, api: Api, drain: CancellationToken) {
    let local = listen::unix(bound.socket, router::router(api.clone()), drain.clone());
    let runs = run::serve(bound.run_socket, Arc::clone(&api.gateway), drain.clone());
    let health = listen::tcp(bound.health, health::router(api.gateway), drain);
    tokio::join!(local, runs, health);
}
