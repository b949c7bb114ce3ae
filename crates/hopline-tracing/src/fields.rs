//! Collects the fields of a `tracing` span or event, before any lock is taken.
//!
//! Plain fields become attributes in the form in which a span records them; fields with a meaning of their own are kept
//! apart, as text.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use hopline_core::Attr;
use hopline_core::bridge::FieldSet;
use hopline_core::redact::REDACTED;
use hopline_core::text::truncated;
use tracing::field::{Field, Visit};

use crate::class::Class;
use crate::marks::Marks;
use crate::secret;

/// Bytes of text that one value takes: a little more than the usual limit of a value, so that the core sees, cuts and
/// counts what is longer. A `Debug` that prints more is stopped there.
const VALUE_BYTES: usize = 16 * 1024 + 4;
/// Text beyond which a thread does not keep its buffer.
const KEPT_BYTES: usize = 64 * 1024;

/// The fields of one span or event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// The attributes.
    pub(crate) set: FieldSet,
    special: Special,
}

/// Fields with a meaning of their own, as tracing-opentelemetry reads them.
#[derive(Clone, Debug, Default)]
struct Special {
    /// False if all else is unset, as for nearly all spans.
    any: bool,
    /// The text of the fields below.
    text: String,
    message: Option<Range>,
    has_error: bool,
    /// The message of the first error, if messages are recorded.
    error: Option<Range>,
    name: Option<Range>,
    kind: Option<Range>,
    failed: Option<bool>,
    status_message: Option<Range>,
}

type Range = (usize, usize);

thread_local! {
    /// The buffer of the thread, taken out while it is filled: a `Debug` that logs finds none and gets a new one.
    static SPARE: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
}

/// Runs `work` with what `visit` records, in a buffer that the thread reuses.
///
/// The text of errors is recorded if `messages` returns true; it runs only if there is one.
pub(crate) fn collect<R>(
    marks: Marks,
    messages: &dyn Fn() -> bool,
    visit: impl FnOnce(&mut dyn Visit),
    work: impl FnOnce(&mut Fields) -> R,
) -> R {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    let mut fields = spare.unwrap_or_default();
    let mut collector = Collector {
        fields: &mut fields,
        marks,
        messages,
    };
    // `Debug` and `Display` of the application run in here; a panic of theirs must not end the request
    let _ = catch_unwind(AssertUnwindSafe(|| visit(&mut collector)));
    let result = work(&mut fields);
    fields.clear();
    let _ = SPARE.try_with(|spare| spare.set(Some(fields)));
    result
}

impl Fields {
    #[inline]
    fn clear(&mut self) {
        self.set.clear(KEPT_BYTES);
        if self.special.any {
            self.special.clear();
        }
    }

    /// Adds what was collected later.
    pub(crate) fn extend(&mut self, later: &Self) {
        self.set.append(&later.set);
        if later.special.any {
            self.special.extend(&later.special);
        }
    }

    /// All attributes, for a span or an event to take.
    #[inline]
    pub(crate) fn attrs<R>(&self, with: impl FnOnce(&[Attr<'_>]) -> R) -> R {
        let all = [self.set.as_attr()];
        with(if self.set.is_empty() { &[] } else { &all })
    }

    /// True if a field has a meaning of its own.
    #[inline]
    pub(crate) fn has_special(&self) -> bool {
        self.special.any
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.special.of(self.special.message)
    }

    pub(crate) fn has_error(&self) -> bool {
        self.special.has_error
    }

    /// The message of a failure: the error's, else that of the event.
    pub(crate) fn failure(&self) -> &str {
        let special = &self.special;
        special
            .of(special.error.or(special.message))
            .unwrap_or_default()
    }

    /// `otel.name`.
    #[inline]
    pub(crate) fn name(&self) -> Option<&str> {
        self.special.of(self.special.name)
    }

    /// `otel.kind`.
    #[inline]
    pub(crate) fn kind(&self) -> Option<&str> {
        self.special.of(self.special.kind)
    }

    /// True if `otel.status_code` is an error.
    #[inline]
    pub(crate) fn failed(&self) -> bool {
        self.special.failed == Some(true)
    }

    /// `otel.status_description`, or the older `otel.status_message`.
    pub(crate) fn status_message(&self) -> &str {
        let special = &self.special;
        special.of(special.status_message).unwrap_or_default()
    }
}

impl Special {
    fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        text.shrink_to(KEPT_BYTES);
        *self = Self {
            text,
            ..Self::default()
        };
    }

    fn extend(&mut self, later: &Self) {
        let shift = self.text.len();
        let moved = |range: Option<Range>| range.map(|(from, to)| (from + shift, to + shift));
        self.text.push_str(&later.text);
        self.any = true;
        self.name = moved(later.name).or(self.name);
        self.kind = moved(later.kind).or(self.kind);
        self.failed = later.failed.or(self.failed);
        self.status_message = moved(later.status_message).or(self.status_message);
    }

    #[inline]
    fn of(&self, range: Option<Range>) -> Option<&str> {
        let (from, to) = range?;
        self.text.get(from..to)
    }
}

/// The visitor of one span or event.
struct Collector<'a> {
    fields: &'a mut Fields,
    marks: Marks,
    messages: &'a dyn Fn() -> bool,
}

impl Collector<'_> {
    /// Records text that `write` adds.
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>)) {
        let class = if self.marks.has(field) {
            Class::of(field.name())
        } else {
            Class::Plain
        };
        let mut unused = None;
        let Fields { set, special } = &mut *self.fields;
        let slot = match class {
            Class::Plain | Class::Url => {
                let from = written(set.text(), class, write);
                return set.text_since(from, field.name());
            }
            Class::Secret => return set.literal(field.name(), REDACTED),
            Class::OfLog => return,
            Class::Error => return self.error(field, write),
            Class::Message => &mut special.message,
            Class::Name => &mut special.name,
            Class::Kind => &mut special.kind,
            Class::StatusMessage => &mut special.status_message,
            Class::StatusCode => &mut unused,
        };
        special.any = true;
        let from = written(&mut special.text, class, write);
        *slot = Some((from, special.text.len()));
        if class == Class::StatusCode {
            special.failed = Some(special.text[from..].eq_ignore_ascii_case("error"));
        }
    }

    /// Records the text of an error, if messages of errors are recorded.
    fn error(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>)) {
        let is_secret = self.marks.has(field) && Class::of(field.name()) == Class::Secret;
        let Fields { set, special } = &mut *self.fields;
        special.any = true;
        special.has_error = true;
        if is_secret || !(self.messages)() {
            return set.literal(field.name(), REDACTED);
        }
        let from = written(set.text(), Class::Error, write);
        if special.error.is_none() {
            let text = &set.text()[from..];
            special.error = Some((special.text.len(), special.text.len() + text.len()));
            special.text.push_str(text);
        }
        set.text_since(from, field.name());
    }

    /// Records a number or a boolean by `add`.
    #[inline]
    fn scalar(&mut self, field: &Field, add: impl FnOnce(&mut FieldSet, &'static str)) {
        let set = &mut self.fields.set;
        if !self.marks.has(field) {
            return add(set, field.name());
        }
        match Class::of(field.name()) {
            // a number may be a secret as well
            Class::Secret => set.literal(field.name(), REDACTED),
            Class::OfLog => {}
            _ => add(set, field.name()),
        }
    }

    fn integer(&mut self, field: &Field, value: impl TryInto<i64> + fmt::Display + Copy) {
        match value.try_into() {
            Ok(value) => self.scalar(field, |set, key| set.i64(key, value)),
            // OpenTelemetry's mapping: integers beyond 64 signed bits are decimal text
            Err(_) => self.text(field, |text| _ = write!(text, "{value}")),
        }
    }
}

impl Visit for Collector<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.scalar(field, |set, key| set.bool(key, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, |set, key| set.i64(key, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.scalar(field, |set, key| set.f64(key, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.marks.has(field) && value.len() <= VALUE_BYTES && secret::is_harmless(value) {
            return self.fields.set.str(field.name(), value);
        }
        // an error is the cap, and what is before it is kept
        self.text(field, |text| _ = text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.error(field, |text| {
            let mut written = write!(text, "{value}");
            let mut source = value.source();
            while let (Ok(()), Some(cause)) = (written, source) {
                written = write!(text, ": {cause}");
                source = cause.source();
            }
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |text| _ = write!(text, "{value:?}"));
    }
}

/// Appends what `write` adds, redacted. Returns where it begins.
fn written(text: &mut String, class: Class, write: impl FnOnce(&mut Capped<'_>)) -> usize {
    let from = text.len();
    write(&mut Capped {
        text: &mut *text,
        left: VALUE_BYTES,
    });
    if let Some(redacted) = secret::redacted(&text[from..], class == Class::Url) {
        text.truncate(from);
        text.push_str(&redacted);
    }
    from
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
