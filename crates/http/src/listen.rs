//! The listeners: who may connect, how many, and for how long.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use turn::Gateway;

use crate::bounds::{
    ACCEPT_PAUSE, DRAIN_TIME, HEAD_TIME, MAX_CONNECTIONS, MAX_GUEST_CONNECTIONS, MAX_HEAD_BYTES, MAX_HEADERS,
    MAX_SOCKET_PATH_BYTES, MAX_TURNED_AWAY, MAX_WEB_CONNECTIONS, TURN_AWAY_TIME,
};
use crate::caller::{End, Peer, administers};
use crate::crowd::{Crowd, Crowded};
use crate::problem::{Problem, ProblemKind};
use crate::tls::{Certificate, Tls};

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Config {
    /// The socket of the local API. What lies there already is removed: the caller holds the home's lock,
    /// so it is what a gateway left that did not end well.
    pub socket: PathBuf,
    /// The socket on which programs are run. What lies there already is removed, too.
    pub run_socket: PathBuf,
    /// The socket on which kills and stops are heard. What lies there already is removed, too.
    pub stop_socket: PathBuf,
    /// Whether other operating-system users may connect; the settings say which of them is a person.
    pub shared: bool,
    /// The address that browsers and programs use: a loopback one, where there is no certificate.
    pub address: SocketAddr,
    /// What the address is served with over TLS.
    pub certificate: Option<Certificate>,
}

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others reach it, and could read along.
    #[error(
        "the gateway's address `{0}` is not loopback, where nobody listens in: give it a `certificate`, its `key` and the `origin` by which browsers reach it, or use 127.0.0.1, in `[gateway]` of bulkhead.toml"
    )]
    NotLoopback(SocketAddr),
    /// The certificate or its key does not hold.
    #[error("{0}: mend `certificate` and `key` in `[gateway]` of bulkhead.toml")]
    Certificate(String),
    /// Something listens there.
    #[error(
        "the address `{0}` is in use by another program: set another port as `address` in `[gateway]` of bulkhead.toml"
    )]
    InUse(SocketAddr),
    /// The operating system says no.
    #[error("the gateway cannot listen on `{address}`: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The path is longer than a Unix socket's may be.
    #[error(
        "the path of the gateway's socket, `{0}`, is over {MAX_SOCKET_PATH_BYTES} bytes: use a home with a shorter path"
    )]
    TooLong(PathBuf),
    /// The operating system says no.
    #[error("the gateway cannot make its socket `{path}`: {source}")]
    Socket {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The listeners, bound and not yet served.
#[derive(Debug)]
pub struct Bound {
    pub(crate) socket: UnixListener,
    pub(crate) run_socket: UnixListener,
    pub(crate) stop_socket: std::os::unix::net::UnixListener,
    pub(crate) web: TcpListener,
    pub(crate) tls: Option<Tls>,
    /// The address, with the port that was had when 0 was asked for.
    pub address: SocketAddr,
}

/// Binds the listeners.
///
/// # Errors
/// When an address is not allowed or cannot be had.
pub async fn bind(config: &Config) -> Result<Bound, BindError> {
    let tls = config.certificate.clone().map(Tls::load).transpose().map_err(BindError::Certificate)?;
    if tls.is_none() && !config.address.ip().is_loopback() {
        return Err(BindError::NotLoopback(config.address));
    }
    for socket in [&config.socket, &config.run_socket, &config.stop_socket] {
        if socket.as_os_str().as_bytes().len() > MAX_SOCKET_PATH_BYTES {
            return Err(BindError::TooLong(socket.clone()));
        }
    }
    let web = TcpListener::bind(config.address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(config.address),
        _ => BindError::Address { address: config.address, source },
    })?;
    let address =
        web.local_addr().map_err(|source| BindError::Address { address: config.address, source })?;
    let socket = watched(&config.socket, config.shared)?;
    let run_socket = watched(&config.run_socket, config.shared)?;
    let stop_socket = local(&config.stop_socket, config.shared)?;
    Ok(Bound { socket, run_socket, stop_socket, web, tls, address })
}

/// A socket for tasks.
fn watched(path: &Path, shared: bool) -> Result<UnixListener, BindError> {
    let listener = local(path, shared)?;
    listener
        .set_nonblocking(true)
        .and_then(|()| UnixListener::from_std(listener))
        .map_err(|source| BindError::Socket { path: path.to_owned(), source })
}

/// A socket for threads.
fn local(path: &Path, shared: bool) -> Result<std::os::unix::net::UnixListener, BindError> {
    let bound = || {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        let mode = if shared { 0o666 } else { 0o600 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(listener)
    };
    bound().map_err(|source| BindError::Socket { path: path.to_owned(), source })
}

/// Serves `router` to whoever connects to the socket, with the kernel's word on who that is.
///
/// Nobody is waited for before it is known whose connection it is, so that no user keeps the others out.
pub(crate) async fn unix(
    listener: UnixListener,
    gateway: Arc<Gateway>,
    router: Router,
    drain: CancellationToken,
) {
    let accept = async || {
        let (stream, _) = listener.accept().await?;
        let peer = peer(&stream)?;
        Ok((stream, peer))
    };
    let crowd = Crowd::default();
    let served = |(stream, peer): (UnixStream, Peer)| {
        let (crowd, gateway, router, drain) =
            (crowd.clone(), Arc::clone(&gateway), router.clone(), drain.clone());
        async move {
            match crowd.enter(peer.uid, || administers(&gateway, peer.uid)).await {
                Ok(place) => {
                    connection(stream, End::Socket(peer), router, drain).await;
                    drop(place);
                }
                Err(crowded) => turn_away(&stream, &crowded).await,
            }
        }
    };
    let most = MAX_CONNECTIONS.saturating_add(MAX_TURNED_AWAY);
    tell_closed(each(accept, most, &drain, served).await);
}

/// Says that there is no place, to whoever listens now.
async fn turn_away(stream: &UnixStream, crowded: &Crowded) {
    let problem = Problem::new(ProblemKind::Busy, crowded.to_string());
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        problem.status,
        problem.title,
        body.len()
    );
    let told = async {
        stream.writable().await?;
        stream.try_write(answer.as_bytes())
    };
    if let Ok(Err(error)) = tokio::time::timeout(TURN_AWAY_TIME, told).await {
        tracing::debug!("somebody did not hear that there is no place: {error}");
    }
}

/// Serves `router` to whoever connects to the address, encrypted where there is a certificate: nobody in particular.
pub(crate) async fn web(listener: TcpListener, tls: Option<Tls>, router: Router, drain: CancellationToken) {
    let Some(tls) = tls else { return over_tcp(listener, router, MAX_WEB_CONNECTIONS, drain).await };
    let tls = Arc::new(tls);
    let served = |(stream, end)| {
        let (tls, router, drain) = (Arc::clone(&tls), router.clone(), drain.clone());
        async move {
            let encrypted = async {
                let acceptor =
                    tokio::task::spawn_blocking(move || tls.acceptor()).await.map_err(io::Error::other)?;
                acceptor.accept(stream).await
            };
            match tokio::time::timeout(HEAD_TIME, encrypted).await {
                Ok(Ok(stream)) => connection(stream, end, router, drain).await,
                Ok(Err(error)) => tracing::debug!("a connection was not encrypted: {error}"),
                Err(_) => tracing::debug!("a connection did not come to be encrypted in time"),
            }
        }
    };
    let all_ended = each(async || accept(&listener).await, MAX_WEB_CONNECTIONS, &drain, served).await;
    tell_closed(all_ended);
}

/// Serves `router` to a program in its jail, which alone can connect.
pub(crate) async fn guest(listener: TcpListener, router: Router, drain: CancellationToken) {
    over_tcp(listener, router, MAX_GUEST_CONNECTIONS, drain).await;
}

async fn over_tcp(listener: TcpListener, router: Router, most: usize, drain: CancellationToken) {
    serve(async || accept(&listener).await, router, most, drain).await;
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, End)> {
    let (stream, from) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, End::Tcp(from.ip().to_canonical())))
}

pub(crate) fn peer(stream: &UnixStream) -> io::Result<Peer> {
    Ok(Peer { uid: stream.peer_cred()?.uid() })
}

async fn serve<S, F>(accept: impl Fn() -> F, router: Router, most: usize, drain: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<(S, End)>>,
{
    let served = |(stream, end)| connection(stream, end, router.clone(), drain.clone());
    tell_closed(each(accept, most, &drain, served).await);
}

fn tell_closed(all_ended: bool) {
    if !all_ended {
        tracing::info!("connections that were still open have been closed");
    }
}

/// Has each connection served on a task of its own, at most `most` at once, until `drain` is cancelled. Whether all had
/// ended [`DRAIN_TIME`] later; what had not is dropped.
pub(crate) async fn each<C, F, S>(
    accept: impl Fn() -> F,
    most: usize,
    drain: &CancellationToken,
    serve: impl Fn(C) -> S,
) -> bool
where
    F: Future<Output = io::Result<C>>,
    S: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let place = tokio::select! {
            () = drain.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                let served = serve(connection);
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(DRAIN_TIME, ended).await.is_ok()
}

async fn connection<S>(stream: S, end: End, router: Router, drain: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(end);
        let answer = router.clone().oneshot(request);
        async move {
            match answer.await {
                Ok(response) => Ok::<_, Infallible>(response),
                Err(never) => match never {},
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended early: {error}");
    }
}
