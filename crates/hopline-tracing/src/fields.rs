//! Collects the fields of a `tracing` span or event, before any lock is taken.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use hopline_core::bridge::records_error_messages;
use hopline_core::redact::REDACTED;
use hopline_core::text::truncated;
use hopline_core::{Attr, Context, Literal, attr};
use tracing::field::{Field, Visit};

use crate::class::Class;
use crate::secret;

/// Bytes of text that one value takes. A `Debug` that prints more is stopped there.
const VALUE_BYTES: usize = 16 * 1024;
/// Text beyond which a thread does not keep its buffer.
const KEPT_BYTES: usize = 64 * 1024;
/// Attributes handed to the core at once.
const CHUNK: usize = 8;

/// The fields of one span or event: typed values, with all text in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: String,
    fields: Vec<(&'static str, Collected)>,
    /// The text of the field `message`.
    message: Option<Range>,
    pub(crate) special: Special,
    /// True if the text of errors is recorded; read from the tracer once there is one.
    error_messages: bool,
    /// The message of the first error.
    error: Option<Range>,
}

/// Fields with a meaning of their own, as tracing-opentelemetry reads them.
#[derive(Debug, Default)]
pub(crate) struct Special {
    name: Option<Range>,
    kind: Option<Range>,
    failed: Option<bool>,
    status_message: Option<Range>,
}

type Range = (usize, usize);

#[derive(Clone, Copy, Debug)]
enum Collected {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Range),
    /// The text of an error, recorded only by tracers that record error messages.
    Error(Range),
    Redacted,
}

thread_local! {
    /// The buffer of the thread, taken out while it is filled: a `Debug` that logs finds none and gets a new one.
    static SPARE: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
}

/// Runs `work` with what `visit` records, in a buffer that the thread reuses.
pub(crate) fn collect<R>(
    visit: impl FnOnce(&mut Fields),
    work: impl FnOnce(&mut Fields) -> R,
) -> R {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    let mut fields = spare.unwrap_or_default();
    // `Debug` and `Display` of the application run in here; a panic of theirs must not end the request
    let _ = catch_unwind(AssertUnwindSafe(|| visit(&mut fields)));
    let result = work(&mut fields);
    fields.clear();
    let _ = SPARE.try_with(|spare| spare.set(Some(fields)));
    result
}

impl Fields {
    fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
        self.fields.clear();
        self.message = None;
        self.special = Special::default();
        self.error = None;
        self.error_messages = false;
    }

    /// A copy that lasts.
    pub(crate) fn keep(&self) -> Self {
        Self {
            text: self.text.clone(),
            fields: self.fields.clone(),
            message: self.message,
            special: Special {
                name: self.special.name,
                kind: self.special.kind,
                failed: self.special.failed,
                status_message: self.special.status_message,
            },
            error_messages: self.error_messages,
            error: self.error,
        }
    }

    /// Adds what was collected later.
    pub(crate) fn extend(&mut self, later: &Self) {
        let shift = self.text.len();
        let moved = |(from, to): Range| (from + shift, to + shift);
        self.text.push_str(&later.text);
        self.fields
            .extend(later.fields.iter().map(|(key, value)| match value {
                Collected::Text(range) => (*key, Collected::Text(moved(*range))),
                Collected::Error(range) => (*key, Collected::Error(moved(*range))),
                other => (*key, *other),
            }));
        let special = &later.special;
        self.special.name = special.name.map(moved).or(self.special.name);
        self.special.kind = special.kind.map(moved).or(self.special.kind);
        self.special.failed = special.failed.or(self.special.failed);
        self.special.status_message = special
            .status_message
            .map(moved)
            .or(self.special.status_message);
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.map(|range| self.of(range))
    }

    /// Asks the tracer of `context` whether it records the text of errors, if there is any.
    pub(crate) fn ask_for_messages(&mut self, context: &Context) {
        if self.error.is_some() || self.failed() || self.message.is_some() {
            self.error_messages = records_error_messages(context);
        }
    }

    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// The message of a failure: the error's, else that of the event. Empty unless error messages are recorded.
    pub(crate) fn failure(&self) -> &str {
        self.error
            .or(self.message)
            .filter(|_| self.error_messages)
            .map_or("", |range| self.of(range))
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// `otel.name`.
    pub(crate) fn name(&self) -> Option<&str> {
        self.special.name.map(|range| self.of(range))
    }

    /// `otel.kind`.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.special.kind.map(|range| self.of(range))
    }

    /// True if `otel.status_code` is an error.
    pub(crate) fn failed(&self) -> bool {
        self.special.failed == Some(true)
    }

    /// `otel.status_description`, or the older `otel.status_message`.
    pub(crate) fn status_message(&self) -> &str {
        self.special
            .status_message
            .map_or("", |range| self.of(range))
    }

    /// Calls `with` with the attributes, in pieces of up to 8; once with none if there are none.
    pub(crate) fn each_chunk<'s>(&'s self, mut with: impl FnMut(&[Attr<'s>])) {
        if self.fields.is_empty() {
            return with(&[]);
        }
        for fields in self.fields.chunks(CHUNK) {
            let mut chunk = [attr("", None::<bool>); CHUNK];
            for (slot, (key, value)) in chunk.iter_mut().zip(fields) {
                *slot = match *value {
                    Collected::Bool(value) => attr(*key, value),
                    Collected::I64(value) => attr(*key, value),
                    Collected::F64(value) => attr(*key, value),
                    Collected::Text(range) => attr(*key, self.of(range)),
                    Collected::Error(range) if self.error_messages => attr(*key, self.of(range)),
                    Collected::Error(_) | Collected::Redacted => attr(*key, Literal(REDACTED)),
                };
            }
            with(&chunk[..fields.len()]);
        }
    }

    fn of(&self, (from, to): Range) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn number(&mut self, field: &Field, value: impl TryInto<i64> + fmt::Display + Copy) {
        match value.try_into() {
            Ok(value) => self.add(field, Collected::I64(value)),
            // OpenTelemetry's mapping: integers beyond 64 signed bits are decimal text
            Err(_) => self.text(field, |text| _ = write!(text, "{value}")),
        }
    }

    /// Records text that `write` adds.
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>)) {
        let class = Class::of(field.name());
        match class {
            Class::Secret => return self.fields.push((field.name(), Collected::Redacted)),
            Class::OfLog => return,
            _ => {}
        }
        let from = self.text.len();
        write(&mut self.capped());
        if let Some(redacted) = secret::redacted(&self.text[from..], class == Class::Url) {
            self.text.truncate(from);
            self.text.push_str(&redacted);
        }
        let range = (from, self.text.len());
        let special = &mut self.special;
        match class {
            Class::Message => self.message = Some(range),
            Class::Name => special.name = Some(range),
            Class::Kind => special.kind = Some(range),
            Class::StatusMessage => special.status_message = Some(range),
            Class::StatusCode => {
                special.failed = Some(self.text[from..].eq_ignore_ascii_case("error"));
            }
            Class::Error => self.error(field, range),
            Class::Plain | Class::Url | Class::Secret | Class::OfLog => {
                self.fields.push((field.name(), Collected::Text(range)));
            }
        }
    }

    fn capped(&mut self) -> Capped<'_> {
        Capped {
            text: &mut self.text,
            left: VALUE_BYTES,
        }
    }

    fn error(&mut self, field: &Field, text: Range) {
        self.error.get_or_insert(text);
        self.add(field, Collected::Error(text));
    }

    fn add(&mut self, field: &Field, value: Collected) {
        // a number may be a secret as well
        let is_secret = Class::of(field.name()) == Class::Secret;
        let value = if is_secret {
            Collected::Redacted
        } else {
            value
        };
        self.fields.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Collected::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Collected::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if Class::of(field.name()) != Class::OfLog {
            self.number(field, value);
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Collected::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // an error is the cap, and what is before it is kept
        self.text(field, |text| _ = text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let from = self.text.len();
        let mut text = self.capped();
        let mut written = write!(text, "{value}");
        let mut source = value.source();
        while let (Ok(()), Some(cause)) = (written, source) {
            written = write!(text, ": {cause}");
            source = cause.source();
        }
        let range = (from, self.text.len());
        self.error(field, range);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |text| _ = write!(text, "{value:?}"));
    }
}

/// Takes up to `left` bytes of text, then refuses.
struct Capped<'a> {
    text: &'a mut String,
    left: usize,
}

impl fmt::Write for Capped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fitting = truncated(text, self.left);
        self.text.push_str(fitting);
        self.left -= fitting.len();
        if fitting.len() < text.len() {
            // nothing after the cut may follow it
            self.left = 0;
            return Err(fmt::Error);
        }
        Ok(())
    }
}
