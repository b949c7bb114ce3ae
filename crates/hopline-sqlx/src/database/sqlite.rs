//! SQLite: a database is its file, without a server and an address.

use std::borrow::Cow;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Sqlite {
    /// The name of the file without its folder, which may contain the name of a user.
    fn endpoint(options: &SqliteConnectOptions) -> Endpoint {
        Self::unknown_endpoint().namespace(if is_in_memory(options) {
            Cow::Borrowed(":memory:")
        } else {
            file_name(options)
        })
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("sqlite", Dialect::Sqlite)
    }

    forward_to_driver!();
}

/// Returns true for databases in memory, in any of the notations of SQLite and sqlx.
fn is_in_memory(options: &SqliteConnectOptions) -> bool {
    let name = file_name(options);
    // a database without a name is a temporary file, deleted with its connection
    name.is_empty() || name.contains(":memory:") || name.contains("sqlx-in-memory")
}

/// The name of the file, without its folder.
fn file_name(options: &SqliteConnectOptions) -> Cow<'_, str> {
    let file = options.get_filename().file_name();
    file.map_or(":memory:".into(), |name| name.to_string_lossy())
}
