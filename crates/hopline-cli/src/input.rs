//! Reads files of spans.
//! Commands over files call it. The decoder is `hopline_view`'s, so it reads the OTLP JSON and the JSON lines that the viewer exports.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use hopline_core::export::SpanData;
use hopline_view::decode::{self, Decoded};
use hopline_view::{Search, View, ViewLimits};

use crate::Result;

/// The content of a file; of standard input for `-`.
///
/// Reads the whole file into memory: a JSON document has no smaller unit.
///
/// # Errors
///
/// Returns an error with the path if the file cannot be read, is not UTF-8, or has no known format.
pub(crate) fn decoded(path: &Path) -> Result<Decoded> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    decode::file(&text).map_err(|error| {
        let path = path.display();
        format!("{path}: {error}; a file has OTLP JSON, or one such document on each line").into()
    })
}

/// The spans of all files, in the order of the files.
///
/// # Errors
///
/// Returns the error of the first file that cannot be read.
pub(crate) fn spans(paths: &[PathBuf]) -> Result<Vec<SpanData>> {
    let mut spans = Vec::new();
    for path in paths {
        spans.extend(decoded(path)?.spans);
    }
    Ok(spans)
}

/// The spans of each trace that matches, the oldest trace first.
///
/// A view without limits evaluates the query, so that a search has the same result here and on the page.
///
/// # Errors
///
/// Returns the error of the first file that cannot be read.
pub(crate) fn matching(paths: &[PathBuf], search: &Search) -> Result<Vec<Vec<SpanData>>> {
    // the files are in memory already, so a limit would only hide traces
    let all = usize::MAX;
    let view = View::with_limits(
        ViewLimits::default()
            .bytes(all)
            .traces(all)
            .spans_per_trace(u32::MAX as usize),
    );
    for path in paths {
        let Decoded { spans, logs, .. } = decoded(path)?;
        view.add(&spans, &logs);
    }
    Ok(view.find(search))
}
