//! The gateway's address: the local API over a Unix socket, and health.
