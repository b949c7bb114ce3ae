//! The client side: [`ClientLayer`], and the service and future that it makes.
//!
//! Applications use [`hopline_tower::ClientLayer`](crate::ClientLayer); the other names are for signatures.

mod future;
mod layer;
mod service;
mod settings;

pub use future::CallFuture;
pub use hopline_http::client::CallBody;
pub use layer::ClientLayer;
pub use service::TraceClient;
