//! The client side: [`ClientLayer`], and the service and future that it makes.
//!
//! Applications use [`hopline_tower::ClientLayer`](crate::ClientLayer); the other names are for signatures. A layer holds the
//! settings, its service shares them with a future for each call, and the future moves the span into the body if it ends
//! there.

mod future;
mod layer;
mod service;
mod settings;

pub use future::CallFuture;
pub use hopline_http::client::CallBody;
pub use layer::ClientLayer;
pub use service::TraceClient;
