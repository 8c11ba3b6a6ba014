//! What TLS connections are made with: roots, session resumption, the protocol to be spoken.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// TLS sessions that are remembered for resumption, by server.
///
/// Limit (sessions): more servers than one client speaks to at a time.
const SESSIONS: usize = 256;

/// Which certificates are trusted.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Certificates of authorities that are trusted beside the system's, PEM.
    pub extra_roots: Vec<Vec<u8>>,
    /// Trust only [`extra_roots`](Self::extra_roots).
    pub only_extra_roots: bool,
}

/// Makes the configuration of a client. Reads the system's roots from files: for a thread that may wait.
///
/// The system's roots are those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or that lie where its
/// distribution has them; where there are none, Mozilla's as of this build.
///
/// # Errors
///
/// If an extra root is no certificate.
pub fn tls_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    if !options.only_extra_roots {
        let system = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(system.certs);
        if added == 0 {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    for pem in &options.extra_roots {
        let mut any = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| format!("an extra root cannot be read: {error}"))?;
            roots.add(certificate).map_err(|error| format!("an extra root is not valid: {error}"))?;
            any = true;
        }
        if !any {
            return Err("an extra root holds no certificate".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// What a person needs to know of a failed handshake.
pub(crate) fn describe(host: &str, error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error};
    let reason = match error {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its certificate is signed by an authority that is not trusted".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            CertificateError::Revoked => "its certificate was revoked".to_owned(),
            other => format!("its certificate is not valid: {other}"),
        },
        Error::AlertReceived(alert) => format!("it refused the handshake: {alert:?}"),
        Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        other => other.to_string(),
    };
    format!("no secure connection to {host}: {reason}")
}
