//! TLS, and who a caller is by its certificate.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What a front shows of itself, and whom it lets in; PEM.
pub struct TlsFiles {
    /// Certificate chain, the front's own first.
    pub certificate: Vec<u8>,
    /// The private key of that certificate.
    pub key: Vec<u8>,
    /// The CAs one of which must have signed a caller's certificate; none lets everybody in.
    pub client_ca: Option<Vec<u8>>,
}

/// Why TLS cannot be served with these files; the words never show a key.
#[derive(Debug, thiserror::Error)]
#[error("tls.{setting}: {words}")]
pub struct TlsError {
    setting: &'static str,
    words: String,
}

pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("certificate_file", &error))?;
    let key = private_key(&provider, &files.key)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca_file", pem)? {
                roots
                    .add(certificate)
                    .map_err(|error| refused("client_ca_file", &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| refused("client_ca_file", &error))?)
        }
    };
    let mut config = builder
        .with_single_cert(certificates("certificate_file", &files.certificate)?, key)
        .map_err(|error| refused("certificate_file", &error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// OpenSSL, which tried it before, knows more kinds.
fn private_key(provider: &CryptoProvider, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| refused("key_file", &error))?;
    provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(|error| {
            let words = format!("{error}; name a key of RSA, ECDSA (P-256 or P-384) or Ed25519");
            refused("key_file", &words)
        })?;
    Ok(key)
}

fn certificates(setting: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| refused(setting, &error))?;
    if found.is_empty() {
        return Err(refused(setting, &"holds no certificate in PEM; name a file that does"));
    }
    Ok(found)
}

fn refused(setting: &'static str, words: &dyn std::fmt::Display) -> TlsError {
    TlsError {
        setting,
        words: words.to_string(),
    }
}

/// The first alternative name of a certificate, or else its common name.
pub(crate) fn identity(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let named = alternative.and_then(|names| names.value.general_names.iter().find_map(text));
    named.or_else(|| {
        let common = certificate.subject().iter_common_name().next()?;
        common.as_str().ok().map(str::to_owned)
    })
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::URI(text) | GeneralName::RFC822Name(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}
