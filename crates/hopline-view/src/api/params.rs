//! Parameters of queries and paths.
//! The routes take `Params` as an extractor. Each method returns `bad_parameter` with the name of the parameter.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use hopline_core::{SpanId, TraceId};

use crate::Search;
use crate::error::ApiError;

/// The parameters of a query, by name.
///
/// Of a parameter that is given twice, the last counts.
#[derive(Debug)]
pub(crate) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(params)| Self(params))
            .map_err(|error| ApiError::bad_parameter(error.to_string()))
    }
}

impl Params {
    /// The text of a parameter, decoded; `None` if it is absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The search words of `q`.
    ///
    /// # Errors
    ///
    /// `bad_query` with the place of the problem, which the page underlines.
    pub(crate) fn search(&self) -> Result<Search, ApiError> {
        Ok(self.text("q").unwrap_or_default().parse()?)
    }

    /// A number up to `max`.
    ///
    /// A larger one is lowered to `max`, so that a list stays bounded; an absent one is `default`.
    pub(crate) fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let number: usize = text
            .parse()
            .map_err(|_| ApiError::bad_parameter(format!("{name}: not a number")))?;
        Ok(number.min(max))
    }

    /// A trace id.
    ///
    /// # Errors
    ///
    /// Returns an error if it is absent or not an id.
    pub(crate) fn trace(&self, name: &str) -> Result<TraceId, ApiError> {
        trace_id(
            self.text(name)
                .ok_or_else(|| ApiError::bad_parameter(format!("{name}: missing")))?,
        )
    }
}

/// Parses a trace id of 32 digits; capitals are accepted, as people paste ids from other tools.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    TraceId::from_hex(&text.to_ascii_lowercase()).map_err(|_| ApiError::bad_id())
}

/// Parses a span id of 16 digits.
pub(crate) fn span_id(text: &str) -> Result<SpanId, ApiError> {
    SpanId::from_hex(&text.to_ascii_lowercase()).map_err(|_| ApiError::bad_id())
}
