//! Reads files of spans.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use hopline_core::export::SpanData;
use hopline_view::decode::{self, Decoded};
use hopline_view::{Search, View, ViewLimits};

use crate::Result;

/// The content of a file; of standard input for `-`.
pub(crate) fn decoded(path: &Path) -> Result<Decoded> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    decode::file(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The spans of all files.
pub(crate) fn spans(paths: &[PathBuf]) -> Result<Vec<SpanData>> {
    let mut spans = Vec::new();
    for path in paths {
        spans.extend(decoded(path)?.spans);
    }
    Ok(spans)
}

/// The spans of each trace that matches, the oldest trace first.
pub(crate) fn matching(paths: &[PathBuf], search: &Search) -> Result<Vec<Vec<SpanData>>> {
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
