//! Certificates for TLS: the ones to trust, and the client's own.
//!
//! The builder and the variables fill it with PEM; both transports apply it. Without the feature `tls` the material can be
//! set by variables, but no endpoint can use it: an `https` endpoint is an error then.

#[cfg(feature = "tls")]
use super::problem::{ConfigError, Problem};

/// Certificates in PEM. Defaults to the platform's trusted certificates and no client certificate.
///
/// It has no `Debug`, so that no key is printed.
#[derive(Clone, Default)]
pub(crate) struct TlsMaterial {
    /// Certificates of authorities to trust in place of the platform's.
    pub(crate) authorities: Option<Vec<u8>>,
    /// The client's certificate and its key; both or neither.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(feature = "tls")]
impl TlsMaterial {
    /// Adds the certificates to a client over HTTP. The gRPC transport calls it too, to validate them.
    ///
    /// # Errors
    ///
    /// Returns an error if a certificate or a key is not PEM that rustls can use.
    pub(super) fn apply(
        &self,
        mut client: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, ConfigError> {
        if let Some(authorities) = self.authorities()? {
            client = client.tls_certs_only(authorities);
        }
        if let Some(identity) = self.identity()? {
            client = client.identity(identity);
        }
        Ok(client)
    }

    /// The certificates to trust; an error if the PEM holds none, since every connection would fail.
    fn authorities(&self) -> Result<Option<Vec<reqwest::Certificate>>, ConfigError> {
        let Some(pem) = &self.authorities else {
            return Ok(None);
        };
        match reqwest::Certificate::from_pem_bundle(pem) {
            Ok(found) if !found.is_empty() => Ok(Some(found)),
            _ => Err(unusable("the certificate to trust")),
        }
    }

    /// The client's certificate and key, as collectors with mutual TLS require them.
    fn identity(&self) -> Result<Option<reqwest::Identity>, ConfigError> {
        let Some((certificate, key)) = &self.client else {
            return Ok(None);
        };
        let pem = [certificate.as_slice(), b"\n", key.as_slice()].concat();
        let identity = reqwest::Identity::from_pem(&pem);
        identity
            .map(Some)
            .map_err(|_| unusable("the client's certificate or key"))
    }
}

#[cfg(feature = "tls")]
/// The error for PEM that cannot be used, without its content.
fn unusable(what: &str) -> ConfigError {
    Problem::Certificate(format!("{what} is not PEM that can be used")).into()
}
