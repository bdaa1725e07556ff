//! Syslog over TCP, plain or within TLS, each message with its length before it (RFC 6587 section 3.4.1, RFC 5425).
//!
//! Syslog has no answer that says "I have it": what was written may still lie in the kernel of a receiver that has just
//! died. So each batch has a connection of its own. When all is written we close our side, and the receiver, having
//! read to the end, closes its own; a receiver that dies with something unread resets the connection instead, and the
//! batch is sent again. Before we close, the connection for the next batch is opened, and it must outlive the batch by
//! [`SETTLE`]: a receiver that dies with what it has just read takes that connection along, and the batch is sent again.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{CONNECT_TIME, SendError, tls};

/// How long writing a batch may take.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long the receiver may take to read to the end and close.
const READ_TIME: Duration = Duration::from_secs(30);

/// How long a receiver must live on after it has read a batch.
const SETTLE: Duration = Duration::from_millis(500);

/// The most bytes that a receiver may say; syslog has no answers.
const MAX_HEARD_BYTES: usize = 64 * 1024;

/// What a read at the end of a connection takes at once, in bytes.
const READ_BYTES: usize = 4 * 1024;

/// Either kind of connection.
trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

type Connection = Box<dyn Duplex>;

/// Connections to one place.
pub(crate) struct Stream {
    host: String,
    port: u16,
    /// The certificates that it is known by; plain TCP without.
    ca: Option<PathBuf>,
    /// The connection for the next batch.
    next: Option<Connection>,
}

impl Stream {
    pub(crate) const fn new(host: String, port: u16, ca: Option<PathBuf>) -> Self {
        Self { host, port, ca, next: None }
    }

    /// Sends the pieces and comes back when the receiver has read them.
    pub(crate) async fn send(&mut self, pieces: &[Vec<u8>]) -> Result<(), SendError> {
        let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 8).sum());
        for piece in pieces {
            frame(piece, &mut bytes);
        }
        let waiting = match self.next.take() {
            Some(waiting) => alive(waiting).await,
            None => None,
        };
        let mut connection = match waiting {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let to = self.to();
        let broken = |error: io::Error| SendError::Broken { to: to.clone(), why: error.to_string() };
        let written = async {
            connection.write_all(&bytes).await?;
            connection.flush().await
        };
        within(WRITE_TIME, &to, written).await?.map_err(broken)?;
        let mut witness = self.connect().await?;
        let closed = async {
            connection.shutdown().await?;
            to_the_end(&mut connection).await
        };
        match tokio::time::timeout(READ_TIME, closed).await {
            Ok(ended) => ended.map_err(broken)?,
            Err(_) => return Err(SendError::Silent { to }),
        }
        // That it ends within this time is what must not happen.
        if let Ok(ended) = tokio::time::timeout(SETTLE, to_the_end(&mut witness)).await {
            let why =
                ended.err().map_or_else(|| "the receiver went away".to_owned(), |error| error.to_string());
            return Err(SendError::Broken { to, why });
        }
        self.next = Some(witness);
        Ok(())
    }

    fn to(&self) -> String {
        let scheme = if self.ca.is_some() { "tls" } else { "tcp" };
        format!("{scheme} {}:{}", self.host, self.port)
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let to = self.to();
        let made = TcpStream::connect((self.host.as_str(), self.port));
        let stream = within(CONNECT_TIME, &to, made)
            .await?
            .map_err(|error| SendError::Unreachable { to: to.clone(), why: error.to_string() })?;
        let Some(ca) = &self.ca else { return Ok(Box::new(stream)) };
        let failed = |why: String| SendError::Tls { to: to.clone(), why };
        let connector = tls::connector(ca).map_err(failed)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(error.to_string()))?;
        let shaken = within(CONNECT_TIME, &to, connector.connect(name, stream)).await?;
        Ok(Box::new(shaken.map_err(|error| failed(error.to_string()))?))
    }
}

async fn within<T>(time: Duration, to: &str, work: impl Future<Output = T>) -> Result<T, SendError> {
    let late = |_| SendError::Slow { to: to.to_owned(), seconds: time.as_secs() };
    tokio::time::timeout(time, work).await.map_err(late)
}

/// Reads until the other side has closed. What it says is dropped.
async fn to_the_end(connection: &mut Connection) -> io::Result<()> {
    let (mut heard, mut buffer) = (0_usize, [0; READ_BYTES]);
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(read) => heard = heard.saturating_add(read),
            // Many close without TLS's own farewell; the kernel's is enough to know that all was read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        if heard > MAX_HEARD_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it answers, which no receiver of syslog does",
            ));
        }
    }
}

/// The connection, if the other side has not closed it while it waited.
async fn alive(mut connection: Connection) -> Option<Connection> {
    match tokio::time::timeout(Duration::ZERO, to_the_end(&mut connection)).await {
        Ok(_) => None,
        Err(_) => Some(connection),
    }
}

/// The length in decimal digits, a blank, the message.
pub(super) fn frame(message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn a_message_goes_behind_the_number_of_its_bytes() {
        // RFC 6587, 3.4.1: MSG-LEN SP SYSLOG-MSG, and nothing between one and the next.
        let mut out = Vec::new();
        frame("<110>1 two\nlines \u{e9}".as_bytes(), &mut out);
        frame(b"<110>1 next", &mut out);
        assert_eq!(out, "19 <110>1 two\nlines \u{e9}11 <110>1 next".as_bytes());
    }
}
