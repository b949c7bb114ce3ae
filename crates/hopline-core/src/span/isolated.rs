//! Isolation of application code that telemetry calls (sinks, samplers, meters, hooks): it is not traced, and its panics
//! are contained.

use std::sync::Arc;
use std::time::Duration;

use crate::attribute::value::Attr;
use crate::export::batch::Batch;
use crate::export::sink::{Batching, FlushError, Sink, Source};
use crate::meter::instrument::Instrument;
use crate::meter::observer::Observe;
use crate::meter::receiver::{Exemplar, Meter};
use crate::notice::contained::contained;
use crate::notice::line::{Notice, set_hook};
use crate::sampling::sampler::{Decision, Sampler, SamplingInput};
use crate::span::context::Context;

/// Runs code of the application on a thread of telemetry or of a request, in a muted context.
///
/// Spans that it starts are not recorded, because a sink that uses a traced client would otherwise trace itself without
/// end. A panic is contained: it causes a notice of this kind with this effect, and the result is `None`. For the crates
/// of hopline.
#[doc(hidden)]
pub fn guarded<R>(
    kind: &'static str,
    effect: impl FnOnce() -> String,
    guest: impl FnOnce() -> R,
) -> Option<R> {
    contained(kind, effect, || Context::muted().scope(guest))
}

/// Sets the receiver of notices for the process. Defaults to one line on standard error for each.
///
/// The hook runs on the thread of notices, in a muted context: spans that it starts are not recorded. A hook that blocks
/// delays other notices only. Its panics are contained.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
/// use std::sync::{Mutex, OnceLock};
/// use hopline_core::{notify, set_notice_hook};
///
/// static SENDER: OnceLock<Mutex<Sender<String>>> = OnceLock::new();
///
/// let (sender, notices) = channel();
/// SENDER.set(Mutex::new(sender)).unwrap();
/// set_notice_hook(|notice| SENDER.get().unwrap().lock().unwrap().send(notice.kind.to_owned()).unwrap());
/// notify("example", || "something happened".to_owned());
/// assert_eq!(notices.recv().unwrap(), "example");
/// ```
pub fn set_notice_hook(hook: fn(&Notice<'_>)) {
    set_hook(Box::new(move |notice| {
        Context::muted().scope(|| hook(notice))
    }));
}

/// A sink, a sampler or a meter of the application. Each call runs in a [muted](Context::muted) context, its destructor
/// too: a sink that uses a traced client would otherwise trace itself without end.
pub(crate) struct Isolated<T>(Option<T>);

impl<T> Isolated<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    /// `None` only while it is being dropped, which no caller can observe.
    fn run<R>(&self, call: impl FnOnce(&T) -> R) -> Option<R> {
        let inner = self.0.as_ref()?;
        Some(Context::muted().scope(|| call(inner)))
    }
}

impl<T> Drop for Isolated<T> {
    /// Runs on the thread that drops the last handle of the tracer.
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

    fn observe(&self, observe: Observe) {
        self.run(|meter| meter.observe(observe));
    }
}
