//! SQLite.

use sqlx::sqlite::{Sqlite, SqliteConnectOptions};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Sqlite {
    const SYSTEM: &'static str = "sqlite";
    const DIALECT: Dialect = Dialect::Sqlite;

    /// The file's name without its folder, which may say whose machine it is.
    fn endpoint(options: &SqliteConnectOptions) -> Endpoint {
        let file = options.get_filename();
        let name = file
            .file_name()
            .map_or(":memory:".into(), |name| name.to_string_lossy());
        let in_memory =
            name.is_empty() || name.contains(":memory:") || name.contains("sqlx-in-memory");
        let namespace = if in_memory {
            ":memory:".to_owned()
        } else {
            name.into_owned()
        };
        Endpoint {
            address: None,
            port: None,
            namespace: Some(namespace),
        }
    }

    forward_to_driver!();
}
