//! The traced types: pools, connections, transactions, and the traits that create and accept them.
//!
//! The types for everyday use are also at the crate's root. The others are here: an application seldom names them.
//!
//! | type | returned by, or implemented for |
//! |---|---|
//! | [`Pool`], [`TracedPoolOptions`] | [`PoolExt::traced`] on sqlx's `Pool` and `PoolOptions` |
//! | [`PoolConnection`] | [`Pool::acquire`] |
//! | [`Connection`] | the target of `PoolConnection` and `Transaction`; [`ConnectionExt`], [`ConnectOptionsExt`] |
//! | [`Transaction`] | [`Pool::begin`], [`Connection::begin`] |
//! | [`Acquired`] | [`Acquire::acquire`], the bound for functions that take a pool or a connection |
//! | [`Annotated`] | [`Pool::operation`] and the like, [`Connection::operation`] and the like |
//! | [`PoolOfSqlx09`], [`Untraced`] | compiler messages |
//!
//! Depends on [`database`](crate::database), and on the private modules for settings, spans and the log.

mod acquire;
mod annotated;
mod connection;
mod connection_executor;
mod connection_ext;
mod executor;
#[cfg(feature = "migrate")]
mod migrate;
mod pool;
mod pool_connection;
mod pool_executor;
mod pool_ext;
mod pool_options;
mod source;
mod stream;
mod transaction;
mod untraced;

pub use acquire::{Acquire, Acquired};
pub use annotated::Annotated;
pub use connection::Connection;
pub use connection_ext::{ConnectOptionsExt, ConnectionExt};
pub use pool::Pool;
pub use pool_connection::PoolConnection;
pub use pool_ext::{PoolExt, PoolOfSqlx09};
pub use pool_options::TracedPoolOptions;
pub use transaction::Transaction;
pub use untraced::Untraced;
