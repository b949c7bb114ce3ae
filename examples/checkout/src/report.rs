//! The report: latency, service map and self-check of the system's spans.

use std::fmt;
use std::path::Path;

use hopline::core::export::SpanData;
use hopline::otlp::decode_json;
use hopline_analysis::{Expectations, TreeOptions, latency, self_check, service_map, traces};

use crate::Result;

/// Trees, self-check, latency per hop and service map, as text.
#[derive(Clone, Debug)]
pub struct Report {
    trees: String,
    summary: String,
    ok: bool,
}

impl Report {
    /// Looks at these spans; `requests` is how many were sent, if that is known.
    pub fn new(spans: &[SpanData], requests: Option<usize>) -> Self {
        let mut expected = Expectations::new().attribute("tenant_id").max_spans(24);
        expected = expected
            .database_in("POST /checkout")
            .queue_in("POST /checkout")
            .database_in("GET /products");
        if let Some(requests) = requests {
            expected = expected.requests(requests);
        }
        let check = self_check(spans, &expected);
        let summary = format!(
            "Self-check\n\n{check}\nLatency per hop\n\n{}\nService map\n\n{}",
            latency(spans),
            service_map(spans)
        );
        Self {
            trees: Self::trees(spans),
            summary,
            ok: check.is_ok(),
        }
    }

    /// All but the trees.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Each trace as a tree, with an empty line behind it.
    pub fn trees(spans: &[SpanData]) -> String {
        traces(spans)
            .iter()
            .map(|trace| format!("{}\n", trace.tree(&TreeOptions::default())))
            .collect()
    }

    /// True if the self-check found nothing.
    pub fn is_ok(&self) -> bool {
        self.ok
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.trees, self.summary)
    }
}

/// The spans of all `.jsonl` files of a folder.
///
/// # Errors
///
/// The folder or a file cannot be read, or a line is not OTLP JSON.
pub fn read(folder: &Path) -> Result<Vec<SpanData>> {
    let mut spans = Vec::new();
    let mut files = 0;
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        files += 1;
        for (number, line) in std::fs::read_to_string(&path)?.lines().enumerate() {
            let decoded = decode_json(line)
                .map_err(|error| format!("{} line {}: {error}", path.display(), number + 1))?;
            spans.extend(decoded);
        }
    }
    if files == 0 {
        return Err(format!("there are no .jsonl files in {}", folder.display()).into());
    }
    Ok(spans)
}
