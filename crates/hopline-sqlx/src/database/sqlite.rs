//! SQLite.

use std::borrow::Cow;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Sqlite {
    /// The file's name without its folder, which may say whose machine it is.
    fn endpoint(options: &SqliteConnectOptions) -> Endpoint {
        let namespace = if is_in_memory(options) {
            ":memory:".to_owned()
        } else {
            file_name(options).into_owned()
        };
        Endpoint {
            system: "sqlite",
            dialect: Dialect::Sqlite,
            address: None,
            port: None,
            namespace: Some(namespace),
        }
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("sqlite", Dialect::Sqlite)
    }

    forward_to_driver!();
}

fn is_in_memory(options: &SqliteConnectOptions) -> bool {
    let name = file_name(options);
    // without a name it is a file that is deleted with its connection
    name.is_empty() || name.contains(":memory:") || name.contains("sqlx-in-memory")
}

fn file_name(options: &SqliteConnectOptions) -> Cow<'_, str> {
    let file = options.get_filename().file_name();
    file.map_or(":memory:".into(), |name| name.to_string_lossy())
}
