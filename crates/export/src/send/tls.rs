//! TLS by rustls, with certificates of a file.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The most bytes of a file with certificates.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The certificates of a file, read anew each time so that a new one is used at once.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("`{shown}` is over {MAX_FILE_BYTES} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("`{shown}` has no certificate in PEM form")),
        Err(error) => Err(format!("`{shown}` is not in PEM form: {error}")),
    }
}

/// A connector that trusts what the certificates of `path` have signed, and nothing else.
pub(super) fn connector(path: &Path) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
