//! How to reach a PostgreSQL database, and what is never reached without TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long one step with the server may take: to connect, a commit, an answer. A server that takes longer counts
/// as gone.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// The most characters of a gateway's name.
const MAX_GATEWAY_CHARS: usize = 64;

/// What a gateway is called that was given no name.
const NAMELESS: &str = "gateway";

/// The port of an address that names none.
const PORT: u16 = 5432;

/// Silence on the connection for so long makes the system ask whether the other side is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);

/// And again after so long.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// And so often before the connection counts as gone.
const KEEPALIVE_RETRIES: u32 = 3;

/// What is wrong with the description of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not a connection string.
    #[error("`{0}` is no PostgreSQL database: write `postgres://USER@HOST/DATABASE`")]
    Form(String),
    /// The password stands in it.
    #[error(
        "the password of the database stands in its address: move it into a secret and name that as `password`"
    )]
    Password,
    /// Something is missing in it.
    #[error("the database `{place}` names no {what}: write `postgres://USER@HOST/DATABASE`")]
    Missing {
        /// As it is shown.
        place: String,
        /// What.
        what: &'static str,
    },
    /// Several servers.
    #[error("the database `{0}` names several servers: the record has one, name it alone")]
    Several(String),
    /// A server elsewhere without TLS.
    #[error(
        "the database `{0}` is on another machine and its address says `sslmode=disable`: leave that out, TLS is always used there"
    )]
    Plain(String),
    /// A name that cannot be a gateway's.
    #[error(
        "`{0}` cannot be a gateway's name: use 1 to {MAX_GATEWAY_CHARS} letters, digits, `-`, `_` and `.`"
    )]
    Gateway(String),
    /// The library for TLS refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// No certificates to trust.
    #[error("`{path}` has no certificate authority to trust ({why}): name a PEM file")]
    Authority {
        /// The file.
        path: String,
        /// What was said.
        why: String,
    },
}

/// A PostgreSQL database, and how to speak with it.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) server: tokio_postgres::Config,
    pub(super) tls: Option<MakeRustlsConnect>,
    /// The user, and the password, of whoever erases.
    eraser: Option<(String, Option<String>)>,
    gateway: String,
    wait: Duration,
    shown: String,
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig").field("place", &self.shown).field("gateway", &self.gateway).finish()
    }
}

/// The address without what nobody needs to see.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PostgresConfig {
    /// The database at `address`, `postgres://USER@HOST/DATABASE`; a host that begins with a `/`, percent-encoded,
    /// is the folder of a Unix socket. On anything but a Unix socket or this machine's own addresses TLS is used, with the
    /// authorities that the system trusts.
    ///
    /// # Errors
    /// When it has not that form, has a password in it, or would speak without TLS with another machine.
    pub fn new(address: &str) -> Result<Self, PlaceError> {
        let shown = shown(address);
        let server: tokio_postgres::Config =
            address.parse().map_err(|_| PlaceError::Form(scheme(address)))?;
        if server.get_password().is_some() {
            return Err(PlaceError::Password);
        }
        let missing = |what| PlaceError::Missing { place: shown.clone(), what };
        if server.get_user().is_none() {
            return Err(missing("user"));
        }
        if server.get_dbname().is_none() {
            return Err(missing("database"));
        }
        let host = match server.get_hosts() {
            [] => return Err(missing("host")),
            [host] if server.get_hostaddrs().is_empty() => host.clone(),
            _ => return Err(PlaceError::Several(shown)),
        };
        let mut config =
            Self { server, tls: None, eraser: None, gateway: NAMELESS.to_owned(), wait: DEFAULT_WAIT, shown };
        config.server.keepalives(true).keepalives_idle(KEEPALIVE_IDLE);
        config.server.keepalives_interval(KEEPALIVE_INTERVAL).keepalives_retries(KEEPALIVE_RETRIES);
        let asked = config.server.get_ssl_mode();
        if is_here(&host) && asked != SslMode::Require {
            config.server.ssl_mode(SslMode::Disable);
        } else if asked == SslMode::Disable {
            return Err(PlaceError::Plain(config.shown));
        } else {
            config.server.ssl_mode(SslMode::Require);
            config.tls = Some(connector(system_authorities())?);
        }
        Ok(config.patient(DEFAULT_WAIT))
    }

    /// With this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.server.password(password);
        self
    }

    /// With this user for erasures: one that may remove content, which the gateway's own must not.
    #[must_use]
    pub fn with_eraser(mut self, user: &str, password: Option<&str>) -> Self {
        self.eraser = Some((user.to_owned(), password.map(str::to_owned)));
        self
    }

    /// Whom it signs in as.
    pub(super) fn user(&self) -> &str {
        self.server.get_user().unwrap_or_default()
    }

    /// The same database as the eraser, if one was named.
    pub(super) fn as_eraser(&self) -> Option<Self> {
        let (user, password) = self.eraser.as_ref()?;
        let mut config = self.clone();
        config.server.user(user);
        match password {
            Some(password) => config.server.password(password),
            None => config.server.password(""),
        };
        Some(config)
    }

    /// With the authorities of a PEM file as the only ones that are trusted.
    ///
    /// # Errors
    /// When the file cannot be read or has none.
    pub fn with_authority(mut self, path: &Path) -> Result<Self, PlaceError> {
        let failed = |why: String| PlaceError::Authority { path: path.display().to_string(), why };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(failed("it holds no certificate".to_owned()));
        }
        if self.tls.is_some() {
            self.tls = Some(connector(roots)?);
        }
        Ok(self)
    }

    /// As the gateway of this name: its rows of state are apart from those of others on the same record, and at any time
    /// one process has the name.
    ///
    /// # Errors
    /// When it cannot be a name.
    pub fn with_gateway(mut self, name: &str) -> Result<Self, PlaceError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > MAX_GATEWAY_CHARS || !name.chars().all(fits) {
            return Err(PlaceError::Gateway(name.to_owned()));
        }
        name.clone_into(&mut self.gateway);
        Ok(self)
    }

    /// Waits so long for one step with the server instead of [`DEFAULT_WAIT`].
    #[must_use]
    pub fn patient(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self.server.connect_timeout(wait).tcp_user_timeout(wait);
        self
    }

    /// The socket that it listens at, where that is on this machine and any server there will do.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let [Host::Unix(folder)] = self.server.get_hosts() else { return None };
        let port = self.server.get_ports().first().copied().unwrap_or(PORT);
        let any = self.server.get_target_session_attrs() == TargetSessionAttrs::Any;
        any.then(|| folder.join(format!(".s.PGSQL.{port}")))
    }

    /// A connection that is not set up for anything, driven by the runtime that this is called in.
    pub(crate) async fn look(&self) -> Result<Client, String> {
        let mut server = self.server.clone();
        server.application_name("bulkhead verify");
        let failed = |error: tokio_postgres::Error| error.to_string();
        match &self.tls {
            None => {
                let (client, connection) = server.connect(NoTls).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
            Some(tls) => {
                let (client, connection) = server.connect(tls.clone()).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    /// The gateway's name.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// How long one step with the server may take.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.wait
    }
}

/// The address with whatever could be a password left out.
fn shown(address: &str) -> String {
    let address: String = address.chars().filter(|c| !c.is_control()).collect();
    let Some((scheme, rest)) = address.split_once("://") else { return "…".to_owned() };
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => rest.to_owned(),
    };
    format!("{scheme}://{}", rest.replace("%2F", "/"))
}

/// What is said of an address that cannot be read: any part of it may be a password.
fn scheme(address: &str) -> String {
    let known = ["postgres", "postgresql"].into_iter();
    let scheme = known.map(|name| format!("{name}://")).find(|scheme| address.starts_with(scheme));
    format!("{}…", scheme.unwrap_or_default())
}

/// Whether what goes to `host` stays on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// What the system trusts; what of it cannot be read is not trusted.
fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn connector(roots: RootCertStore) -> Result<MakeRustlsConnect, PlaceError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PlaceError::Tls(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
