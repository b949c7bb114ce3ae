//! The page in the format that a scraper accepts.

use crate::metrics::Metrics;
use crate::prometheus::Format;

/// A page for a scraper: its text and content type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

impl Metrics {
    /// The page in the text format 0.0.4, without exemplars.
    ///
    /// # Examples
    ///
    /// ```
    /// let metrics = hopline_metrics::Metrics::builder().service("orders").build();
    /// assert!(metrics.render().contains("target_info{service_name=\"orders\","));
    /// ```
    pub fn render(&self) -> String {
        self.page_as(Format::Text).body
    }

    /// The page for a request with this `Accept` header: OpenMetrics with exemplars if it is accepted, else the text format.
    ///
    /// # Examples
    ///
    /// ```
    /// let metrics = hopline_metrics::Metrics::builder().build();
    /// let page = metrics.page("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    /// assert!(page.content_type.starts_with("application/openmetrics-text"));
    /// assert!(page.body.ends_with("# EOF\n"));
    /// ```
    pub fn page(&self, accept: &str) -> Page {
        self.page_as(accepted(accept))
    }

    /// Collects once and writes the page. Each page begins a new collection period for exemplars.
    fn page_as(&self, format: Format) -> Page {
        Page {
            content_type: format.content_type(),
            body: format.write(&self.collect(true), self.resource()),
        }
    }
}

/// The format with the highest weight; OpenMetrics of two that are equal.
///
/// A range such as `*/*` gives the text format, which each scraper reads. A weight that is not a number is 0 (RFC 9110,
/// section 12.5.1).
fn accepted(accept: &str) -> Format {
    let weight = |media: &str| {
        let ranges = accept
            .split(',')
            .map(|range| range.split(';').map(str::trim));
        let weights = ranges.filter_map(|mut range| {
            (range.next()?.eq_ignore_ascii_case(media)).then(|| {
                let weight = range.find_map(|parameter| parameter.strip_prefix("q="));
                weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))
            })
        });
        weights.fold(0.0, f64::max)
    };
    let open_metrics = weight("application/openmetrics-text");
    if open_metrics > 0.0 && open_metrics >= weight("text/plain") {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_with_the_highest_weight_is_written() {
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            (
                "application/openmetrics-text; version=1.0.0",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.75",
                Format::Text,
            ),
            (
                "text/plain;q=0.5, application/openmetrics-text;q=0.5",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=nonsense", Format::Text),
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
    }
}
