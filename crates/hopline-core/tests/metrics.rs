//! Measurements that edges report through a tracer's meter.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hopline_core::export::{Batch, Sink};
use hopline_core::metrics::{self, Exemplar, Instrument, Meter, Observe, Observer, Timer};
use hopline_core::{
    Attr, Clock, Context, Incoming, SpanBuilder, Tracer, attr, span, time::ManualClock,
};

static REQUESTS: Instrument = Instrument::histogram("test.requests", "s");

type Measured = (&'static str, f64, usize, Option<Exemplar>);

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Measured>>>);

impl Recorder {
    fn values(&self) -> Vec<Measured> {
        self.0.lock().unwrap().clone()
    }
}

impl Meter for Recorder {
    fn record(
        &self,
        instrument: &Instrument,
        value: f64,
        attributes: &[Attr<'_>],
        exemplar: Option<Exemplar>,
    ) {
        let value = (instrument.name(), value, attributes.len(), exemplar);
        self.0.lock().unwrap().push(value);
    }
}

#[derive(Clone, Default)]
struct Durations(Arc<Mutex<Vec<Duration>>>);

impl Sink for Durations {
    fn accept(&self, batch: &Arc<Batch>) {
        let nanos = batch
            .spans()
            .map(|span| span.end_unix_nanos() - span.start_unix_nanos());
        self.0
            .lock()
            .unwrap()
            .extend(nanos.map(Duration::from_nanos));
    }
}

fn metered(plan: &str) -> (Tracer, Recorder, Durations) {
    let (recorder, durations) = (Recorder::default(), Durations::default());
    let tracer = Tracer::builder()
        .plan(plan.parse().unwrap())
        .meter(recorder.clone())
        .sink(durations.clone());
    (tracer.build(), recorder, durations)
}

fn serve(tracer: &Tracer, work: impl FnOnce()) {
    let mut request = SpanBuilder::new("request")
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    let timer = Timer::start(Some(tracer), &request);
    request.in_scope(work);
    timer.stop(request, |report| {
        report.value(&REQUESTS, report.seconds(), &[attr("route", "/")]);
    });
}

#[test]
fn the_reported_duration_is_that_of_the_span() {
    let (tracer, recorder, durations) = metered("* 100%");
    for _ in 0..20 {
        serve(&tracer, || {});
    }
    let spans = durations.0.lock().unwrap().clone();
    let measured: Vec<f64> = recorder.values().iter().map(|value| value.1).collect();
    let recorded: Vec<f64> = spans.iter().map(Duration::as_secs_f64).collect();
    assert_eq!(measured.len(), 20);
    assert_eq!(measured, recorded);
}

#[test]
fn requests_that_are_not_recorded_are_measured_by_the_tracers_clock() {
    let clock = ManualClock::new(std::time::UNIX_EPOCH);
    let recorder = Recorder::default();
    let tracer = Tracer::builder()
        .plan("* 0%".parse().unwrap())
        .clock(Clock::Manual(clock.clone()))
        .meter(recorder.clone())
        .build();
    serve(&tracer, || clock.advance(Duration::from_millis(250)));
    assert_eq!(recorder.values(), [("test.requests", 0.25, 1, None)]);
}

#[test]
fn exemplars_are_of_traces_that_are_certain_to_be_kept() {
    let (tracer, recorder, _) = metered("/never never; * 0%; keep errors");
    serve(&tracer, || {});
    serve(&tracer, || Context::current().fail("timeout"));
    serve(&tracer, || Context::current().keep());
    let certain: Vec<bool> = recorder
        .values()
        .iter()
        .map(|value| value.3.is_some())
        .collect();
    assert_eq!(certain, [false, true, true]);

    let clock = ManualClock::new(std::time::UNIX_EPOCH);
    let recorder = Recorder::default();
    let tracer = Tracer::builder()
        .plan("* 0%; keep slower 500ms".parse().unwrap())
        .clock(Clock::Manual(clock.clone()))
        .meter(recorder.clone())
        .build();
    for millis in [499, 500] {
        serve(&tracer, || clock.advance(Duration::from_millis(millis)));
    }
    let certain = recorder.values();
    let certain = certain.iter().map(|value| value.3.is_some());
    assert_eq!(certain.collect::<Vec<_>>(), [false, true]);

    let (tracer, recorder, _) = metered("* 100%");
    let mut ids = None;
    serve(&tracer, || ids = Context::current().span_context());
    let (exemplar, ids) = (recorder.values()[0].3.unwrap(), ids.unwrap());
    assert_eq!(
        (exemplar.trace_id, exemplar.span_id),
        (ids.trace_id(), ids.span_id())
    );
}

#[test]
fn an_inner_operation_reports_to_the_meter_of_its_contexts_tracer() {
    for plan in ["* 100%", "* 0%"] {
        let (tracer, recorder, _) = metered(plan);
        let (_other, others, _) = metered(plan);
        serve(&tracer, || {
            let query = span("query");
            let timer = Timer::start(None, &query);
            timer.stop(query, |report| {
                report.value(&REQUESTS, report.seconds(), &[])
            });
            metrics::record(&REQUESTS, 1.0, &[]);
        });
        assert_eq!(recorder.values().len(), 3, "{plan}");
        assert!(others.values().is_empty());
    }
}

#[test]
fn nothing_is_measured_in_a_muted_context_or_without_a_meter() {
    let (tracer, recorder, _) = metered("* 100%");
    Context::muted().scope(|| serve(&tracer, || metrics::record(&REQUESTS, 1.0, &[])));
    assert!(recorder.values().is_empty());

    let plain = Tracer::builder().build();
    serve(&plain, || metrics::record(&REQUESTS, 1.0, &[]));
    assert!(recorder.values().is_empty());
}

#[test]
fn a_meter_that_panics_is_contained_and_counted() {
    struct Panics;
    impl Meter for Panics {
        fn record(&self, _: &Instrument, _: f64, _: &[Attr<'_>], _: Option<Exemplar>) {
            panic!("the meter's own fault");
        }
    }
    let tracer = Tracer::builder().meter(Panics).build();
    serve(&tracer, || {});
    assert_eq!(tracer.stats().panics, 1);
}

#[test]
fn instruments_of_one_name_and_kind_have_one_number() {
    static OTHER: Instrument = Instrument::histogram("test.requests", "s");
    static COUNTER: Instrument = Instrument::counter("test.requests", "s");
    assert_eq!(REQUESTS.number(), OTHER.number());
    assert_ne!(REQUESTS.number(), COUNTER.number());
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Observe>>>);

impl Meter for Collector {
    fn record(&self, _: &Instrument, _: f64, _: &[Attr<'_>], _: Option<Exemplar>) {}

    fn observe(&self, observe: Observe) {
        self.0.lock().unwrap().push(observe);
    }
}

#[test]
fn an_observation_reaches_the_meter_of_its_tracer() {
    let collector = Collector::default();
    let tracer = Tracer::builder().meter(collector.clone()).build();
    tracer.observe(|observer| {
        observer.value(&REQUESTS, 7.0, &[]);
        false
    });
    let mut values = Vec::new();
    let mut take = |instrument: &Instrument, value: f64, _: &[Attr<'_>]| {
        values.push((instrument.name(), value));
    };
    let observe = &mut collector.0.lock().unwrap()[0];
    assert!(!observe(&mut Observer::new(&mut take)));
    assert_eq!(values, [("test.requests", 7.0)]);
}

#[test]
fn a_meter_without_collections_drops_an_observation() {
    let (tracer, _, _) = metered("* 100%");
    let held = Arc::new(());
    let inside = held.clone();
    tracer.observe(move |_| Arc::strong_count(&inside) > 0);
    assert_eq!(Arc::strong_count(&held), 1);
}
