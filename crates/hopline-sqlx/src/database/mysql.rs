//! MySQL and MariaDB.

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlDatabaseError};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

const DEFAULT_PORT: u16 = 3306;

impl TracedDatabase for MySql {
    const SYSTEM: &'static str = "mysql";
    const DIALECT: Dialect = Dialect::MySql;

    fn endpoint(options: &MySqlConnectOptions) -> Endpoint {
        let socket = options.get_socket().map(|path| path.display().to_string());
        let port = socket
            .is_none()
            .then(|| options.get_port())
            .filter(|port| *port != DEFAULT_PORT);
        Endpoint {
            address: socket.or_else(|| Some(options.get_host().to_owned())),
            port,
            namespace: options.get_database().map(str::to_owned),
        }
    }

    /// The vendor's number, which says more than its SQLSTATE.
    fn status_code(error: &(dyn DatabaseError + 'static)) -> Option<String> {
        let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
        Some(error.number().to_string())
    }

    forward_to_driver!();
}
