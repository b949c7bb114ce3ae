//! The traced types that an application seldom names: returned by methods, or mentioned by the compiler.
//!
//! The types for everyday use are at the crate's root.
//!
//! | type | returned by, or implemented for |
//! |---|---|
//! | [`TracedPoolOptions`] | [`PoolExt::traced`](crate::PoolExt::traced) on sqlx's `PoolOptions` |
//! | [`Acquired`] | [`Acquire::acquire`](crate::Acquire::acquire) |
//! | [`Annotated`] | [`Pool::operation`](crate::Pool::operation) and the like, on pools and connections |
//! | [`PoolOfSqlx09`] | the bound of [`PoolExt`](crate::PoolExt), in compiler messages |
//! | [`Untraced`] | the bound of unsupported uses, in compiler messages |
//!
//! # Layer
//!
//! The folder contains all traced types. It depends on [`database`](crate::database), and on the private modules for settings,
//! spans and the log.

pub(crate) mod acquire;
mod annotated;
pub(crate) mod connection;
mod connection_executor;
pub(crate) mod connection_ext;
mod executor;
#[cfg(feature = "migrate")]
mod migrate;
pub(crate) mod pool;
pub(crate) mod pool_connection;
mod pool_executor;
pub(crate) mod pool_ext;
mod pool_metrics;
mod pool_options;
mod source;
mod stream;
pub(crate) mod transaction;
mod untraced;

pub use acquire::Acquired;
pub use annotated::Annotated;
pub use pool_ext::PoolOfSqlx09;
pub use pool_options::TracedPoolOptions;
pub use untraced::Untraced;
