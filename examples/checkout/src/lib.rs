//! Five services, a database and a queue in one trace.
//!
//! `gateway` verifies the caller and asks `orders`, which writes the order down, has `inventory`
//! reserve the goods and `payments` charge the card, and notifies `worker` through a queue. Read
//! [`services`] first: each file is one service as its team would write it, and what tracing adds to
//! it is one line at each edge.
//!
//! The rest is what makes them run on one machine: [`System`] starts all five in this process,
//! [`drive`] sends one of each request, [`report`] prints the analysis of the spans.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "unpublished: all users are in this workspace"
)]

pub mod args;
pub mod collected;
pub mod database;
pub mod drive;
pub mod environment;
pub mod queue;
pub mod red;
pub mod report;
pub mod service;
pub mod services;
pub mod system;

use serde::{Deserialize, Serialize};

pub use environment::{Environment, Urls};
pub use system::System;

/// An error that ends the example; `main` prints it in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of the example.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A request to buy something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The ordered products.
    pub lines: Vec<Line>,
    /// The number of the card, which no span may show.
    pub card: String,
    /// The outcome of the payment.
    #[serde(default)]
    pub payment: Payment,
    /// The behaviour of the worker.
    #[serde(default)]
    pub worker: queue::Worker,
}

/// A quantity of one product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The product's name.
    pub product: String,
    /// The number of pieces.
    pub quantity: i64,
}

/// The outcome of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// It is accepted at once.
    #[default]
    Accept,
    /// It is accepted after a while.
    Slow,
    /// The card network does not answer.
    Fail,
}
