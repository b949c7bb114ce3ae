//! Why there can be no exporter.

/// The exporter cannot work with what it was told.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConfigError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the OTLP endpoint {0} is not an absolute http or https URL with a host")]
    Endpoint(String),
    #[cfg(not(feature = "tls"))]
    #[error(
        "the OTLP endpoint {0} needs TLS: enable the feature `tls` of hopline-otlp (`otlp-tls` of hopline), or use http"
    )]
    Tls(String),
    #[cfg(not(feature = "grpc"))]
    #[error(
        "OTLP over gRPC is asked for: enable the feature `grpc` of hopline-otlp (`otlp-grpc` of hopline), or use \
         http/protobuf, whose usual port is 4318"
    )]
    Grpc,
    #[error("{0:?} is not a valid header name, or its value is not valid")]
    Header(String),
    #[error("{what} cannot be read from {path}: {error}")]
    File {
        what: &'static str,
        path: String,
        error: std::io::Error,
    },
    #[error("{0}")]
    Certificate(String),
    #[error("the client for OTLP cannot be set up: {0}")]
    Client(String),
    #[error("the export thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[cfg(feature = "spool")]
    #[error("the spool {path} cannot be used: {error}")]
    Spool { path: String, error: std::io::Error },
}
