//! What it takes to kill a broker under its clients and to know what became of every message.
//!
//! The program (`cargo xtask chaos`) does so with many messages; `tests/recovery.rs` looks closely at few.

pub mod args;
pub mod consumers;
pub mod ledger;
pub mod publisher;
pub mod rabbit;
pub mod recorded;

use lapin::{Connection, ConnectionProperties};

pub use ledger::Ledger;
pub use rabbit::Rabbit;

/// Whatever stops it; `main` prints it in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of this program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Connects with lapin's recovery on, which tries again soon: the broker comes back within seconds.
///
/// # Errors
///
/// The broker cannot be reached.
pub async fn connect(url: &str) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default().configure_backoff(|backoff| {
        let often = backoff.with_min_delay(std::time::Duration::from_millis(200));
        let evenly = often
            .with_factor(1.2)
            .with_max_delay(std::time::Duration::from_secs(2));
        evenly.with_max_times(10_000)
    });
    Connection::connect(url, properties.enable_auto_recover()).await
}
