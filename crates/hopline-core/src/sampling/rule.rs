//! Rules: conditions on a new trace (method, path, name, kind, destination) and its probability.

use crate::kind::SpanKind;
use crate::sampling::probability::Probability;
use crate::sampling::sampler::SamplingInput;

/// A rule of a plan: conditions on a new trace, and its probability.
///
/// A trace must meet all conditions. In a path `{name}` matches one segment, and a final `*` all that follow; in a name
/// and a destination a final `*` matches any rest.
///
/// # Examples
///
/// ```
/// use hopline_core::{SamplingPlan, SpanKind, sampling::SamplingRule};
///
/// let plan = SamplingPlan::new()
///     .rule(SamplingRule::always().method("POST").path("/checkout"))
///     .rule(SamplingRule::new(0.5).kind(SpanKind::Consumer).destination("orders.*"));
/// assert_eq!(
///     plan.to_string(),
///     "POST /checkout always; kind consumer destination orders.* 50%; * 100%"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingRule {
    pub(crate) kind: Option<SpanKind>,
    pub(crate) name: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) probability: Probability,
}

impl SamplingRule {
    /// Samples matching traces with this probability. Values outside 0 to 1 count as the nearer of the two.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SamplingPlan;
    ///
    /// let plan: SamplingPlan = "GET /products 10%".parse()?;
    /// assert_eq!(plan.to_string(), "GET /products 10%; * 100%");
    /// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
    /// ```
    pub fn new(probability: f64) -> Self {
        Self::from_probability(Probability::nearest(probability))
    }

    /// Samples all matching traces, even if a parent decided otherwise, and outside the budget.
    ///
    /// For rare and important requests. A probability of 1 instead leaves room for parents and the budget.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SamplingPlan;
    /// use hopline_core::sampling::SamplingRule;
    ///
    /// let checkouts = SamplingRule::always().method("POST").path("/checkout");
    /// let plan = SamplingPlan::new().others(0.1).rule(checkouts);
    /// assert_eq!(plan.to_string(), "POST /checkout always; * 10%");
    /// ```
    pub fn always() -> Self {
        Self::from_probability(Probability::Always)
    }

    /// Excludes matching traces, such as health checks: they are not recorded, even if a parent sampled them, and not
    /// kept, even if they fail, are slow or [`keep`](crate::Span::keep) is called.
    ///
    /// With a probability of 0 instead, the keep rules of the plan still keep failed and slow traces.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::sampling::SamplingRule;
    /// use hopline_core::{Incoming, SamplingPlan, SpanBuilder, Tracer};
    ///
    /// let plan = SamplingPlan::new().rule(SamplingRule::never().path("/health"));
    /// let tracer = Tracer::builder().plan(plan).build();
    /// let probe = SpanBuilder::new("GET /health").path("/health").tracer(&tracer).parent(Incoming::default());
    /// assert!(!probe.start().is_recording());
    /// ```
    pub fn never() -> Self {
        Self::from_probability(Probability::Never)
    }

    pub(crate) fn from_probability(probability: Probability) -> Self {
        Self {
            kind: None,
            name: None,
            destination: None,
            method: None,
            path: None,
            probability,
        }
    }

    /// Matches only local roots of this kind, such as requests ([`SpanKind::Server`]) or messages
    /// ([`SpanKind::Consumer`]).
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Matches only local roots that start with this name. Later renames do not matter.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Matches only messages of this destination, as the edge names it: exchange, routing key and queue.
    #[must_use]
    pub fn destination(mut self, destination: impl Into<String>) -> Self {
        self.destination = Some(destination.into());
        self
    }

    /// Matches only requests of this method. Case matters.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Matches only requests with this route template, or with a path that matches this pattern. The route is known at the
    /// start only in layers behind the router; the path always is.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    pub(crate) fn fits(&self, input: &SamplingInput<'_>) -> bool {
        let same = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| given == Some(wanted))
        };
        let glob = |wanted: &Option<String>, given: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| given.is_some_and(|given| begins(wanted, given)))
        };
        let path = |wanted: &str| {
            input.route == Some(wanted) || input.path.is_some_and(|path| matches(wanted, path))
        };
        self.kind.is_none_or(|kind| kind == input.kind)
            && same(&self.method, input.method)
            && self.path.as_deref().is_none_or(path)
            && glob(&self.name, Some(input.name))
            && glob(&self.destination, input.destination)
    }
}

/// True if the texts are equal, or with a final `*` if the text begins with the pattern.
fn begins(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

/// Compares segment by segment. `{name}` matches any segment that is not empty, a final `*` the rest.
fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/').peekable();
    while let Some(want) = wanted.next() {
        if want == "*" && wanted.peek().is_none() {
            return true;
        }
        let Some(segment) = segments.next() else {
            return false;
        };
        let any = want.starts_with('{') && want.ends_with('}');
        let fits = if any {
            !segment.is_empty()
        } else {
            segment == want
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::id::TraceId;

    fn input<'a>(method: &'a str, path: &'a str, route: Option<&'a str>) -> SamplingInput<'a> {
        SamplingInput {
            kind: SpanKind::Server,
            method: Some(method),
            path: Some(path),
            route,
            ..SamplingInput::new(TraceId::from_u128(7).unwrap())
        }
    }

    #[test]
    fn a_path_fits_by_route_or_by_pattern() {
        let order = SamplingRule::new(1.0).method("GET").path("/orders/{id}");
        assert!(order.fits(&input("GET", "/orders/7", None)));
        assert!(order.fits(&input("GET", "/v1/orders/7", Some("/orders/{id}"))));
        assert!(!order.fits(&input("POST", "/orders/7", None)));
        assert!(!order.fits(&input("GET", "/orders/", None)));
        assert!(!order.fits(&input("GET", "/orders/7/lines", None)));
        assert!(SamplingRule::new(1.0).path("/static/*").fits(&input(
            "PUT",
            "/static/a/b.css",
            None
        )));
    }

    #[test]
    fn all_conditions_must_fit() {
        let rule = SamplingRule::new(1.0)
            .kind(SpanKind::Consumer)
            .destination("orders.*")
            .name("process*");
        let message = SamplingInput {
            kind: SpanKind::Consumer,
            name: "process.message",
            destination: Some("orders.created"),
            ..SamplingInput::new(TraceId::from_u128(7).unwrap())
        };
        assert!(rule.fits(&message));
        assert!(!rule.fits(&SamplingInput {
            kind: SpanKind::Server,
            ..message
        }));
        assert!(!rule.fits(&SamplingInput {
            destination: Some("payments"),
            ..message
        }));
        assert!(!rule.fits(&SamplingInput {
            destination: None,
            ..message
        }));
        assert!(!rule.fits(&SamplingInput {
            name: "receive",
            ..message
        }));
    }
}
