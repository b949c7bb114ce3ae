//! PostgreSQL.

use sqlx::postgres::{PgConnectOptions, Postgres};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

const DEFAULT_PORT: u16 = 5432;

impl TracedDatabase for Postgres {
    fn endpoint(options: &PgConnectOptions) -> Endpoint {
        let socket = options.get_socket().map(|path| path.display().to_string());
        let port = socket
            .is_none()
            .then(|| options.get_port())
            .filter(|port| *port != DEFAULT_PORT);
        Endpoint {
            system: "postgresql",
            dialect: Dialect::Postgres,
            address: socket.or_else(|| Some(options.get_host().to_owned())),
            port,
            // as libpq: who names no database means the one of the user's name
            namespace: Some(
                options
                    .get_database()
                    .unwrap_or_else(|| options.get_username())
                    .to_owned(),
            ),
        }
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("postgresql", Dialect::Postgres)
    }

    forward_to_driver!();
}
