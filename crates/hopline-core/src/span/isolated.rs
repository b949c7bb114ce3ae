//! Code of the application that runs with nothing current: sinks, samplers, hooks.

use std::sync::Arc;
use std::time::Duration;

use crate::attribute::value::Attr;
use crate::export::batch::Batch;
use crate::export::sink::{Batching, FlushError, Sink, Source};
use crate::meter::instrument::Instrument;
use crate::meter::receiver::{Exemplar, Meter};
use crate::notice::contained::contained;
use crate::notice::line::{Notice, set_hook};
use crate::sampling::sampler::{Decision, Sampler, SamplingInput};
use crate::span::context::Context;

/// Runs code of the application on a thread that is not its own: a request's, the exporter's, the shutdown's.
///
/// Spans that it starts are not recorded, else a sink that uses a traced client would feed itself. A panic of it goes
/// no further: there is a notice of this kind with this effect, and no result. For the crates of hopline.
#[doc(hidden)]
pub fn guarded<R>(
    kind: &'static str,
    effect: impl FnOnce() -> String,
    guest: impl FnOnce() -> R,
) -> Option<R> {
    contained(kind, effect, || Context::muted().scope(guest))
}

/// Replaces what happens to notices; by default each is one line on standard error.
///
/// The hook is called on the notices' thread, with nothing current; spans that it starts are not recorded. One
/// that blocks delays other notices only. Its panics are contained.
pub fn set_notice_hook(hook: fn(&Notice<'_>)) {
    set_hook(Box::new(move |notice| {
        Context::muted().scope(|| hook(notice))
    }));
}

/// A sink, a sampler or a meter of the application, each of whose calls runs in a [muted](Context::muted) context, its end
/// too: spans that it starts are not recorded, or a sink that uses a traced client would feed itself.
pub(crate) struct Isolated<T>(Option<T>);

impl<T> Isolated<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    /// Nothing where it is dropped already, which no caller can see.
    fn run<R>(&self, call: impl FnOnce(&T) -> R) -> Option<R> {
        let inner = self.0.as_ref()?;
        Some(Context::muted().scope(|| call(inner)))
    }
}

impl<T> Drop for Isolated<T> {
    /// On the thread that drops the tracer's last handle.
    fn drop(&mut self) {
        let inner = self.0.take();
        Context::muted().scope(|| drop(inner));
    }
}

impl<S: Sink> Sink for Isolated<S> {
    fn accept(&self, batch: &Arc<Batch>) {
        self.run(|sink| sink.accept(batch));
    }

    /// Asked while the tracer is built.
    fn batching(&self) -> Batching {
        self.0.as_ref().map_or(Batching::EachTrace, Sink::batching)
    }

    fn start(&self, source: Source) {
        self.run(|sink| sink.start(source));
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.run(|sink| sink.flush(timeout)).unwrap_or(Ok(()))
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.run(|sink| sink.shutdown(timeout)).unwrap_or(Ok(()))
    }
}

impl<S: Sampler> Sampler for Isolated<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let decision = self.run(|sampler| sampler.sample(input));
        decision.unwrap_or(Decision::Drop)
    }
}

impl<M: Meter> Meter for Isolated<M> {
    fn record(
        &self,
        instrument: &Instrument,
        value: f64,
        attributes: &[Attr<'_>],
        exemplar: Option<Exemplar>,
    ) {
        self.run(|meter| meter.record(instrument, value, attributes, exemplar));
    }
}
