//! Signing in by the organisation's identity provider: OpenID Connect, authorization code with PKCE.
//!
//! In: what the provider says, over connections that [`Fetch`] makes, and what a browser brings back. Out: who somebody is
//! there. Nothing that comes over the wire names where to go next but within the hosts that the settings name.

mod confirm;
mod enter;
mod flows;
mod protocol;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use openidconnect::{HttpRequest, HttpResponse};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use vocab::PersonId;

pub use enter::{Begun, Settle};
pub(crate) use flows::Flows;
pub use protocol::Returned;

use crate::bounds::MAX_PROVIDER_REQUESTS;
use crate::no::{No, NoKind};
use protocol::Learnt;

/// The page of our own to which a provider sends browsers back.
pub const COME_BACK: &str = "/sign-in/provider";

/// A request to the provider that came to nothing, in a few words that quote nothing it said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// What is under way to the provider.
pub type Fetching = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send>>;

/// Makes one bounded request, and follows no redirect.
pub type Fetch = Arc<dyn Fn(HttpRequest) -> Fetching + Send + Sync>;

/// What the settings say of a provider.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Its address, exactly as it names itself.
    pub issuer: String,
    /// What it is called on the sign-in page.
    pub shown: String,
    /// By what it knows the gateway.
    pub client_id: String,
    /// What the gateway proves itself with; PKCE alone without one.
    pub client_secret: Option<SecretString>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that names a person.
    pub person_claim: String,
    /// What ends that name there and is left out here, with its `@`.
    pub domain: Option<String>,
    /// The claim with a person's groups.
    pub groups_claim: String,
    /// Further hosts where it has endpoints.
    pub hosts: BTreeSet<String>,
    /// Which of its accounts are people of the settings.
    pub people: BTreeMap<String, PersonId>,
    /// Whether a first sign-in makes an account; else provisioning alone does.
    pub makes_accounts: bool,
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A provider, and what was last learnt of it.
pub(crate) struct Provider {
    pub(crate) config: ProviderConfig,
    pub(crate) redirect: String,
    fetch: Fetch,
    known: tokio::sync::Mutex<Learnt>,
    places: Semaphore,
}

impl Provider {
    /// `redirect` is where it sends browsers back to: a page of our own, and the only one.
    pub(crate) fn new(config: ProviderConfig, redirect: String, fetch: Fetch) -> Self {
        let places = Semaphore::new(MAX_PROVIDER_REQUESTS);
        Self { config, redirect, fetch, known: tokio::sync::Mutex::default(), places }
    }

    fn down(&self, why: &str) -> No {
        let message = format!(
            "the identity provider `{}` cannot be used at this moment ({why}): sign in with a passkey, a password or a code, or try again",
            self.config.issuer
        );
        No::new(NoKind::Unavailable, message)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("config", &self.config).finish_non_exhaustive()
    }
}
