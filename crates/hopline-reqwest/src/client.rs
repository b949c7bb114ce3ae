//! How a client becomes a traced one.

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::middleware::TraceMiddleware;

/// Adds `.traced()` to clients.
pub trait ClientExt {
    /// The same client with [`TraceMiddleware`] around every call.
    fn traced(self) -> ClientWithMiddleware;
}

impl ClientExt for reqwest::Client {
    fn traced(self) -> ClientWithMiddleware {
        ClientBuilder::new(self)
            .with(TraceMiddleware::new())
            .build()
    }
}
