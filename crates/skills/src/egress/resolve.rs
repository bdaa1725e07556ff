//! From a host's name to its addresses: the one seam of the broker, so that a test can be the name server.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// The addresses of a host, in the making.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Where the addresses of hosts come from. The gateway asks the machine; a test answers itself.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`. Their ports are not looked at.
    fn resolve<'a>(&'a self, host: &'a str) -> Addresses<'a>;
}

/// The most names that are looked up at once. A name server that does not answer holds a thread for longer than
/// a page is waited for; the rest of the gateway needs threads too.
const MAX_LOOKUPS: usize = 4;

/// The machine's own resolver.
pub(crate) struct System {
    room: Arc<Semaphore>,
}

impl System {
    pub(crate) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let room = Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)?;
            let host = host.to_owned();
            let looked_up = tokio::task::spawn_blocking(move || {
                let addresses = (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
                // Given back when the thread is free again, not when the page is no longer waited for.
                drop(room);
                addresses
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}
