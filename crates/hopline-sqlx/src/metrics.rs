//! The instruments of this crate, by the semantic conventions v1.44, and their attributes.
//!
//! The guards of statements and steps report the first two when their span ends; the pool reports the others.

use hopline_core::metrics::Instrument;
use hopline_core::{Attr, attr, semconv};

use crate::database::Endpoint;

/// Upper bounds in seconds that the conventions advise for databases.
const SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Upper bounds in rows.
///
/// The conventions advise them: three for each power of ten.
const ROWS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0,
];

/// The time from the start of a statement or step to its end, in seconds; that of a query includes the reading of its
/// rows. A failed one has `error.type`.
pub(crate) static OPERATION_DURATION: Instrument =
    Instrument::histogram("db.client.operation.duration", "s")
        .description("Duration of database client operations.")
        .buckets(SECONDS);
/// Not reported for a result that is dropped before its end: the number would be that of the reader.
pub(crate) static RETURNED_ROWS: Instrument =
    Instrument::histogram("db.client.response.returned_rows", "{row}")
        .description("Rows that a statement returned.")
        .buckets(ROWS);

/// Two values for each pool, `idle` and `used`, read at each collection.
pub(crate) static CONNECTIONS: Instrument =
    Instrument::up_down_counter("db.client.connection.count", "{connection}")
        .description("Connections that are open, by state.");
/// `PoolOptions::max_connections`.
pub(crate) static MAX_CONNECTIONS: Instrument =
    Instrument::up_down_counter("db.client.connection.max", "{connection}")
        .description("Open connections that the pool allows.");
/// `PoolOptions::min_connections`: sqlx keeps this number open, in use or not, which is the nearest value that it
/// has.
pub(crate) static MIN_IDLE: Instrument =
    Instrument::up_down_counter("db.client.connection.idle.min", "{connection}")
        .description("Idle connections that the pool keeps.");
/// Read at each collection, so a short wait between two collections is only in `WAIT_TIME`.
pub(crate) static PENDING: Instrument =
    Instrument::up_down_counter("db.client.connection.pending_requests", "{request}")
        .description("Calls that wait for a connection.");
/// Calls that ended with `Error::PoolTimedOut`, since the pool was first used with a meter.
pub(crate) static TIMEOUTS: Instrument =
    Instrument::counter("db.client.connection.timeouts", "{timeout}")
        .description("Calls that waited for a connection until the pool's timeout.");
/// Reported for calls that obtained a connection. A call that times out is in `TIMEOUTS`.
pub(crate) static WAIT_TIME: Instrument =
    Instrument::histogram("db.client.connection.wait_time", "s")
        .description("Time to obtain a connection from the pool.")
        .buckets(SECONDS);
/// Reported when the connection is given back or detached.
pub(crate) static USE_TIME: Instrument =
    Instrument::histogram("db.client.connection.use_time", "s")
        .description("Time from obtaining a connection to its return to the pool.")
        .buckets(SECONDS);

/// An operation as metrics describe it. All strings have few values. The text of a statement is not among them: each
/// would be a time series of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Described<'a> {
    /// `db.operation.name`.
    pub(crate) operation: Option<&'a str>,
    /// `db.collection.name`.
    pub(crate) collection: Option<&'a str>,
    /// The database's code of an error.
    pub(crate) status_code: Option<&'a str>,
    /// `error.type`.
    pub(crate) error_type: Option<&'a str>,
}

/// The attributes of an operation.
pub(crate) fn attributes<'a>(endpoint: &'a Endpoint, described: Described<'a>) -> [Attr<'a>; 8] {
    let [system, namespace, address, port] = endpoint.attributes();
    [
        system,
        namespace,
        address,
        port,
        attr("db.operation.name", described.operation),
        attr("db.collection.name", described.collection),
        attr(semconv::DB_RESPONSE_STATUS_CODE, described.status_code),
        attr("error.type", described.error_type),
    ]
}

/// The attribute of a pool's instruments. Required by the conventions: a process may have several pools of one
/// database.
pub(crate) fn pool_name(name: &str) -> Attr<'_> {
    attr("db.client.connection.pool.name", name)
}
