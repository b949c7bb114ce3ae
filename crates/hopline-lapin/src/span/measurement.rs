//! Spans with their measurements: a timer beside the span, and what its metrics describe.
//!
//! Without a meter no timer runs, and the rest stays empty.

use std::sync::Arc;

use hopline_core::metrics::{Timer, label};
use hopline_core::{Attr, Context, Incoming, Name, Span, SpanKind};

use super::operation::Operation;
use super::settings::Settings;
use super::subject::Subject;
use crate::metrics::{CONSUMED, OPERATION_DURATION, PROCESS_DURATION, SENT, attributes};

/// A span, and the measurement that ends with it.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The application's operation, or a local root for a delivered message.
    pub(crate) span: Span,
    measurement: Measurement,
}

/// The timer, with facts to report at its end. Without a meter both are empty, and starting them costs one check.
#[derive(Debug)]
struct Measurement {
    timer: Timer,
    /// Present while the timer runs.
    facts: Option<Facts>,
}

/// Facts for the attributes and counts of the metrics.
#[derive(Debug)]
struct Facts {
    /// For the server's address and port.
    settings: Arc<Settings>,
    /// Decides which instruments are reported.
    operation: Operation,
    /// Without generated names.
    destination: Option<Arc<str>>,
    /// Messages that a fetch received.
    received: u32,
    /// The first failure.
    error_type: Option<Arc<str>>,
}

impl Measured {
    /// A span that is not measured.
    pub(crate) fn not(span: Span) -> Self {
        let measurement = Measurement {
            timer: Timer::STOPPED,
            facts: None,
        };
        Self { span, measurement }
    }

    /// Starts a span under the current one: for operations of the application.
    pub(crate) fn start(subject: &Subject<'_>, kind: SpanKind, settings: &Arc<Settings>) -> Self {
        Self::new(subject.start(kind, settings), subject, settings)
    }

    /// Starts a local root: for delivered messages.
    pub(crate) fn start_root(
        subject: &Subject<'_>,
        kind: SpanKind,
        settings: &Arc<Settings>,
        incoming: Incoming,
    ) -> Self {
        let span = subject.start_root(kind, settings, incoming);
        Self::new(span, subject, settings)
    }

    /// Measures a delivered message whose context is ignored, without recording it.
    pub(crate) fn unrecorded(subject: &Subject<'_>, settings: &Arc<Settings>) -> Self {
        let span = Span::unrecorded(Incoming::default());
        Self::new(span, subject, settings)
    }

    /// Starts the timer after the span, and collects the facts if it runs.
    #[inline]
    fn new(span: Span, subject: &Subject<'_>, settings: &Arc<Settings>) -> Self {
        let timer = Timer::start(settings.tracer.as_ref(), &span);
        let facts = timer
            .is_running()
            .then(|| Facts::new(subject, Arc::clone(settings)));
        Self {
            span,
            measurement: Measurement { timer, facts },
        }
    }

    /// Counts a message that a fetch received.
    pub(crate) fn received(&mut self) {
        if let Some(facts) = &mut self.measurement.facts {
            facts.received += 1;
        }
    }

    /// Marks the span as failed. Its metrics have the first failure.
    pub(crate) fn fail(&mut self, error_type: &str) {
        self.span.fail(Name::dynamic(error_type));
        self.failed(error_type);
    }

    /// Marks the span as cancelled.
    pub(crate) fn cancel(&mut self) {
        self.span.cancel();
        self.failed("cancelled");
    }

    /// Keeps the first `error.type`: a later failure is mostly a consequence of it.
    fn failed(&mut self, error_type: &str) {
        if let Some(facts) = &mut self.measurement.facts {
            facts.error_type.get_or_insert_with(|| label(error_type));
        }
    }

    /// Ends the span, and reports.
    pub(crate) fn end(self) {
        let Measurement { timer, facts } = self.measurement;
        timer.stop(self.span, |report| {
            let Some(facts) = &facts else {
                return;
            };
            let attributes = facts.attributes();
            let duration = if facts.operation.is_processing() {
                &PROCESS_DURATION
            } else {
                &OPERATION_DURATION
            };
            report.value(duration, report.seconds(), &attributes);
            if facts.operation == Operation::Publish {
                report.value(&SENT, 1.0, &attributes);
            }
            if facts.received > 0 {
                report.value(&CONSUMED, facts.received.into(), &attributes);
            }
        });
    }
}

impl Facts {
    /// Copies what the report needs, since a subject borrows from the message.
    fn new(subject: &Subject<'_>, settings: Arc<Settings>) -> Self {
        Self {
            settings,
            operation: subject.operation,
            destination: subject.bounded_destination().as_deref().map(label),
            received: 0,
            error_type: None,
        }
    }

    fn attributes(&self) -> [Attr<'_>; 6] {
        attributes(
            self.operation.label(),
            self.destination.as_deref(),
            self.error_type.as_deref(),
            &self.settings,
        )
    }
}

/// Counts a message that a consumer passes to the application.
///
/// Has no span, so that a consumer can count before it knows whether the message has one. Nothing is counted in a
/// muted context.
pub(crate) fn count_consumed(subject: &Subject<'_>, settings: &Arc<Settings>) {
    let timer = Timer::start(settings.tracer.as_ref(), &Span::none());
    if !timer.is_running() || Context::current().is_muted() {
        return;
    }
    let destination = subject.bounded_destination();
    timer.stop(Span::none(), |report| {
        let operation = subject.operation.label();
        let attributes = attributes(operation, destination.as_deref(), None, settings);
        report.value(&CONSUMED, 1.0, &attributes);
    });
}
