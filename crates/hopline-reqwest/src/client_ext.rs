//! The method `.traced()` of clients.

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::middleware::TraceMiddleware;

/// Adds `.traced()` to [`reqwest::Client`].
///
/// # Examples
///
/// ```
/// use hopline_reqwest::{ClientExt, ClientWithMiddleware};
///
/// let client: ClientWithMiddleware = reqwest::Client::new().traced();
/// let call = client.get("http://inventory:4002/stock/7").build()?;
/// assert_eq!(call.url().path(), "/stock/7");
/// # Ok::<(), reqwest::Error>(())
/// ```
pub trait ClientExt {
    /// Wraps the client in [`TraceMiddleware`].
    ///
    /// It sends trace headers, but no baggage: reqwest follows redirects inside it, and sends the headers of the first
    /// request to every host. Clients of [`ClientBuilder`](crate::ClientBuilder) send baggage too.
    fn traced(self) -> ClientWithMiddleware;
}

impl<C: ClientOfReqwest013> ClientExt for C {
    fn traced(self) -> ClientWithMiddleware {
        ClientBuilder::new(self.into())
            .with(TraceMiddleware::new())
            .build()
    }
}

/// Marks the type that has `.traced()`: [`reqwest::Client`] of version 0.13.
///
/// A separate trait, so that the compiler prints the remedy for a client of another version. If several traits with a
/// `.traced()` are in scope, it prints only the name of this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `.traced()`: it is no type, or of no version, that hopline wraps",
    label = "cannot be traced",
    note = "hopline-reqwest wraps the `Client` of reqwest 0.13; `cargo tree -d` shows whether another version is in \
            the tree as well"
)]
pub trait ClientOfReqwest013: Into<reqwest::Client> {}

impl ClientOfReqwest013 for reqwest::Client {}
