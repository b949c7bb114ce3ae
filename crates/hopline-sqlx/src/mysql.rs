//! MySQL and MariaDB: traced types by the names and paths that sqlx has for its own.
//!
//! ```no_run
//! # // needs a server
//! # async fn run() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::MySqlPool;
//!
//! // sqlx's driver does not distinguish the products
//! let pool = MySqlPool::connect("mysql://localhost/shop").await?.system("mariadb");
//! sqlx::query("DELETE FROM carts WHERE id = ?").bind(7).execute(&pool).await?; // db.query  DELETE carts
//! # Ok(())
//! # }
//! ```

use sqlx::MySql;

use crate::traced::connection::Connection;
use crate::traced::pool::Pool;
use crate::traced::transaction::Transaction;

/// A traced pool of MySQL or MariaDB connections.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::{MySqlPool, PoolExt};
/// use sqlx::mysql::MySqlPoolOptions;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> sqlx::Result<()> {
/// let pool: MySqlPool = MySqlPoolOptions::new().connect_lazy("mysql://shop@db.example/shop")?.traced();
/// assert_eq!(pool.size(), 0); // its first statement connects
/// # Ok(())
/// # }
/// ```
pub type MySqlPool = Pool<MySql>;
/// A traced connection to MySQL or MariaDB. Replaces sqlx's `MySqlConnection` in the signatures of functions.
pub type MySqlConnection<'c> = Connection<'c, MySql>;
/// A traced transaction of MySQL or MariaDB.
pub type MySqlTransaction<'c> = Transaction<'c, MySql>;
