//! The address of a database. Drivers derive it from connect options; each span carries its attributes.

use hopline_core::{Attr, Literal, attr, semconv};

use crate::redact::Dialect;

/// A database's product, dialect and address, without credentials.
///
/// A traced pool derives it from its connect options. Construct one for
/// [`EventSpans`](crate::EventSpans), or in an implementation of [`TracedDatabase`](crate::TracedDatabase).
///
/// ```
/// use hopline_sqlx::database::{Dialect, Endpoint};
///
/// let endpoint = Endpoint::new("postgresql", Dialect::Postgres)
///     .address("db.internal")
///     .port(5433)
///     .namespace("shop");
/// assert_eq!(endpoint.namespace.as_deref(), Some("shop"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The product, recorded as `db.system.name`.
    pub system: &'static str,
    /// The dialect by which statements are redacted.
    pub dialect: Dialect,
    /// The host or the path of the socket, recorded as `server.address`.
    pub address: Option<String>,
    /// The port, recorded as `server.port`. None if it is the product's default.
    pub port: Option<u16>,
    /// The name of the database, recorded as `db.namespace`.
    pub namespace: Option<String>,
}

impl Endpoint {
    /// A database without an address and a name.
    ///
    /// `system` is a value of `db.system.name` in the semantic conventions, such as `postgresql`.
    pub fn new(system: &'static str, dialect: Dialect) -> Self {
        Self {
            system,
            dialect,
            address: None,
            port: None,
            namespace: None,
        }
    }

    /// Sets the host or the path of the socket.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Sets the port, if it is not the product's default.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the name of the database.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the address of a server that listens on a socket or on a host and a port.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn server(
        self,
        socket: Option<&std::path::Path>,
        host: &str,
        port: u16,
        default_port: u16,
    ) -> Self {
        match socket {
            Some(path) => self.address(path.display().to_string()),
            None if port == default_port => self.address(host),
            None => self.address(host).port(port),
        }
    }

    pub(crate) fn attributes(&self) -> [Attr<'_>; 4] {
        [
            attr(semconv::DB_SYSTEM_NAME, Literal(self.system)),
            attr(semconv::DB_NAMESPACE, self.namespace.as_deref()),
            attr(semconv::SERVER_ADDRESS, self.address.as_deref()),
            attr(semconv::SERVER_PORT, self.port),
        ]
    }
}
