//! Events of `tracing` and records of `log`, as events of the span.
//!
//! The layer calls [`record`] for each event inside a trace. The event's name is its message, since that is what readers
//! of a trace look for; an event with an error and no message is named `exception`, any other by its target.

use hopline_core::{Attr, Context, Literal, Name, attr};
use tracing::{Event, Level, Metadata};

use crate::builder::Options;
use crate::fields::{Fields, collect};

/// The number of attributes up to which an event needs no allocation: level, target and 30 fields.
const USUAL: usize = 32;

/// Records an event on the span of `context`, and marks that failed if the event is an error.
pub(crate) fn record(context: &Context, event: &Event<'_>, meta: &Metadata<'_>, options: &Options) {
    let visit = |fields: &mut Fields| event.record(fields);
    collect(visit, |fields| {
        fields.ask_for_messages(context);
        if options.events {
            add(context, fields, meta);
        }
        if options.errors_fail && *meta.level() == Level::ERROR {
            context.fail_with("_OTHER", fields.failure());
        }
    });
}

/// Adds the event to the span: level and target first, then the fields.
fn add(context: &Context, fields: &Fields, meta: &Metadata<'_>) {
    let name = fields.message().unwrap_or_else(|| {
        if fields.has_error() {
            "exception"
        } else {
            meta.target()
        }
    });
    let (mut few, mut many);
    let count = fields.len() + 2;
    let attrs: &mut [Attr<'_>] = if count <= USUAL {
        few = [attr("", None::<bool>); USUAL];
        &mut few[..count]
    } else {
        many = vec![attr("", None::<bool>); count];
        &mut many
    };
    attrs[0] = attr("level", Literal(meta.level().as_str()));
    attrs[1] = attr("target", meta.target());
    let mut at = 2;
    fields.each_chunk(|chunk| {
        attrs[at..at + chunk.len()].copy_from_slice(chunk);
        at += chunk.len();
    });
    let attrs: &[Attr<'_>] = attrs;
    context.event(Name::dynamic(name), || attrs);
}
