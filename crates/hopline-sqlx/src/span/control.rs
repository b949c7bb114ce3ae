//! Steps without a text of the application: transaction control and the life of connections.
//!
//! | step | span | conventional name, `db.operation.name` | recorded |
//! |---|---|---|---|
//! | `begin`, `commit`, `rollback` | `db.begin`, … | `BEGIN`, `COMMIT`, `ROLLBACK` | always |
//! | the same of a nested transaction | `db.savepoint`, `db.release`, `db.rollback_to` | `SAVEPOINT`, … | always |
//! | a wait for a connection | `db.acquire` | `ACQUIRE` | with `wait_spans` |
//! | `acquire`, `ping`, `open_connection` | `db.acquire`, `db.ping`, `db.connect` | `ACQUIRE`, `PING`, `CONNECT` | with `connection_spans` |

use hopline_core::{Attr, Literal, attr, semconv::SpanNames};

/// A step whose operation is known without reading a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    /// The default name of the span.
    name: &'static str,
    /// The operation, and the name of the span by the semantic conventions.
    pub(crate) conventional: &'static str,
}

impl Control {
    pub(crate) const ACQUIRE: Self = Self::new("db.acquire", "ACQUIRE");
    pub(crate) const BEGIN: Self = Self::new("db.begin", "BEGIN");
    pub(crate) const COMMIT: Self = Self::new("db.commit", "COMMIT");
    pub(crate) const CONNECT: Self = Self::new("db.connect", "CONNECT");
    pub(crate) const PING: Self = Self::new("db.ping", "PING");
    pub(crate) const RELEASE: Self = Self::new("db.release", "RELEASE SAVEPOINT");
    pub(crate) const ROLLBACK: Self = Self::new("db.rollback", "ROLLBACK");
    pub(crate) const ROLLBACK_TO: Self = Self::new("db.rollback_to", "ROLLBACK TO SAVEPOINT");
    pub(crate) const SAVEPOINT: Self = Self::new("db.savepoint", "SAVEPOINT");

    const fn new(name: &'static str, conventional: &'static str) -> Self {
        Self { name, conventional }
    }

    /// The name of the span.
    pub(super) fn name(self, names: SpanNames) -> &'static str {
        match names {
            SpanNames::Hopline => self.name,
            SpanNames::Conventions => self.conventional,
        }
    }

    /// The operation as an attribute. The semantic conventions derive the span's name from it.
    pub(super) fn operation(self) -> Attr<'static> {
        attr("db.operation.name", Literal(self.conventional))
    }
}
