//! Three programs that use queues: [`worker`], [`prices`] and [`import`].
//!
//! [`Queue`] connects to `AMQP_URL`, or to a broker in the process; [`Shown`] keeps the spans to print them.

pub mod import;
pub mod prices;
pub mod queue;
pub mod shown;
pub mod worker;

pub use queue::Queue;
pub use shown::Shown;

/// An error that ends a program; `main` prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of the examples.
pub type Result<T, E = Error> = std::result::Result<T, E>;
