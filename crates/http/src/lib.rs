//! The gateway's address: the API over a Unix socket, and over loopback or TLS, with health and the console beside it.
//!
//! In: HTTP/1.1 requests. On the socket the kernel says which operating-system user sent one (`SO_PEERCRED`) and the
//! settings say which person that is; over the address a sign-in's cookie or a token says it, and `people` knows whose
//! they are. The person is what goes on to `turn`. Out: JSON, JSON Lines of events, and problems as RFC 9457 has them.
//! `table.rs` is the list of all that can be asked, with who may; `access.rs` stands before each; each verb is a file
//! under `api/`.
//!
//! This room decides nothing: rights, verdicts and state are the gateway's.

mod access;
mod again;
mod api;
mod bounds;
mod caller;
mod conditions;
mod console;
mod crowd;
mod examined;
mod fetch;
mod guest;
mod health;
mod listen;
mod mcp;
pub mod openai;
mod openapi;
mod problem;
mod request;
mod router;
pub mod run;
mod scim;
pub mod stop;
mod stream;
mod table;
mod tls;
mod web;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use journal::Notary;
use people::{People, Slack};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use turn::Gateway;
use vocab::{Person, PersonId};

use again::Again;
use bounds::TIDY_EVERY;

pub use access::Access;
pub use api::list_people::PersonView;
pub use api::rotate::RotationView;
pub use api::seal::CheckpointView;
pub use caller::{OsUserError, os_user};
pub use examined::Health;
pub use fetch::fetch;
pub use guest::{run_router, serve_run};
pub use listen::{BindError, Bound, Config, bind};
pub use problem::{Problem, ProblemKind};
pub use scim::{ScimStep, scim_filter, scim_patch, scim_routes};
pub use table::{Route, routes};
pub use tls::Certificate;

/// The header beside each answer to somebody who is known: `full`, or `reduced` where an agent may run without a layer of containment.
pub const CONTAINMENT: &str = "bulkhead-containment";

/// What the gateway says about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    /// The version of the binary.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Where the console, the API and health are served.
    pub address: SocketAddr,
    /// By what origin browsers reach that.
    pub origin: String,
    /// `full`, or `reduced` when an agent may run where this machine lacks a layer.
    pub containment: String,
}

/// Says how the exports stand, as JSON, whenever it is asked.
pub type Exports = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Says of groups of the identity provider's whether the settings make any of them worth something.
pub type Mapped = Arc<dyn Fn(&BTreeSet<String>) -> bool + Send + Sync>;

/// What the settings say at the moment of the asking; while they do not hold, what gives nobody anything.
#[derive(Clone)]
pub struct House {
    /// Whether they have a person of this name themselves.
    pub local: Arc<dyn Fn(&PersonId) -> bool + Send + Sync>,
    /// Whether any of these groups of the identity provider's is worth something.
    pub mapped: Mapped,
    /// How a program of the organisation's says who is there; none where it does not.
    pub provisions: Option<Provisions>,
}

/// How provisioning names people.
#[derive(Debug, Clone, Default)]
pub struct Provisions {
    /// What ends a user's name there and is left out here, with its `@`.
    pub domain: Option<String>,
}

/// What the API's verbs work on.
#[derive(Clone)]
pub struct Api {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// How people prove who they are.
    pub people: Arc<People>,
    /// Who signs the record.
    pub notary: Arc<Notary>,
    /// What it says about itself.
    pub about: About,
    /// How the exports stand, as JSON.
    pub exports: Exports,
    /// What `bulkhead doctor` finds.
    pub health: Health,
    /// What the settings say of people.
    pub house: House,
    /// Who hears the chat's slash command, where there is a chat.
    pub chat: Option<Arc<Slack>>,
    /// Cancelled when a person asks the gateway to stop. Whoever started it then shuts it down.
    pub stop: CancellationToken,
}

impl Api {
    /// Ends what somebody who left has under way, by order of `by`; how many turns. What they sign in with is gone already, and
    /// nothing that they asked for is permitted any more.
    pub(crate) async fn left(&self, by: &Person, whom: &PersonId) -> usize {
        self.gateway.end_all_of(by, whom).await.unwrap_or_else(|refusal| {
            tracing::error!("what `{whom}` had under way was not all ended: {refusal}");
            0
        })
    }

    /// Forgets what those sign in with whom the settings did not name the last time either. While the settings do not hold,
    /// nobody is known to have left.
    async fn forget_leavers(&self) {
        // Settings that name nobody are a file in the middle of being saved rather than a house that everybody has left.
        if let Ok(names) = self.gateway.names()
            && !names.is_empty()
            && let Err(no) = self.people.forget_leavers(&names).await
        {
            tracing::error!("what leavers sign in with was not taken away: {no}");
        }
    }
}

/// Begins to hear kills, and gives what serves all else: until `drain` is cancelled, then lets what is under way end, for at
/// most `DRAIN_TIME`. To be called where tasks run.
///
/// # Errors
/// When the machine gives no threads to hear kills with. A gateway that nobody could stop serves nothing.
pub fn serve(
    bound: Bound,
    api: Api,
    drain: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (api, again) = (Arc::new(api), Arc::new(Again::default()));
    let stops = stop::Stops::begin(bound.stop_socket, Arc::clone(&api))?;
    let local = router::local(Arc::clone(&api), Arc::clone(&again));
    let local = listen::unix(bound.socket, Arc::clone(&api.gateway), local, drain.clone());
    let runs = run::serve(bound.run_socket, Arc::clone(&api.gateway), drain.clone());
    let address = router::address(Arc::clone(&api), again, bound.tls.is_some());
    let web = listen::web(bound.web, bound.tls, address, drain.clone());
    Ok(async move {
        tokio::join!(local, runs, web, keep_house(&api, &drain));
        // What is in use already when they are dropped is answered, as far as the process lives.
        drop(stops);
    })
}

/// Takes away what is over and forgets leavers, now and then; at the end, tells what was counted.
async fn keep_house(api: &Api, drain: &CancellationToken) {
    loop {
        if let Err(no) = api.people.tidy().await {
            tracing::error!("what is over of sign-ins was not taken away: {no}");
        }
        api.forget_leavers().await;
        tokio::select! {
            () = drain.cancelled() => break,
            () = tokio::time::sleep(TIDY_EVERY) => {}
        }
    }
    api.people.sum_up().await;
}
