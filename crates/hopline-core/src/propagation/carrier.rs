//! Carriers: how a context is read from and written to headers or message properties.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use crate::notice::line::notify;
use crate::propagation::baggage::{Baggage, header};
use crate::propagation::headers::{BAGGAGE, TRACEPARENT, TRACESTATE};
use crate::propagation::propagators::Propagators;
use crate::propagation::span_context::{SpanContext, parse_traceparent};
use crate::propagation::trace_state;
use crate::propagation::trust::Trust;

/// A carrier to read a context from: the headers of a request, or the properties of a message.
///
/// An implementation passes every line of a name, in order and as raw bytes: the parsers decide what is valid, and two
/// `traceparent` lines must be seen as two. It is implemented for maps of strings.
///
/// # Examples
///
/// ```
/// use hopline_core::{Extract, Incoming};
///
/// struct Lines(&'static [(&'static str, &'static str)]);
///
/// impl Extract for Lines {
///     fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
///         let named = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
///         named.for_each(|(_, value)| found(value.as_bytes()));
///     }
/// }
///
/// let lines = Lines(&[("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]);
/// assert!(Incoming::extract(&lines).parent.is_some());
/// ```
pub trait Extract {
    /// Calls `found` with each value of `name`, which is lower-case ASCII; names match in any case.
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8]));
}

/// A carrier to write a context to: the headers of a call, or the properties of a message.
///
/// Values are visible ASCII. An implementation must not panic; it drops what it cannot hold. It is implemented for maps
/// of strings.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use hopline_core::{Context, Incoming};
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = Context::remote(Incoming::from(parent.parse::<hopline_core::SpanContext>()?));
/// let mut headers = HashMap::from([("traceparent".to_owned(), "stale".to_owned())]);
/// context.inject(&mut headers);
/// assert_eq!(headers["traceparent"], parent);
/// # Ok::<(), hopline_core::propagation::ParseTraceParentError>(())
/// ```
pub trait Inject {
    /// Sets `name` to `value`, and replaces all values of that name in any case.
    fn set(&mut self, name: &'static str, value: &str);
    /// Removes all values of `name`, in any case.
    fn remove(&mut self, name: &'static str);
}

/// The context of an incoming request or message: the caller's span and baggage.
///
/// Give it to [`SpanBuilder::parent`](crate::SpanBuilder::parent), which starts a local root. The default is empty: a
/// root without a parent.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use hopline_core::Incoming;
///
/// let headers = HashMap::from([
///     ("traceparent".to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_string()),
///     ("baggage".to_string(), "tenant_id=acme".to_string()),
/// ]);
/// let incoming = Incoming::extract(&headers);
/// assert!(incoming.parent.unwrap().is_sampled());
/// assert_eq!(incoming.baggage.get("tenant_id"), Some("acme"));
/// ```
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "edges with a format of their own make it by struct update"
)]
pub struct Incoming {
    /// The caller's span, if its headers were valid.
    pub parent: Option<SpanContext>,
    /// The caller's baggage.
    pub baggage: Baggage,
    /// The span of a caller that is not continued, as under [`Trust::Link`]: a local root is linked to it.
    pub link: Option<SpanContext>,
}

impl Incoming {
    /// Reads the W3C headers. Never fails: invalid headers count as absent.
    ///
    /// A second `traceparent` makes both invalid. Without a valid one the tracestate is not read. An invalid tracestate
    /// does not affect the parent. Baggage is independent of both. Headers that the process's [`Propagators`] exclude
    /// count as absent.
    pub fn extract(carrier: &(impl Extract + ?Sized)) -> Self {
        let chosen = Propagators::chosen();
        Self {
            parent: chosen.trace_context.then(|| parent_of(carrier)).flatten(),
            baggage: if chosen.baggage {
                baggage_of(carrier)
            } else {
                Baggage::EMPTY
            },
            link: None,
        }
    }

    /// Reads only the headers that a caller of this trust may send. Others are not parsed, so they cost nothing, cause
    /// no notice and are not kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use hopline_core::{Incoming, Trust};
    ///
    /// let headers = HashMap::from([
    ///     ("traceparent".to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_string()),
    ///     ("tracestate".to_string(), "vendor=1".to_string()),
    ///     ("baggage".to_string(), "tenant_id=acme".to_string()),
    /// ]);
    /// let stranger = Incoming::extract_with(&headers, Trust::Link);
    /// assert!(stranger.parent.is_none() && stranger.baggage.is_empty());
    /// assert!(stranger.link.unwrap().tracestate().is_empty());
    /// ```
    pub fn extract_with(carrier: &(impl Extract + ?Sized), trust: Trust) -> Self {
        match trust {
            Trust::Continue => Self::extract(carrier),
            Trust::Link => Self {
                link: Propagators::chosen()
                    .trace_context
                    .then(|| traceparent_of(carrier))
                    .flatten(),
                ..Self::default()
            },
            Trust::Restart | Trust::Ignore => Self::default(),
        }
    }

    /// Returns it without the baggage, for callers whose baggage is not trusted.
    #[must_use]
    pub fn without_baggage(mut self) -> Self {
        self.baggage = Baggage::EMPTY;
        self
    }
}

impl From<SpanContext> for Incoming {
    /// A parent, without baggage.
    fn from(parent: SpanContext) -> Self {
        Self {
            parent: Some(parent),
            ..Self::default()
        }
    }
}

fn parent_of(carrier: &(impl Extract + ?Sized)) -> Option<SpanContext> {
    traceparent_of(carrier).map(|parent| {
        let mut parser = trace_state::Parser::default();
        carrier.each_value(TRACESTATE, &mut |value| parser.line(value));
        parent.with_tracestate(parser.finish().unwrap_or_default())
    })
}

/// The ids and flags, without the tracestate.
fn traceparent_of(carrier: &(impl Extract + ?Sized)) -> Option<SpanContext> {
    let mut lines = 0;
    let mut parent = None;
    carrier.each_value(TRACEPARENT, &mut |value| {
        lines += 1;
        parent = if lines == 1 {
            parse_traceparent(value)
        } else {
            None
        };
    });
    parent
}

fn baggage_of(carrier: &(impl Extract + ?Sized)) -> Baggage {
    let mut parser = header::Parser::default();
    carrier.each_value(BAGGAGE, &mut |value| parser.line(value));
    let (baggage, dropped) = Baggage::parsed(parser);
    if dropped > 0 {
        notify("baggage", || {
            format!(
                "{dropped} incoming baggage members were malformed or over the limit (64 members, 8192 bytes), and were dropped"
            )
        });
    }
    baggage
}

impl<S: BuildHasher> Extract for HashMap<String, String, S> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        each_pair(self, name, found);
    }
}

impl<S: BuildHasher> Inject for HashMap<String, String, S> {
    fn set(&mut self, name: &'static str, value: &str) {
        // not the map's own `remove`, which knows one spelling only
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl Extract for BTreeMap<String, String> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        each_pair(self, name, found);
    }
}

impl Inject for BTreeMap<String, String> {
    fn set(&mut self, name: &'static str, value: &str) {
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

fn each_pair<'a>(
    pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
    name: &str,
    found: &mut dyn FnMut(&[u8]),
) {
    for (_, value) in pairs
        .into_iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
    {
        found(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// Field lines in order, as a socket brings them.
    struct Lines(Vec<(&'static str, &'static str)>);

    impl Extract for Lines {
        fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
            for (_, value) in self
                .0
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            {
                found(value.as_bytes());
            }
        }
    }

    #[test]
    fn a_second_traceparent_starts_a_new_trace() {
        for second in [PARENT, "garbage", ""] {
            let lines = Lines(vec![("traceparent", PARENT), ("Traceparent", second)]);
            assert_eq!(Incoming::extract(&lines).parent, None, "{second}");
        }
    }

    #[test]
    fn headers_of_an_untrusted_caller_are_not_read() {
        struct Asked(RefCell<Vec<String>>);
        impl Extract for Asked {
            fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
                self.0.borrow_mut().push(name.to_owned());
                if name == "traceparent" {
                    found(PARENT.as_bytes());
                }
            }
        }
        for (trust, asked) in [
            (
                Trust::Continue,
                &["traceparent", "tracestate", "baggage"][..],
            ),
            (Trust::Link, &["traceparent"]),
            (Trust::Restart, &[]),
            (Trust::Ignore, &[]),
        ] {
            let carrier = Asked(RefCell::default());
            let incoming = Incoming::extract_with(&carrier, trust);
            assert_eq!(*carrier.0.borrow(), asked, "{trust:?}");
            let of = |context: Option<SpanContext>| context.map(|context| context.to_string());
            let parent = (trust == Trust::Continue).then(|| PARENT.to_owned());
            let link = (trust == Trust::Link).then(|| PARENT.to_owned());
            assert_eq!((of(incoming.parent), of(incoming.link)), (parent, link));
        }
    }

    #[test]
    fn tracestate_needs_a_valid_parent_and_cannot_harm_it() {
        let orphan = Incoming::extract(&Lines(vec![("tracestate", "a=1"), ("baggage", "k=v")]));
        assert_eq!((orphan.parent, orphan.baggage.get("k")), (None, Some("v")));
        let bad = Incoming::extract(&Lines(vec![
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "="),
        ]));
        assert!(bad.parent.unwrap().tracestate().is_empty());
        let good = Incoming::extract(&Lines(vec![
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("TraceState", "b=2"),
        ]));
        assert_eq!(good.parent.unwrap().tracestate().as_str(), "a=1,b=2");
    }

    #[test]
    fn maps_of_strings_are_read_in_any_case_and_written_in_lower_case() {
        fn check<M: Extract + Inject + FromIterator<(String, String)>>() {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let mut map: M = [
                ("TraceParent", PARENT),
                ("TRACESTATE", "a=1"),
                ("x-own", "1"),
            ]
            .map(owned)
            .into_iter()
            .collect();
            let incoming = Incoming::extract(&map);
            let parent = incoming.parent.unwrap();
            assert_eq!(parent.tracestate().as_str(), "a=1");
            map.set("traceparent", "new");
            map.remove("tracestate");
            let values = |name| {
                let mut values = Vec::new();
                map.each_value(name, &mut |value| values.push(value.to_vec()));
                values
            };
            assert_eq!(values("traceparent"), [b"new"], "instead of what was there");
            assert_eq!(
                (values("tracestate"), values("x-own")),
                (vec![], vec![b"1".to_vec()])
            );
        }
        check::<BTreeMap<String, String>>();
        check::<HashMap<String, String>>();
    }
}
