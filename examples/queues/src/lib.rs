//! Three programs behind a queue, as one writes them: [`worker`], [`prices`] and [`import`].
//!
//! The rest is what makes them run here: [`Queue`] has a broker of its own or uses `AMQP_URL`, and [`Shown`] keeps
//! the spans to print them.

pub mod import;
pub mod prices;
pub mod queue;
pub mod shown;
pub mod worker;

pub use queue::Queue;
pub use shown::Shown;

/// An error that ends it; `main` prints it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of the examples.
pub type Result<T, E = Error> = std::result::Result<T, E>;
