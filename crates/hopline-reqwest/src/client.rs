//! Adds `.traced()` to clients.

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::middleware::TraceMiddleware;

/// Adds `.traced()` to clients.
///
/// # Examples
///
/// ```
/// use hopline_reqwest::ClientExt;
///
/// let client = reqwest::Client::new().traced();
/// ```
pub trait ClientExt {
    /// The same client with [`TraceMiddleware`] around every call.
    ///
    /// It sends trace headers and no baggage, since reqwest follows redirects inside it and takes the headers of the
    /// first request to every host. [`builder`](crate::builder) makes clients that send baggage, too.
    fn traced(self) -> ClientWithMiddleware;
}

impl<C: ClientOfReqwest013> ClientExt for C {
    fn traced(self) -> ClientWithMiddleware {
        ClientBuilder::new(self.into())
            .with(TraceMiddleware::new())
            .build()
    }
}

/// The client that `.traced()` is for: [`reqwest::Client`] of version 0.13.
///
/// A trait by itself, so that the compiler names the remedy where `.traced()` is called on the client of another
/// version. Where more traits with a `.traced()` are in scope, it prints this trait's name alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `.traced()`: it is no type, or of no version, that hopline wraps",
    label = "cannot be traced",
    note = "hopline-reqwest wraps the `Client` of reqwest 0.13; `cargo tree -d` shows whether another version is in \
            the tree as well"
)]
pub trait ClientOfReqwest013: Into<reqwest::Client> {}

impl ClientOfReqwest013 for reqwest::Client {}
