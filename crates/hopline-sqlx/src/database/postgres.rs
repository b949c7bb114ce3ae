//! PostgreSQL.

use sqlx::postgres::{PgConnectOptions, Postgres};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

const DEFAULT_PORT: u16 = 5432;

impl TracedDatabase for Postgres {
    /// Names the database as libpq does: without a name, the database has the name of the user.
    fn endpoint(options: &PgConnectOptions) -> Endpoint {
        let socket = options.get_socket().map(|path| &**path);
        let database = options.get_database();
        Self::unknown_endpoint()
            .server(socket, options.get_host(), options.get_port(), DEFAULT_PORT)
            .namespace(database.unwrap_or_else(|| options.get_username()))
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("postgresql", Dialect::Postgres)
    }

    forward_to_driver!();
}
