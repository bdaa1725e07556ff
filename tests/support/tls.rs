//! A page server over TLS, as `localhost`, with a certificate of an authority that only this server's test knows. Both
//! are made when it starts, so that no key lies anywhere.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use crate::PATIENCE;

/// The most bytes of a request.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

const AUTHORITY: &str = "authority.pem";

/// The server, until the test ends.
#[derive(Debug)]
pub struct Secure {
    /// Its port.
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

/// What a server shows, and who vouches for it.
struct Shown {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    authority: CertificateDer<'static>,
}

impl Shown {
    fn new() -> Self {
        let (own, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.distinguished_name.push(DnType::CommonName, "only this test trusts it");
        let vouched = authority.self_signed(&own).unwrap();
        let issuer = Issuer::new(authority, own);
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::Pkcs8(key),
            authority: vouched.der().clone(),
        }
    }
}

/// Puts `authority.pem`, and `certificate.pem` and `key.pem` of a server that is `localhost`, into a folder, for a server
/// that is another program.
///
/// # Panics
/// When they cannot be written.
pub fn certificates(folder: &Path) {
    let Shown { certificate, key, authority } = Shown::new();
    for (name, text) in [
        (AUTHORITY, pem("CERTIFICATE", &authority)),
        ("certificate.pem", pem("CERTIFICATE", &certificate)),
        ("key.pem", pem("PRIVATE KEY", key.secret_der())),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// What a server answers whom the authority of such a folder vouches for as `localhost`; what went wrong, where the
/// connection does not come to be encrypted. The request has to ask for the connection's end.
///
/// # Errors
/// When nothing listens there, or it is not who this authority vouches for.
///
/// # Panics
/// When the folder has no authority.
pub fn ask(folder: &Path, address: &str, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join(AUTHORITY)).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Bytes in PEM form, in lines as long as the strictest readers take.
fn pem(kind: &str, bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

impl Secure {
    /// Answers each request with what `answer` makes of it.
    #[must_use]
    pub fn new(answer: fn(&str) -> Vec<u8>) -> Self {
        let Shown { certificate, key, authority } = Shown::new();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(AUTHORITY), pem("CERTIFICATE", &authority)).unwrap();
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
                drop(exchange(connection, stream, &seen, answer));
            }
        });
        Self { port, heard, folder }
    }

    /// The certificate of its authority, for `SSL_CERT_FILE`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// The requests that it has got, with their headers.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Whether a request is here with its head and its body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let lengths = head
        .lines()
        .filter_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    lengths.max().is_none_or(|length: usize| body.len() >= length)
}

fn exchange(
    connection: ServerConnection,
    stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    answer: fn(&str) -> Vec<u8>,
) -> std::io::Result<()> {
    let mut stream = StreamOwned::new(connection, stream);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&bytes) && bytes.len() < MAX_REQUEST_BYTES {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let answer = answer(&request);
    // First: whoever has the answer may look for what was asked.
    seen.lock().unwrap().push(request);
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}
