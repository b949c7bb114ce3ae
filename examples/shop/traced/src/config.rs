//! Settings of the environment.

use std::net::SocketAddr;

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    pub(crate) payments_url: String,
    pub(crate) queue: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("SHOP_LISTEN is no address: {0}")]
    Address(#[from] std::net::AddrParseError),
}

impl Config {
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            listen: optional("SHOP_LISTEN", "127.0.0.1:3000").parse()?,
            database_url: required("SHOP_DATABASE_URL")?,
            amqp_url: required("SHOP_AMQP_URL")?,
            payments_url: required("SHOP_PAYMENTS_URL")?,
            queue: optional("SHOP_QUEUE", "shop.orders"),
        })
    }
}

fn required(name: &'static str) -> Result<String, ConfigError> {
    std::env::var(name).map_err(|_| ConfigError::Missing(name))
}

fn optional(name: &'static str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}
