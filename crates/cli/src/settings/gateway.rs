//! `[gateway]`: where the gateway listens, and how browsers reach it.

use std::net::{Ipv4Addr, SocketAddr};

use people::Origin;
use serde::Deserialize;

/// The port of health, when the settings say nothing.
const DEFAULT_PORT: u16 = 7400;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Gateway {
    /// A loopback address and a port.
    pub(crate) address: SocketAddr,
    /// How browsers reach it, where that is not `localhost`: behind a proxy of one's own that speaks TLS.
    pub(crate) origin: Option<Origin>,
}

impl Gateway {
    /// How browsers reach a gateway that listens at `address`, by a name.
    pub(crate) fn origin(&self, address: SocketAddr) -> Option<Origin> {
        self.origin.clone().or_else(|| Origin::local(address))
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)), origin: None }
    }
}
