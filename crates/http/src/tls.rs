//! TLS on the gateway's own address: the certificate, and its key, read again when they were renewed.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The most bytes of a file in PEM form.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// What a key's file grants to everybody on the machine.
const EVERYBODY: u32 = 0o007;

/// The files by which the gateway shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and those that vouch for it, in PEM form.
    pub chain: PathBuf,
    /// Its private key, in PEM form.
    pub key: PathBuf,
}

/// What changes when a file is replaced or written to.
type Stamp = [(u64, u64, i64, i64); 2];

/// A certificate in use.
#[derive(Debug)]
pub(crate) struct Tls {
    files: Certificate,
    /// Of the files that were looked at last, whether they held or not.
    stamp: Mutex<Stamp>,
    config: Mutex<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One sentence, when one cannot be read, everybody may read the key, or they do not belong together.
    pub(crate) fn load(files: Certificate) -> Result<Self, String> {
        let (stamp, config) = read(&files)?;
        Ok(Self { files, stamp: Mutex::new(stamp), config: Mutex::new(config) })
    }

    /// What takes the next connection. A renewed certificate is taken up; while the new files do not hold, the one before
    /// goes on, and the log says so once. It reads files, so it is not for a thread that others wait on.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        // While somebody looks, others take what there is: files that hang hold one thread and no connection but its own.
        if let Some(mut stamp) = self.stamp.try_lock() {
            self.look(&mut stamp);
        }
        TlsAcceptor::from(Arc::clone(&self.config.lock()))
    }

    fn look(&self, stamp: &mut Stamp) {
        let now = stamp_of(&self.files.chain).and_then(|chain| Ok([chain, stamp_of(&self.files.key)?]));
        // In the middle of being replaced; the next connection looks again.
        let Some(now) = now.ok().filter(|now| now != stamp) else { return };
        *stamp = now;
        match read(&self.files) {
            Ok((_, config)) => {
                *self.config.lock() = config;
                tracing::info!("the certificate `{}` is in use", self.files.chain.display());
            }
            Err(why) => tracing::error!("the certificate before goes on being used: {why}"),
        }
    }
}

fn stamp_of(path: &Path) -> io::Result<(u64, u64, i64, i64)> {
    std::fs::metadata(path).map(|about| stamp(&about))
}

fn stamp(about: &Metadata) -> (u64, u64, i64, i64) {
    // By its change of status: a `chmod` or `chown` that mends a file counts, too.
    (about.ino(), about.size(), about.ctime(), about.ctime_nsec())
}

fn read(files: &Certificate) -> Result<(Stamp, Arc<ServerConfig>), String> {
    let shown = files.chain.display();
    let (chain, chain_bytes) = open(&files.chain)?;
    let (key, key_bytes) = open(&files.key)?;
    if key.mode() & EVERYBODY != 0 {
        let path = files.key.display();
        return Err(format!("everybody on this machine may read the key `{path}`: `chmod 600 {path}`"));
    }
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain_bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("`{shown}` is not in PEM form: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("`{shown}` has no certificate in PEM form"));
    }
    let private = PrivateKeyDer::from_pem_slice(&key_bytes)
        .map_err(|error| format!("`{}` has no private key in PEM form: {error}", files.key.display()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, private);
    let mut config = config.map_err(|error| {
        format!("the certificate `{shown}` and the key `{}` do not go together: {error}", files.key.display())
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(([stamp(&chain), stamp(&key)], Arc::new(config)))
}

fn open(path: &Path) -> Result<(Metadata, Vec<u8>), String> {
    let read = || {
        // A pipe would be waited for.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let file = File::open(path)?;
        let about = file.metadata()?;
        let mut bytes = Vec::new();
        file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes)?;
        Ok((about, bytes))
    };
    let (about, bytes) =
        read().map_err(|error: io::Error| format!("`{}` cannot be read: {error}", path.display()))?;
    if bytes.len() as u64 > MAX_PEM_BYTES {
        return Err(format!("`{}` is over {MAX_PEM_BYTES} bytes", path.display()));
    }
    Ok((about, bytes))
}
