//! Rate, errors and durations per service and route, for the last 15 minutes.
//!
//! Kept apart from the traces, so that they stay right when traces are let go of. Bounded by a number of routes and a
//! number of buckets over all routes; the oldest seconds go first.
//!
//! `Store` counts each span on arrival; `/api/services` reads a window. Durations are counted in buckets of growing width,
//! so that percentiles of any window can be added up from its seconds.

use std::collections::{BTreeMap, VecDeque};

use hopline_analysis::describe;
use hopline_core::SpanKind;
use hopline_core::export::SpanData;
use serde::Serialize;

/// Seconds that are kept.
pub(crate) const WINDOW: u64 = 15 * 60;
/// Routes of all services; further ones are counted under [`OTHER`].
const MAX_ROUTES: usize = 512;
/// Buckets in use over all routes and seconds, of 8 bytes each.
///
/// 4 MB. At the limit the oldest seconds are removed until half is free, so that it is not reached at each span.
const MAX_BUCKETS: usize = 500_000;
/// The route, and the service, of what is beyond the number of routes.
const OTHER: &str = "(other)";

/// The slots of all routes.
#[derive(Debug, Default)]
pub(crate) struct Red {
    /// By service and label.
    routes: BTreeMap<(String, String), Route>,
    /// Buckets in use, over all routes.
    buckets: usize,
}

/// One operation of a service.
#[derive(Debug)]
struct Route {
    /// Of the first span.
    kind: SpanKind,
    /// By second, those without a request left out.
    slots: VecDeque<Slot>,
}

/// One second of one route.
#[derive(Debug)]
struct Slot {
    /// Seconds since the Unix epoch.
    second: u64,
    /// Requests or messages that ended in this second.
    count: u32,
    /// Failed ones of them.
    errors: u32,
    /// Longest duration, in nanoseconds. The percentiles are cut to it, as a bucket's middle may be above each of its
    /// values.
    max: u64,
    /// Bucket and count, by bucket.
    buckets: Vec<(u16, u32)>,
}

/// All services over a window.
#[derive(Debug, Serialize)]
pub(crate) struct Services {
    /// Time of the reading, in seconds since the Unix epoch.
    now: u64,
    /// Seconds of the window.
    window: u64,
    /// Sorted by name; those without a request in the window are left out.
    services: Vec<ServiceRed>,
}

/// One service.
#[derive(Debug, Serialize)]
struct ServiceRed {
    /// `service.name`.
    name: String,
    /// Sorted by label.
    routes: Vec<RouteRed>,
}

/// Durations in nanoseconds, rate per second.
#[derive(Debug, Serialize)]
struct RouteRed {
    /// Label of the span, such as `GET /orders/{id}`.
    route: String,
    kind: &'static str,
    count: u64,
    errors: u64,
    /// Mean over the window, in requests per second.
    rate: f64,
    p50: u64,
    p95: u64,
    p99: u64,
    /// Exact, in nanoseconds, unlike the percentiles.
    max: u64,
    /// For the small chart of a row.
    spark: Spark,
}

/// The window in equal steps, oldest first.
#[derive(Debug, Serialize)]
struct Spark {
    /// Seconds of a step.
    step: u64,
    count: Vec<u64>,
    errors: Vec<u64>,
    p95: Vec<u64>,
}

/// Steps of a sparkline.
const STEPS: u64 = 60;

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

impl Red {
    /// Counts a request or message that a service handled; other spans are no entry of a service.
    ///
    /// A span counts in the second of its end. One that ended before the window, or more than a minute in the future by a wrong
    /// clock, is left out.
    pub(crate) fn count(&mut self, span: &SpanData, now: u64) {
        let is_entry = matches!(span.kind, SpanKind::Server | SpanKind::Consumer)
            || (span.kind == SpanKind::Internal && span.parent.is_none());
        let (second, now) = (span.end_unix_nanos / NANOS, now / NANOS);
        if !is_entry || second + WINDOW <= now || second > now + 60 {
            return;
        }
        let mut key = (span.service().to_owned(), describe::label(span));
        if self.routes.len() >= MAX_ROUTES && !self.routes.contains_key(&key) {
            key = (OTHER.to_owned(), OTHER.to_owned());
        }
        let route = self.routes.entry(key).or_insert_with(|| Route {
            kind: span.kind,
            slots: VecDeque::new(),
        });
        self.buckets += route
            .slot(second)
            .add(span.duration_nanos(), span.is_error());
        if self.buckets > MAX_BUCKETS {
            self.forget_before(now.saturating_sub(WINDOW));
            let mut oldest = now.saturating_sub(WINDOW);
            while self.buckets > MAX_BUCKETS / 2 && oldest <= now {
                oldest += 30;
                self.forget_before(oldest);
            }
        }
    }

    /// Removes seconds before this one, and routes that are empty then.
    fn forget_before(&mut self, second: u64) {
        for route in self.routes.values_mut() {
            while route.slots.front().is_some_and(|slot| slot.second < second) {
                let gone = route.slots.pop_front();
                self.buckets -= gone.map_or(0, |slot| slot.buckets.len());
            }
        }
        self.routes.retain(|_, route| !route.slots.is_empty());
    }

    /// The last `window` seconds before `now`, in nanoseconds since the Unix epoch.
    pub(crate) fn read(&mut self, window: u64, now: u64) -> Services {
        let now = now / NANOS;
        self.forget_before((now + 1).saturating_sub(WINDOW));
        let mut services: Vec<ServiceRed> = Vec::new();
        for ((service, name), route) in &self.routes {
            let Some(red) = route.read(name, window, now) else {
                continue;
            };
            match services.last_mut().filter(|last| last.name == *service) {
                Some(last) => last.routes.push(red),
                None => services.push(ServiceRed {
                    name: service.clone(),
                    routes: vec![red],
                }),
            }
        }
        Services {
            now,
            window,
            services,
        }
    }
}

impl Route {
    /// The slot of this second; mostly the last one.
    ///
    /// Spans arrive in the order of their ends, except from clocks that differ.
    fn slot(&mut self, second: u64) -> &mut Slot {
        let after = self.slots.partition_point(|slot| slot.second < second);
        if self
            .slots
            .get(after)
            .is_none_or(|slot| slot.second != second)
        {
            self.slots.insert(
                after,
                Slot {
                    second,
                    count: 0,
                    errors: 0,
                    max: 0,
                    buckets: Vec::new(),
                },
            );
        }
        &mut self.slots[after]
    }

    /// `None` if nothing happened.
    ///
    /// The result of a route over the window. One pass for each step, over at most 900 slots.
    fn read(&self, name: &str, window: u64, now: u64) -> Option<RouteRed> {
        let first = (now + 1).saturating_sub(window);
        let step = (window / STEPS).max(1);
        let mut all = Slot::sum(first, std::iter::empty());
        let mut spark = Spark {
            step,
            count: Vec::new(),
            errors: Vec::new(),
            p95: Vec::new(),
        };
        for index in 0..STEPS {
            let from = first + index * step;
            let slots = self
                .slots
                .iter()
                .filter(|slot| (from..from + step).contains(&slot.second));
            let sum = Slot::sum(from, slots);
            spark.count.push(sum.count.into());
            spark.errors.push(sum.errors.into());
            spark.p95.push(sum.percentile(0.95));
            all = Slot::sum(first, [&all, &sum]);
        }
        (all.count > 0).then(|| RouteRed {
            route: name.to_owned(),
            kind: kind_name(self.kind),
            count: all.count.into(),
            errors: all.errors.into(),
            rate: f64::from(all.count) / window as f64,
            p50: all.percentile(0.5),
            p95: all.percentile(0.95),
            p99: all.percentile(0.99),
            max: all.max,
            spark,
        })
    }
}

impl Slot {
    /// Gives the number of buckets that are new.
    fn add(&mut self, nanos: u64, is_error: bool) -> usize {
        self.count = self.count.saturating_add(1);
        self.errors = self.errors.saturating_add(u32::from(is_error));
        self.max = self.max.max(nanos);
        let bucket = bucket(nanos);
        match self
            .buckets
            .binary_search_by_key(&bucket, |(bucket, _)| *bucket)
        {
            Ok(at) => {
                self.buckets[at].1 = self.buckets[at].1.saturating_add(1);
                0
            }
            Err(at) => {
                self.buckets.insert(at, (bucket, 1));
                1
            }
        }
    }

    /// Adds up slots. Buckets of equal number are added, which keeps percentiles of the sum as exact as those of each
    /// slot.
    fn sum<'a>(second: u64, slots: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut buckets: BTreeMap<u16, u32> = BTreeMap::new();
        let mut sum = Self {
            second,
            count: 0,
            errors: 0,
            max: 0,
            buckets: Vec::new(),
        };
        for slot in slots {
            sum.count = sum.count.saturating_add(slot.count);
            sum.errors = sum.errors.saturating_add(slot.errors);
            sum.max = sum.max.max(slot.max);
            for (bucket, count) in &slot.buckets {
                let all = buckets.entry(*bucket).or_default();
                *all = all.saturating_add(*count);
            }
        }
        sum.buckets.extend(buckets);
        sum
    }

    /// The middle of the bucket in which this share of the durations ends; 0 of none.
    ///
    /// `share` is between 0 and 1. The result is within 6.25 % of the exact value.
    fn percentile(&self, share: f64) -> u64 {
        let rank = (share * f64::from(self.count)).ceil() as u32;
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return middle(*bucket).min(self.max);
            }
        }
        0
    }
}

/// Eight buckets for each doubling, from about a microsecond on: a percentile is off by 6 % at most.
fn bucket(nanos: u64) -> u16 {
    let nanos = nanos.max(LEAST);
    let octave = nanos.ilog2();
    let eighth = (nanos >> (octave - 3)) & 7;
    ((octave - LEAST.ilog2()) * 8) as u16 + eighth as u16
}

/// Nanoseconds of the first bucket, which has all shorter durations.
const LEAST: u64 = 1024;

/// The middle of a bucket, in nanoseconds: the inverse of `bucket`.
fn middle(bucket: u16) -> u64 {
    let octave = u32::from(bucket / 8) + LEAST.ilog2();
    let width = 1u64 << (octave - 3);
    (1u64 << octave) + u64::from(bucket % 8) * width + width / 2
}

/// The name of a span kind in the API and in exports.
pub(crate) fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

#[cfg(test)]
mod tests {
    use hopline_core::{SpanId, TraceId};

    use super::*;

    fn request(name: &str, end_second: u64, nanos: u64) -> SpanData {
        let mut span = SpanData::new(
            name,
            TraceId::from_u128(1).unwrap(),
            SpanId::from_u64(1).unwrap(),
        );
        span.kind = SpanKind::Server;
        span.end_unix_nanos = end_second * NANOS;
        span.start_unix_nanos = span.end_unix_nanos - nanos;
        span
    }

    #[test]
    fn a_bucket_holds_its_values_within_six_percent() {
        for nanos in [
            1024,
            1_500,
            10_000,
            999_999,
            123_456_789,
            60 * NANOS,
            u64::MAX / 3,
        ] {
            let middle = middle(bucket(nanos)) as f64;
            let off = (middle - nanos as f64).abs() / nanos as f64;
            assert!(off <= 0.0626, "{nanos}: {middle}");
        }
    }

    #[test]
    fn counts_and_percentiles_are_of_the_window() {
        let mut red = Red::default();
        let now = 10_000;
        for request_number in 1..=100 {
            red.count(
                &request("GET /", now - request_number, request_number * 1_000_000),
                now * NANOS,
            );
        }
        red.count(&request("GET /", now - WINDOW, 1), now * NANOS);
        let services = red.read(60, now * NANOS);
        let route = &services.services[0].routes[0];
        // now itself is the 60th second
        assert_eq!(
            (route.count, route.spark.count.iter().sum::<u64>()),
            (59, 59)
        );
        assert!(
            (28_000_000..32_000_000).contains(&route.p50),
            "{}",
            route.p50
        );
        let all = red.read(WINDOW, now * NANOS);
        assert_eq!(all.services[0].routes[0].count, 100);
    }

    #[test]
    fn routes_and_buckets_are_bounded() {
        let mut red = Red::default();
        let now = 10_000;
        for number in 0..MAX_ROUTES as u64 + 100 {
            red.count(&request(&format!("GET /{number}"), now, 5_000), now * NANOS);
        }
        assert!(red.routes.len() <= MAX_ROUTES + 1);
        for number in 0..2 * MAX_BUCKETS as u64 {
            let second = now - number / 10 % WINDOW;
            red.count(
                &request(
                    &format!("GET /{}", number % 500),
                    second,
                    1_000 << (number % 30),
                ),
                now * NANOS,
            );
        }
        assert!(red.buckets <= MAX_BUCKETS, "{}", red.buckets);
    }
}
