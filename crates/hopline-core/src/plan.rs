//! Who is recorded and who is kept, as an operator writes it.

use std::time::Duration;

use crate::sampler::{Sampler, SamplingInput};
use crate::{SpanContext, TraceId};

/// Who is sampled at the start of a trace, and who is kept at its end.
///
/// At the start, a trace with a parent follows the parent's decision; a new one is sampled with the
/// probability of the first rule that fits it. At the end of the local root, a trace that was not
/// sampled is kept all the same if a keep rule says so.
///
/// A plan is text, too, and prints as it is parsed: clauses separated by semicolons.
///
/// | clause | means |
/// |---|---|
/// | `GET /orders/{id} 10%` | of new traces that begin with this method and route or path, one in ten |
/// | `/health 0%` | the same for any method |
/// | `* 5%` | of all other new traces; 100 % if not said |
/// | `keep errors` | every trace in which a span failed |
/// | `keep slower 500ms` | every trace whose local root took this long (`ms` or `s`) |
/// | `ignore parents` | decide anew also where a parent has decided |
///
/// In a pattern `{name}` stands for one segment of a path and a final `*` for all that follow.
///
/// # Examples
///
/// ```
/// use hopline_core::SamplingPlan;
///
/// let plan: SamplingPlan = "GET /products 10%; POST /checkout 100%; * 5%; keep errors".parse()?;
/// assert_eq!(plan.to_string(), "GET /products 10%; POST /checkout 100%; * 5%; keep errors");
///
/// let error = "GET /products 10; keep errors".parse::<SamplingPlan>().unwrap_err();
/// assert_eq!(error.to_string(), "`10` at 14: expected a percentage such as 10%");
/// # Ok::<(), hopline_core::ParsePlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingPlan {
    pub(crate) rules: Vec<Rule>,
    pub(crate) others: Probability,
    pub(crate) ignore_parents: bool,
    pub(crate) keep_errors: bool,
    pub(crate) keep_slower: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// Any, if none.
    pub(crate) method: Option<String>,
    /// A route's template or a pattern of paths.
    pub(crate) pattern: String,
    pub(crate) probability: Probability,
}

/// A share of traces, chosen by the trace id so that all services choose the same ones.
///
/// OpenTelemetry's consistent probability sampling: kept if the id's 56 random bits reach the threshold,
/// so what a lower probability keeps, a higher one keeps as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probability {
    pub(crate) share: f64,
    threshold: u64,
}

impl Probability {
    pub(crate) const ALL: Self = Self {
        share: 1.0,
        threshold: 0,
    };

    /// None unless the share lies between 0 and 1.
    pub(crate) fn new(share: f64) -> Option<Self> {
        let all = (1_u64 << 56) as f64;
        (0.0..=1.0).contains(&share).then(|| Self {
            share,
            threshold: (all * (1.0 - share)).round() as u64,
        })
    }

    fn takes(self, id: TraceId) -> bool {
        id.randomness() >= self.threshold
    }
}

impl SamplingPlan {
    /// Samples every new trace and follows every parent: what a tracer does if it is told nothing.
    pub fn always() -> Self {
        Self {
            rules: Vec::new(),
            others: Probability::ALL,
            ignore_parents: false,
            keep_errors: false,
            keep_slower: None,
        }
    }

    /// One new trace in ten, all that failed, and all slower than a second.
    pub fn recommended() -> Self {
        Self::always()
            .others(0.1)
            .keep_errors()
            .keep_slower(Duration::from_secs(1))
    }

    /// The share of new traces that no rule fits; values outside 0 to 1 count as the nearer of the two.
    #[must_use]
    pub fn others(mut self, share: f64) -> Self {
        self.others = nearest(share);
        self
    }

    /// The share of new traces that begin with this method (any, if `None`) and this route or path pattern.
    #[must_use]
    pub fn rule(mut self, method: Option<&str>, pattern: &str, share: f64) -> Self {
        let method = method.map(str::to_owned);
        self.rules.push(Rule {
            method,
            pattern: pattern.to_owned(),
            probability: nearest(share),
        });
        self
    }

    /// Keeps every trace in which a span failed, also where the caller did not sample it.
    #[must_use]
    pub fn keep_errors(mut self) -> Self {
        self.keep_errors = true;
        self
    }

    /// Keeps every trace whose local root took this long.
    #[must_use]
    pub fn keep_slower(mut self, limit: Duration) -> Self {
        self.keep_slower = Some(limit);
        self
    }

    /// Decides anew also where a parent has decided.
    #[must_use]
    pub fn ignore_parents(mut self) -> Self {
        self.ignore_parents = true;
        self
    }

    /// The plan of `HOPLINE_SAMPLING`, else of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// `None` if neither says anything. An unknown OpenTelemetry sampler is announced and passed over, as its
    /// specification asks; `variable` looks a variable up, and an empty value counts as unset.
    ///
    /// # Errors
    ///
    /// `HOPLINE_SAMPLING` is not a plan.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, crate::ParsePlanError> {
        let read = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if let Some(text) = read("HOPLINE_SAMPLING") {
            return text.parse().map(Some);
        }
        let Some(name) = read("OTEL_TRACES_SAMPLER") else {
            return Ok(None);
        };
        let share =
            read("OTEL_TRACES_SAMPLER_ARG").map_or(Some(1.0), |share| share.trim().parse().ok());
        let share = share
            .filter(|share| (0.0..=1.0).contains(share))
            .unwrap_or_else(|| {
                crate::notify("env", || {
                    "OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; 1 is taken".to_owned()
                });
                1.0
            });
        let always = Self::always();
        Ok(match name.trim() {
            "parentbased_always_on" => Some(always),
            "parentbased_always_off" => Some(always.others(0.0)),
            "parentbased_traceidratio" => Some(always.others(share)),
            "always_on" => Some(always.ignore_parents()),
            "always_off" => Some(always.others(0.0).ignore_parents()),
            "traceidratio" => Some(always.others(share).ignore_parents()),
            other => {
                let other = other.to_owned();
                crate::notify("env", || {
                    format!("OTEL_TRACES_SAMPLER `{other}` is not known and passed over")
                });
                None
            }
        })
    }

    /// True if a trace that was not sampled may yet be kept.
    pub(crate) fn keeps_late(&self) -> bool {
        self.keep_errors || self.keep_slower.is_some()
    }
}

/// As [`SamplingPlan::always`].
impl Default for SamplingPlan {
    fn default() -> Self {
        Self::always()
    }
}

impl Sampler for SamplingPlan {
    fn sample(
        &self,
        parent: Option<&SpanContext>,
        trace_id: TraceId,
        input: &SamplingInput<'_>,
    ) -> bool {
        if let Some(parent) = parent.filter(|_| !self.ignore_parents) {
            return parent.is_sampled();
        }
        let rule = self.rules.iter().find(|rule| rule.fits(input));
        rule.map_or(self.others, |rule| rule.probability)
            .takes(trace_id)
    }
}

impl Rule {
    fn fits(&self, input: &SamplingInput<'_>) -> bool {
        if let Some(method) = &self.method
            && input.method != Some(method)
        {
            return false;
        }
        input.route == Some(&self.pattern)
            || input.path.is_some_and(|path| matches(&self.pattern, path))
    }
}

/// Segment by segment; `{name}` takes any one that is not empty, a final `*` the rest.
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
        if if any {
            segment.is_empty()
        } else {
            segment != want
        } {
            return false;
        }
    }
    segments.next().is_none()
}

fn nearest(share: f64) -> Probability {
    // NaN is no share; all is the answer that loses nothing
    Probability::new(share.clamp(0.0, 1.0)).unwrap_or(Probability::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn input<'a>(method: &'a str, path: &'a str, route: Option<&'a str>) -> SamplingInput<'a> {
        let (method, path) = (Some(method), Some(path));
        SamplingInput {
            kind: Kind::Server,
            name: "",
            method,
            path,
            route,
            destination: None,
        }
    }

    #[test]
    fn a_rule_fits_its_route_or_path() {
        let plan: SamplingPlan = "GET /orders/{id} 100%; /static/* 100%; * 0%"
            .parse()
            .unwrap();
        let id = TraceId::from_u128(7).unwrap();
        let sampled = |input| plan.sample(None, id, &input);
        assert!(sampled(input("GET", "/orders/7", None)));
        assert!(sampled(input("GET", "/v1/orders/7", Some("/orders/{id}"))));
        assert!(sampled(input("PUT", "/static/a/b.css", None)));
        assert!(!sampled(input("POST", "/orders/7", None)));
        assert!(!sampled(input("GET", "/orders/", None)));
        assert!(!sampled(input("GET", "/orders/7/lines", None)));
    }

    #[test]
    fn what_a_lower_share_takes_a_higher_one_takes_too() {
        let (tenth, half) = (nearest(0.1), nearest(0.5));
        let mut taken = 0;
        for number in 1..10_000_u128 {
            // spread over the 56 bits
            let id =
                TraceId::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << 64) - 1))
                    .unwrap();
            assert!(!tenth.takes(id) || half.takes(id));
            taken += u32::from(tenth.takes(id));
        }
        assert!((900..1100).contains(&taken), "{taken}");
    }

    #[test]
    fn a_parent_has_decided_unless_told_otherwise() {
        let parent: SpanContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
            .parse()
            .unwrap();
        let input = input("GET", "/", None);
        assert!(!SamplingPlan::always().sample(Some(&parent), parent.trace_id(), &input));
        assert!(SamplingPlan::always().ignore_parents().sample(
            Some(&parent),
            parent.trace_id(),
            &input
        ));
    }

    #[test]
    fn variables_are_read_in_their_order() {
        let read = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let find = |name: &str| {
                pairs
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            };
            SamplingPlan::from_variables(find).map(|plan| plan.map(|plan| plan.to_string()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(
            read(&[
                ("HOPLINE_SAMPLING", "* 5%"),
                ("OTEL_TRACES_SAMPLER", "always_off")
            ]),
            Ok(Some("* 5%".into()))
        );
        assert_eq!(
            read(&[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.25")
            ]),
            Ok(Some("* 25%; ignore parents".into()))
        );
        assert_eq!(
            read(&[("OTEL_TRACES_SAMPLER", "xray"), ("HOPLINE_SAMPLING", " ")]),
            Ok(None)
        );
        assert!(read(&[("HOPLINE_SAMPLING", "some")]).is_err());
    }
}
