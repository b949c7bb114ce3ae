//! The page as an axum router.
//! The application merges it; each scrape is one collection. Measurements of series that exist do not wait for it.

use std::io::Write;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::metrics::Metrics;

impl Metrics {
    /// Serves the page at `/metrics`, compressed if the scraper accepts gzip.
    ///
    /// Merge the application, with its trace layer, into this router: scrapes are then neither traced nor measured. The other
    /// way round, requests without a route would not be either, as axum keeps the fallback of the router that is merged last.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// let metrics = hopline_metrics::Metrics::builder().service("orders").build();
    /// let app = Router::new().route("/orders", get(|| async { "orders" })); // with its layers
    /// let app: Router = metrics.router().merge(app);
    /// # let _ = app;
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/metrics", get(page))
            .with_state(self.clone())
    }
}

/// Answers one scrape in the format and coding that it accepts.
///
/// `vary` names both headers, so that a cache between the scraper and the service does not mix the answers.
async fn page(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    let text = |name| {
        let all = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        all.collect::<Vec<_>>().join(",")
    };
    let page = metrics.page(&text(header::ACCEPT));
    let content_type = [
        (header::CONTENT_TYPE, page.content_type),
        (header::VARY, "accept, accept-encoding"),
    ];
    let zipped = accepts_gzip(&text(header::ACCEPT_ENCODING))
        .then(|| gzip(page.body.as_bytes()))
        .flatten();
    match zipped {
        Some(zipped) => {
            (content_type, [(header::CONTENT_ENCODING, "gzip")], zipped).into_response()
        }
        None => (content_type, page.body).into_response(),
    }
}

/// Returns true if the header lists gzip with a weight other than 0 (RFC 9110, section 12.5.3).
fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let refused = |part: &str| {
            part.strip_prefix("q=")
                .is_some_and(|weight| weight.parse() == Ok(0.0))
        };
        parts
            .next()
            .is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"))
            && !parts.any(refused)
    })
}

/// Compresses the page at the fastest level: a page of metrics repeats its names, so more effort saves few bytes.
///
/// Returns `None` if the encoder fails; the page is then sent without compression.
fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
