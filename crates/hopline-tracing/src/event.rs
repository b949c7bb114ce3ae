//! Events of `tracing` and records of `log`, as events of the span.
//!
//! The layer calls [`record`] for each event inside a trace. The event's name is its message, since that is what readers
//! of a trace look for; an event with an error and no message is named `exception`, any other by its target.
//!
//! | part of the event | attribute |
//! |---|---|
//! | level | `level` |
//! | target | `target`; of a record of `log`, that of the record |
//! | fields | by their names, redacted as those of spans |

use hopline_core::bridge::records_error_messages;
use hopline_core::{Attr, Context, Literal, Name, attr};
use tracing::{Event, Level, Metadata};
use tracing_log::NormalizeEvent as _;

use crate::fields::{Fields, collect};
use crate::filter::BridgeFilter;
use crate::marks::Marks;
use crate::options::Options;

/// Records an event on the span of `context`, and marks that failed if the event is an error.
///
/// Both depend on the options. The error's message becomes the span's only if the tracer records messages of errors.
pub(crate) fn record(
    context: &Context,
    event: &Event<'_>,
    options: &Options,
    wanted: &BridgeFilter,
) {
    let messages = || records_error_messages(context);
    let own = event.metadata();
    let of_log = event.normalized_metadata();
    let meta: &Metadata<'_> = of_log.as_ref().unwrap_or(own);
    // a record of the `log` crate passed the filter under the target `log`
    if of_log.is_some() && !wanted.wants(meta.target(), meta.level()) {
        return;
    }
    let visit = |visit: &mut dyn tracing::field::Visit| event.record(visit);
    collect(Marks::of(own), &messages, visit, |fields| {
        if options.events {
            let target = match of_log {
                Some(_) => attr("target", meta.target()),
                None => attr("target", Literal(own.target())),
            };
            add(context, fields, meta, target);
        }
        if options.errors_fail && *meta.level() == Level::ERROR {
            let message = if messages() { fields.failure() } else { "" };
            context.fail_with("_OTHER", message);
        }
    });
}

/// Adds the event to the span: level and target first, then the fields.
fn add(context: &Context, fields: &Fields, meta: &Metadata<'_>, target: Attr<'_>) {
    let name = fields.message().unwrap_or_else(|| {
        if fields.has_error() {
            "exception"
        } else {
            meta.target()
        }
    });
    let level = attr("level", Literal(meta.level().as_str()));
    context.event(Name::dynamic(name), || {
        [level, target, fields.set.as_attr()]
    });
}
