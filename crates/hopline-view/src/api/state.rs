//! The state that each route gets.

use std::sync::Arc;

use crate::assets::Document;
use crate::view::View;

/// All that a route needs.
///
/// Cloned for each request, which counts references.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// The store.
    pub(crate) view: View,
    /// The page's document for this base.
    pub(crate) document: Arc<Document>,
    /// Facts of the listener.
    pub(crate) about: Arc<About>,
}

/// The facts of a listener or mount that the page shows.
#[derive(Debug)]
pub(crate) struct About {
    /// `server` for a port of its own, `app` within an application.
    pub(crate) mode: &'static str,
    /// Path prefix of page and API, with a slash at its end.
    pub(crate) base: &'static str,
    /// Addresses to send OTLP to, as text.
    pub(crate) receivers: Vec<String>,
}
