//! Syslog in datagrams (RFC 5426). What is lost on the way is lost: nothing says so.

use std::time::Duration;

use tokio::net::UdpSocket;

use super::{CONNECT_TIME, SendError};
use crate::format::syslog::MAX_FIELDS_BYTES;

/// The longest datagram, in bytes: below what fits into one over IPv4. Nothing is cut to fit: half an object of JSON is none.
pub(super) const MAX_DATAGRAM_BYTES: usize = 65_000;

/// A record always has a form that fits.
const _: () = assert!(MAX_FIELDS_BYTES <= MAX_DATAGRAM_BYTES, "the fields of a record fit into a datagram");

/// How many datagrams go before a pause, so that a receiver's buffer has time.
const BURST: usize = 32;

/// The pause.
const PAUSE: Duration = Duration::from_millis(5);

/// Datagrams to one place.
pub(crate) struct Udp {
    host: String,
    port: u16,
    socket: Option<UdpSocket>,
}

impl Udp {
    pub(crate) const fn new(host: String, port: u16) -> Self {
        Self { host, port, socket: None }
    }

    /// Sends each piece as a datagram; none when one of them is too long for that. A name is looked up anew after a failure.
    pub(crate) async fn send(&mut self, pieces: &[Vec<u8>]) -> Result<(), SendError> {
        let to = format!("udp {}:{}", self.host, self.port);
        if let Some(long) = pieces.iter().find(|piece| piece.len() > MAX_DATAGRAM_BYTES) {
            let bytes = long.len();
            return Err(SendError::TooLongToSend { to, bytes, limit: MAX_DATAGRAM_BYTES });
        }
        let failed =
            |error: std::io::Error| SendError::Unreachable { to: to.clone(), why: error.to_string() };
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => tokio::time::timeout(CONNECT_TIME, connect(&self.host, self.port))
                .await
                .map_err(|_| SendError::Slow { to: to.clone(), seconds: CONNECT_TIME.as_secs() })?
                .map_err(failed)?,
        };
        for burst in pieces.chunks(BURST) {
            for piece in burst {
                socket.send(piece).await.map_err(failed)?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.socket = Some(socket);
        Ok(())
    }
}

async fn connect(host: &str, port: u16) -> std::io::Result<UdpSocket> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name stands for no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
