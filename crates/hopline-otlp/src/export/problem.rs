//! The error of an exporter that cannot be built.
//!
//! The builder, the variables, the transports and the spool make it from a [`Problem`]; the facade shows it in a notice.

use std::fmt;
use std::io;

/// The error of an exporter whose settings are unusable.
///
/// `Display` and `Debug` print the same text: the setting and its value without secrets, the fault, the cause, and the
/// [`remedy`](Self::remedy). It has no [`source`](std::error::Error::source), since the text includes the cause: a chain of
/// causes would print it twice.
///
/// # Examples
///
/// ```
/// use hopline_otlp::Exporter;
///
/// let set = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "me:s3cret@collector:4318".to_owned());
/// let error = Exporter::from_variables(&set).unwrap_err();
/// assert!(error.is_endpoint());
/// assert_eq!(error.variable(), Some("OTEL_EXPORTER_OTLP_ENDPOINT"));
/// assert_eq!(error.remedy(), "write http://collector:4318");
/// assert!(error.to_string().starts_with("OTEL_EXPORTER_OTLP_ENDPOINT is `collector:4318`, which is not"));
/// ```
// boxed: it is rare, and every constructor returns it
pub struct ConfigError(Box<Inner>);

struct Inner {
    problem: Problem,
    setting: Option<Setting>,
}

/// A variable, and its value without secrets.
struct Setting {
    variable: String,
    text: String,
}

/// The fault of the settings.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Not a URL for spans, and the corrected one if it is known.
    Endpoint {
        text: String,
        remedy: Option<String>,
    },
    #[cfg(not(feature = "tls"))]
    Tls {
        endpoint: String,
    },
    #[cfg(not(feature = "grpc"))]
    Grpc,
    Header {
        name: String,
    },
    File {
        what: &'static str,
        path: String,
        error: io::Error,
    },
    #[cfg(feature = "tls")]
    Certificate(String),
    /// A client certificate without its key, or the reverse.
    HalfIdentity,
    Client(String),
    Thread(io::Error),
    #[cfg(feature = "spool")]
    Spool {
        path: String,
        error: io::Error,
    },
}

impl ConfigError {
    /// Adds the variable that holds the faulty setting, and its value without secrets.
    pub(super) fn set_by(mut self, variable: impl Into<String>, text: impl Into<String>) -> Self {
        let (variable, text) = (variable.into(), text.into());
        self.0.setting = Some(Setting { variable, text });
        self
    }

    /// True if the endpoint is not an absolute `http` or `https` URL.
    ///
    /// ```
    /// let error = hopline_otlp::Exporter::builder().endpoint("collector").build().unwrap_err();
    /// assert!(error.is_endpoint() && !error.is_certificate());
    /// ```
    pub fn is_endpoint(&self) -> bool {
        matches!(self.0.problem, Problem::Endpoint { .. })
    }

    /// True if this build lacks a feature that the settings need: `grpc`, or `tls` for an `https` endpoint.
    pub fn is_missing_feature(&self) -> bool {
        match self.0.problem {
            #[cfg(not(feature = "tls"))]
            Problem::Tls { .. } => true,
            #[cfg(not(feature = "grpc"))]
            Problem::Grpc => true,
            _ => false,
        }
    }

    /// True if a certificate or a key is missing or unusable, or if only one of a client's two is set.
    pub fn is_certificate(&self) -> bool {
        match self.0.problem {
            Problem::File { .. } | Problem::HalfIdentity => true,
            #[cfg(feature = "tls")]
            Problem::Certificate(_) => true,
            _ => false,
        }
    }

    /// True if the spool's folder cannot be used: another exporter may have it. An exporter without a spool may work.
    pub fn is_spool(&self) -> bool {
        #[cfg(feature = "spool")]
        return matches!(self.0.problem, Problem::Spool { .. });
        #[cfg(not(feature = "spool"))]
        false
    }

    /// The environment variable with the faulty setting; `None` if code set it.
    pub fn variable(&self) -> Option<&str> {
        let setting = self.0.setting.as_ref();
        setting.map(|setting| setting.variable.as_str())
    }

    /// The remedy: an imperative sentence for the operator, which the error's text ends with.
    pub fn remedy(&self) -> String {
        match &self.0.problem {
            Problem::Endpoint { remedy, .. } => remedy
                .clone()
                .unwrap_or_else(|| "write a URL such as http://localhost:4318".to_owned()),
            #[cfg(not(feature = "tls"))]
            Problem::Tls { .. } => {
                "enable the feature `tls` of hopline-otlp (`otlp-tls` of hopline), or use http".to_owned()
            }
            #[cfg(not(feature = "grpc"))]
            Problem::Grpc => "enable the feature `grpc` of hopline-otlp (`otlp-grpc` of hopline), or use http/protobuf, \
                 whose usual port is 4318"
                .to_owned(),
            Problem::Header { .. } => {
                "use a name of letters, digits and `-`, and a value without control characters".to_owned()
            }
            Problem::File { .. } => "name a PEM file that this process may read".to_owned(),
            #[cfg(feature = "tls")]
            Problem::Certificate(_) => "give certificates and keys in PEM".to_owned(),
            Problem::HalfIdentity => "set both, or neither".to_owned(),
            Problem::Client(_) | Problem::Thread(_) => {
                "check the limits of this process on threads, files and memory".to_owned()
            }
            #[cfg(feature = "spool")]
            Problem::Spool { .. } => {
                "name a folder that this account owns and no other can write to, such as a new one below it".to_owned()
            }
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { problem, setting } = &*self.0;
        if let Some(Setting { variable, text }) = setting {
            write!(f, "{variable} is `{text}`, which ")?;
        }
        let named = setting.is_some();
        match problem {
            Problem::Endpoint { .. } if named => {
                f.write_str("is not an absolute http or https URL with a host")?;
            }
            Problem::Endpoint { text, .. } => write!(
                f,
                "the OTLP endpoint `{text}` is not an absolute http or https URL with a host"
            )?,
            #[cfg(not(feature = "tls"))]
            Problem::Tls { .. } if named => f.write_str("needs TLS, and this build has none")?,
            #[cfg(not(feature = "tls"))]
            Problem::Tls { endpoint } => write!(
                f,
                "the OTLP endpoint {endpoint} needs TLS, and this build has none"
            )?,
            #[cfg(not(feature = "grpc"))]
            Problem::Grpc if named => f.write_str("this build cannot speak")?,
            #[cfg(not(feature = "grpc"))]
            Problem::Grpc => f.write_str("OTLP over gRPC is not in this build")?,
            Problem::Header { name } => write!(
                f,
                "the header {name:?} has an invalid name or an invalid value"
            )?,
            Problem::File { error, .. } if named => write!(f, "cannot be read: {error}")?,
            Problem::File { what, path, error } => {
                write!(f, "{what} cannot be read from {path}: {error}")?;
            }
            #[cfg(feature = "tls")]
            Problem::Certificate(why) if named => write!(f, "cannot be used: {why}")?,
            #[cfg(feature = "tls")]
            Problem::Certificate(why) => f.write_str(why)?,
            Problem::HalfIdentity if named => {
                f.write_str("is half of a client's certificate and key")?;
            }
            Problem::HalfIdentity => {
                f.write_str("a client's certificate and its key go together")?
            }
            Problem::Client(why) => write!(f, "the client for OTLP cannot be set up: {why}")?,
            Problem::Thread(error) => write!(f, "the export thread cannot be started: {error}")?,
            #[cfg(feature = "spool")]
            Problem::Spool { error, .. } if named => write!(f, "cannot be the spool: {error}")?,
            #[cfg(feature = "spool")]
            Problem::Spool { path, error } => {
                write!(f, "the spool {path} cannot be used: {error}")?;
            }
        }
        write!(f, "; {}", self.remedy())
    }
}

// no source: the text includes that of the cause, and a chain of causes would print it twice
impl std::error::Error for ConfigError {}

hopline_core::debug_as_display!(ConfigError);

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        let setting = None;
        Self(Box::new(Inner { problem, setting }))
    }
}
