//! Settings of a server layer, shared by the layer, its service and the start of spans.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use hopline_core::{Tracer, Trust, semconv::OlderNames};
use http::{Extensions, HeaderMap, Method, Uri};

use super::framework::Framework;
use super::options::{OnRequest, Options};
use super::trace_headers::TraceHeaders;

/// The settings that most layers have, and a pointer to the others.
///
/// axum clones the service for each request, and the settings with it, so they are small: without rare options and
/// without a tracer of its own, a clone changes no reference count.
#[derive(Clone, Debug)]
pub(crate) struct Settings<F> {
    /// The layer's own tracer. None for the installed one, looked up for each request.
    pub(crate) tracer: Option<Tracer>,
    /// Records older attribute names beside the current ones.
    pub(crate) older_names: bool,
    /// The use of the caller's context, unless the options decide by request.
    pub(crate) trust: Trust,
    /// The trace headers of responses.
    pub(crate) headers: TraceHeaders,
    /// None if the layer has no rare options.
    options: Option<Arc<Options>>,
    framework: PhantomData<fn() -> F>,
}

impl<F: Framework> Settings<F> {
    /// Reads the defaults from the environment.
    pub(crate) fn from_env() -> Self {
        Self {
            tracer: None,
            older_names: OlderNames::from_env().http,
            trust: Trust::Continue,
            headers: TraceHeaders::default(),
            options: Options::from_env(),
            framework: PhantomData,
        }
    }

    /// Returns the rare options.
    pub(crate) fn options(&self) -> Option<&Options> {
        self.options.as_deref()
    }

    /// Returns a handle to the rare options if one of them uses the response.
    pub(crate) fn response_options(&self) -> Option<Arc<Options>> {
        let options = self.options.as_ref()?;
        options.use_response().then(|| Arc::clone(options))
    }

    /// Returns true if the requests that are being served are counted.
    pub(crate) fn counts_active_requests(&self) -> bool {
        self.options()
            .is_some_and(|options| options.active_requests)
    }

    /// Returns true if the sizes of bodies are measured.
    pub(crate) fn measures_body_sizes(&self) -> bool {
        self.options().is_some_and(|options| options.body_sizes)
    }

    /// Changes the rare options; copies them if another layer shares them.
    pub(crate) fn change_options(&mut self, change: impl FnOnce(&mut Options)) {
        change(Arc::make_mut(self.options.get_or_insert_default()));
    }

    /// Sets the trust of all requests, instead of a function that decides by request.
    pub(crate) fn set_trust(&mut self, trust: Trust) {
        self.trust = trust;
        if self.options.is_some() {
            self.change_options(|options| options.trust = None);
        }
    }

    /// Returns the trust in the caller of a request.
    pub(crate) fn trust(&self, headers: &HeaderMap, extensions: &Extensions) -> Trust {
        match self.options().and_then(|options| options.trust.as_deref()) {
            Some(choose) => choose(headers, extensions),
            None => self.trust,
        }
    }

    /// Returns the hook for requests.
    pub(crate) fn request_hook(&self) -> Option<&OnRequest> {
        self.options()?.on_request.as_deref()
    }

    /// Returns false for requests that the filter leaves out.
    pub(crate) fn is_wanted(&self, method: &Method, uri: &Uri) -> bool {
        let filter = self.options().and_then(|options| options.filter.as_deref());
        filter.is_none_or(|filter| filter(method, uri))
    }

    /// Finds the route: by the layer's function, else the framework's.
    pub(crate) fn route<'a>(&self, uri: &'a Uri, extensions: &'a Extensions) -> Option<&'a str> {
        match self.options().and_then(|options| options.route) {
            Some(route) => route(uri, extensions),
            None => F::route(uri, extensions),
        }
    }

    /// Finds the original URI: by the layer's function, else the framework's.
    pub(crate) fn original_uri<'a>(&self, uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
        match self.options().and_then(|options| options.original_uri) {
            Some(original) => original(uri, extensions),
            None => F::original_uri(uri, extensions),
        }
    }

    /// Finds the peer: by the layer's function, else the framework's.
    pub(crate) fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        match self.options().and_then(|options| options.peer) {
            Some(peer) => peer(extensions),
            None => F::peer(extensions),
        }
    }
}
