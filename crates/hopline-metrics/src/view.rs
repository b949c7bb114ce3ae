//! Views: changes to an instrument before it is aggregated.

/// A change to one instrument: its name, its buckets, its attributes.
///
/// # Examples
///
/// ```
/// use hopline_metrics::{Metrics, View};
///
/// let metrics = Metrics::builder()
///     .view(View::new("http.server.request.duration").buckets([0.1, 0.5, 1.0]).without("url.scheme"))
///     .build();
/// # let _ = metrics;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a view has an effect once it is given to a builder"]
pub struct View {
    pub(crate) instrument: Box<str>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) buckets: Option<Vec<f64>>,
    pub(crate) extra_buckets: Vec<f64>,
    pub(crate) dropped: Vec<Box<str>>,
    pub(crate) limit: Option<usize>,
    pub(crate) off: bool,
}

impl View {
    /// A view of the instrument of this name, without a change.
    pub fn new(instrument: &str) -> Self {
        Self {
            instrument: instrument.into(),
            ..Self::default()
        }
    }

    /// Exports the instrument under another name.
    pub fn rename(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Replaces the upper bounds of a histogram's buckets. Bounds are sorted; those that are no number are left out.
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Adds one upper bound, such as the limit of an SLO.
    pub fn bucket(mut self, bound: f64) -> Self {
        self.extra_buckets.push(bound);
        self
    }

    /// Leaves out an attribute. Series that differ in it alone become one.
    pub fn without(mut self, attribute: &str) -> Self {
        self.dropped.push(attribute.into());
        self
    }

    /// Sets the number of attribute sets of this instrument. Defaults to that of the builder.
    pub fn limit(mut self, sets: usize) -> Self {
        self.limit = Some(sets);
        self
    }

    /// Aggregates and exports nothing of the instrument.
    pub fn off(mut self) -> Self {
        self.off = true;
        self
    }
}

/// Ascending bounds, each once, finite.
pub(crate) fn sorted(bounds: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut bounds: Vec<f64> = bounds
        .into_iter()
        .filter(|bound| bound.is_finite())
        .collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}
