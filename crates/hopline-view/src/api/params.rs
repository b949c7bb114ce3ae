//! Parameters of queries and paths.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use hopline_core::{SpanId, TraceId};

use crate::Search;
use crate::error::ApiError;

/// The parameters of a query, by name.
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
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The search words of `q`.
    pub(crate) fn search(&self) -> Result<Search, ApiError> {
        Ok(self.text("q").unwrap_or_default().parse()?)
    }

    /// A number up to `max`.
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
    pub(crate) fn trace(&self, name: &str) -> Result<TraceId, ApiError> {
        trace_id(
            self.text(name)
                .ok_or_else(|| ApiError::bad_parameter(format!("{name}: missing")))?,
        )
    }
}

pub(crate) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    TraceId::from_hex(&text.to_ascii_lowercase()).map_err(|_| ApiError::bad_id())
}

pub(crate) fn span_id(text: &str) -> Result<SpanId, ApiError> {
    SpanId::from_hex(&text.to_ascii_lowercase()).map_err(|_| ApiError::bad_id())
}
