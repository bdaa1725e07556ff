//! `[gateway]`: where health is served.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// The port of health, when the settings say nothing.
const DEFAULT_PORT: u16 = 7400;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Gateway {
    /// A loopback address and a port.
    pub(crate) address: SocketAddr,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)) }
    }
}
