//! Addresses and settings that the services of one system share.

use std::path::PathBuf;

use hopline::SamplingPlan;
use hopline::view::View;

use crate::collected::Collected;

/// The addresses of the services, and the destination of their spans.
#[derive(Clone, Debug)]
pub struct Environment {
    /// A `sqlite:` or `postgres:` URL.
    pub database: String,
    /// An `amqp:` URL.
    pub broker: String,
    /// The services' own addresses.
    pub urls: Urls,
    /// The sampling plan. Defaults to keeping every trace.
    pub plan: Option<SamplingPlan>,
    /// Writes each service's spans there, as OTLP JSON lines.
    pub spans: Option<PathBuf>,
    /// Collects the spans of all services of this process.
    pub collected: Collected,
    /// Shows the spans of all services of this process, at `/_trace` of the gateway.
    pub view: View,
}

/// The services' base URLs.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Of the gateway.
    pub gateway: String,
    /// Of orders.
    pub orders: String,
    /// Of inventory.
    pub inventory: String,
    /// Of payments.
    pub payments: String,
}

impl Urls {
    /// The services on these loopback ports.
    pub fn on_ports(gateway: u16, orders: u16, inventory: u16, payments: u16) -> Self {
        let url = |port| format!("http://127.0.0.1:{port}");
        Self {
            gateway: url(gateway),
            orders: url(orders),
            inventory: url(inventory),
            payments: url(payments),
        }
    }

    /// The services on hosts that have their names, as in a container network.
    ///
    /// # Examples
    ///
    /// ```
    /// let urls = checkout::Urls::by_name(4000);
    /// assert_eq!(urls.orders, "http://orders:4001");
    /// ```
    pub fn by_name(base: u16) -> Self {
        Self {
            gateway: format!("http://gateway:{base}"),
            orders: format!("http://orders:{}", base + 1),
            inventory: format!("http://inventory:{}", base + 2),
            payments: format!("http://payments:{}", base + 3),
        }
    }

    /// Payments, with the password that it asks for.
    pub fn payments_with_password(&self) -> String {
        self.payments
            .replacen("http://", "http://checkout:hunter2@", 1)
    }
}
