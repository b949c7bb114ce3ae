//! The page inside an application.

use std::sync::OnceLock;

use axum::Router;
use axum::http::StatusCode;
use hopline_core::notify;

use crate::api::{self, About};
use crate::guard::Guard;
use crate::sink::ViewSink;
use crate::view::View;

/// The path of the page.
pub(crate) const MOUNT: &str = "/_trace";

/// The viewer of this process, which [`sink`] fills and [`router`] serves.
///
/// # Examples
///
/// ```
/// assert_eq!(hopline_view::global().counts().traces, 0);
/// ```
pub fn global() -> &'static View {
    static GLOBAL: OnceLock<View> = OnceLock::new();
    GLOBAL.get_or_init(View::new)
}

/// Creates a sink that puts a tracer's spans into the process's viewer, which [`router`] serves.
///
/// In a build without debug assertions, such as a release, it takes nothing. To collect there too, use
/// `hopline_view::global().sink()`.
///
/// # Examples
///
/// ```
/// let tracer = hopline_core::Tracer::builder().sink(hopline_view::sink()).build();
/// ```
pub fn sink() -> ViewSink {
    if cfg!(debug_assertions) {
        global().sink()
    } else {
        ViewSink::off()
    }
}

/// Creates the routes of the process's viewer, into which an application is merged: the page is at `/_trace`.
///
/// Merge the application into these routes, and not the other way round: axum keeps the fallback of the router that is
/// merged last, and a layer of the application, such as that of its traces, is on its own fallback.
///
/// In a build without debug assertions, such as a release, the page is off: `/_trace` answers 404, and a notice gives the
/// reason. To serve it there too, merge `hopline_view::global().router()`, which always serves.
///
/// # Examples
///
/// ```
/// let app: axum::Router = hopline_view::router().merge(axum::Router::new());
/// ```
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    if cfg!(debug_assertions) {
        return global().router();
    }
    notify("view", || {
        "the trace page is off in a release build; merge `view::global().router()` to serve it"
            .to_owned()
    });
    let off = || async {
        (
            StatusCode::NOT_FOUND,
            "the trace page is off in a release build",
        )
    };
    Router::new().route(MOUNT, axum::routing::get(off))
}

impl View {
    /// Creates the routes of this viewer, into which an application is merged: the page is at `/_trace`.
    ///
    /// Only requests whose `Host` is a loopback address, `localhost` or `*.localhost` are answered; see
    /// [`router_for`](View::router_for) for other hosts. A caller on the network can send any `Host`: where an application
    /// listens beyond loopback, serve it by `into_make_service_with_connect_info::<SocketAddr>()`, so that the page sees
    /// and refuses callers from elsewhere, or do not mount the page.
    ///
    /// # Examples
    ///
    /// ```
    /// let view = hopline_view::View::new();
    /// let app: axum::Router = view.router().merge(axum::Router::new());
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.router_for(&[])
    }

    /// The same, also for requests to these hosts, such as `shop.test`.
    pub fn router_for<S: Clone + Send + Sync + 'static>(&self, hosts: &[String]) -> Router<S> {
        let about = About {
            mode: "app",
            base: "/_trace/",
            receivers: Vec::new(),
        };
        let routes = api::router(self, Guard::new(hosts, None, true), about);
        Router::new().nest_service(MOUNT, routes)
    }
}
