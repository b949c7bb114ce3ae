//! The page's document and files.
//! `router` calls it for each path that is not the API's. Nothing here reads the store.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::state::Api;
use crate::assets::{self, INDEX};
use crate::error::ApiError;

/// Paths of the page's views, which all have the one document. A path that is not in the list is a file or an error,
/// so that a wrong link has an answer of 404.
const VIEWS: [&str; 5] = ["", "services", "map", "compare", "about"];

/// Serves the document, with its content security policy: its one inline script is allowed by its hash.
///
/// The document differs by the base of the viewer, so it is made once for each router.
pub(super) async fn document(State(api): State<Api>, headers: HeaderMap) -> Response {
    let mut response = file(
        &headers,
        "text/html; charset=utf-8",
        api.document.html.clone().into_bytes(),
    );
    if let Ok(policy) = HeaderValue::from_str(&api.document.policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Serves a file of the page, or the document for a view of the page, whose path the script reads.
///
/// The document itself is not served under its file name: it would have neither the base nor the policy.
///
/// # Errors
///
/// 404 for a path that is neither a view nor a file.
pub(super) async fn asset(
    state: State<Api>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    if VIEWS.contains(&path.as_str()) {
        return document(state, headers).await;
    }
    match assets::find(&path).filter(|_| path != INDEX) {
        Some(asset) => file(&headers, asset.media_type, asset.body().into_owned()),
        None => ApiError::not_found("no such page").into_response(),
    }
}

/// A file, or 304 where the reader has it.
///
/// `no-cache` makes the browser ask each time, so that a new version of the viewer is never mixed with an old page.
///
/// The tag is strong, made of the bytes. A weak form of it, from a proxy that compressed the file, is accepted too
/// (RFC 9110, section 13.1.2).
fn file(headers: &HeaderMap, media_type: &'static str, body: Vec<u8>) -> Response {
    let tag = assets::etag(&body);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| {
        tags.split(',')
            .any(|known| known.trim().trim_start_matches("W/") == tag)
    });
    let caching = [
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, caching).into_response()
    } else {
        (caching, [(header::CONTENT_TYPE, media_type)], body).into_response()
    }
}
