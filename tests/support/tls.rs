//! A page server over TLS, as `localhost`, with a certificate of an authority that only tests know.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The most bytes of a request.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The server, until the test ends.
#[derive(Debug)]
pub struct Secure {
    /// Its port.
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

/// The certificate of the tests' own authority, for `SSL_CERT_FILE`.
#[must_use]
pub fn authority() -> PathBuf {
    file("authority.pem")
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("support/tls").join(name)
}

impl Secure {
    /// Answers each request with what `answer` makes of it.
    #[must_use]
    pub fn new(answer: fn(&str) -> Vec<u8>) -> Self {
        let certificate = CertificateDer::from_pem_file(file("certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                // A client that does not trust the certificate goes, which is its right.
                if let Ok(request) = exchange(connection, stream, answer) {
                    seen.lock().unwrap().push(request);
                }
            }
        });
        Self { port, heard }
    }

    /// The requests that it has got, with their headers.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn exchange(
    connection: ServerConnection,
    stream: TcpStream,
    answer: fn(&str) -> Vec<u8>,
) -> std::io::Result<String> {
    let mut stream = StreamOwned::new(connection, stream);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < MAX_REQUEST_BYTES {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    stream.write_all(&answer(&request))?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(request)
}
