//! MySQL and MariaDB.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlDatabaseError};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

const DEFAULT_PORT: u16 = 3306;

impl TracedDatabase for MySql {
    fn endpoint(options: &MySqlConnectOptions) -> Endpoint {
        let socket = options.get_socket().map(|path| path.display().to_string());
        let port = socket
            .is_none()
            .then(|| options.get_port())
            .filter(|port| *port != DEFAULT_PORT);
        Endpoint {
            system: "mysql",
            dialect: Dialect::MySql,
            address: socket.or_else(|| Some(options.get_host().to_owned())),
            port,
            namespace: options.get_database().map(str::to_owned),
        }
    }

    /// The vendor's number, which says more than its SQLSTATE.
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
        Some(error.number().to_string().into())
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("mysql", Dialect::MySql)
    }

    forward_to_driver!();
}
