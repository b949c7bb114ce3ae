//! How often one request was sent.

use http::Extensions;

/// Stands in the extensions that all attempts of one request share.
#[derive(Clone, Copy, Debug)]
struct Attempts(u32);

/// Counts an attempt; gives how many were made before, if any was.
pub(crate) fn count(extensions: &mut Extensions) -> Option<u32> {
    let before = extensions
        .get::<Attempts>()
        .map_or(0, |attempts| attempts.0);
    extensions.insert(Attempts(before.saturating_add(1)));
    (before > 0).then_some(before)
}
