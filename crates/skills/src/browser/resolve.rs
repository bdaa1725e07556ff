//! From a host's name to its addresses: the one seam of the browser, so that a test can be the name server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// The addresses of a host, in the making.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Where the addresses of hosts come from. The gateway asks the machine; a test answers itself.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`. Their ports are not looked at.
    fn resolve<'a>(&'a self, host: &'a str) -> Addresses<'a>;
}

/// The machine's own resolver.
pub(crate) struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str) -> Addresses<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}
