//! Attributes that a bridge collects one by one, and a span or event then takes in one piece.
//!
//! hopline-tracing fills one for each span and event, outside any lock, in a buffer that its thread reuses.

use crate::attribute::collected::Collected;
use crate::attribute::table::{AttrRecord, RecordedValue};
use crate::attribute::text::Text;
use crate::attribute::value::{Attr, Name, NameKind, Value, ValueKind};

/// Attributes with static keys, in the form in which a span records them.
///
/// Like an [`AttrSet`](crate::AttrSet), but written without an [`Attr`] in between: text is written once into the
/// set's own buffer, where the caller can read it, replace it, and take it back.
#[derive(Clone, Debug, Default)]
pub struct FieldSet(Collected);

impl FieldSet {
    /// Creates an empty one, without an allocation.
    pub const fn new() -> Self {
        Self(Collected::new())
    }

    /// Removes all attributes. Keeps up to `bytes` of memory for text.
    #[inline]
    pub fn clear(&mut self, bytes: usize) {
        self.0.clear();
        if self.0.table.text.capacity() > bytes {
            self.0.table.text.shrink_to(bytes);
        }
    }

    /// The number of attributes.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// All attributes as one, to pass among others.
    #[inline]
    pub fn as_attr(&self) -> Attr<'_> {
        Attr {
            key: Name::from(""),
            value: Value(ValueKind::Set(&self.0)),
        }
    }

    /// Adds a boolean.
    #[inline]
    pub fn bool(&mut self, key: &'static str, value: bool) {
        self.push(key, RecordedValue::Bool(value.into()));
    }

    /// Adds an integer.
    #[inline]
    pub fn i64(&mut self, key: &'static str, value: i64) {
        self.push(key, RecordedValue::I64(value));
    }

    /// Adds a floating-point number.
    #[inline]
    pub fn f64(&mut self, key: &'static str, value: f64) {
        self.push(key, RecordedValue::F64(value));
    }

    /// Adds a literal.
    pub fn literal(&mut self, key: &'static str, value: &'static str) {
        self.0.longest = self.0.longest.max(value.len());
        self.push(key, RecordedValue::Text(Text::Static(value)));
    }

    /// Adds text.
    #[inline]
    pub fn str(&mut self, key: &'static str, value: &str) {
        let from = self.0.table.text.len();
        self.0.table.text.push_str(value);
        self.text_since(from, key);
    }

    /// The buffer of all text. A value is appended here, and becomes an attribute by [`text_since`](Self::text_since).
    #[inline]
    pub fn text(&mut self) -> &mut String {
        &mut self.0.table.text
    }

    /// Adds the text of the buffer from the offset `from` on.
    #[inline]
    pub fn text_since(&mut self, from: usize, key: &'static str) {
        let len = self.0.table.text.len().saturating_sub(from);
        self.0.longest = self.0.longest.max(len);
        let value = Text::Copied {
            at: from as u32,
            len: len as u32,
        };
        self.push(key, RecordedValue::Text(value));
    }

    /// Adds the attributes of another set behind its own.
    pub fn append(&mut self, other: &Self) {
        let Self(own) = self;
        let base = own.table.text.len() as u32;
        own.table.text.push_str(&other.0.table.text);
        for record in &other.0.table.attrs {
            let mut record = *record;
            record.shift(base);
            own.table.attrs.push(record);
        }
        own.len += other.0.len;
        own.refused += other.0.refused;
        own.longest = own.longest.max(other.0.longest);
        own.longest_key = own.longest_key.max(other.0.longest_key);
    }

    #[inline]
    fn push(&mut self, key: &'static str, value: RecordedValue) {
        let Self(set) = self;
        let key = match Name::from(key).0 {
            NameKind::Static(key) => Text::Static(key),
            NameKind::Dynamic("") => {
                set.refused += 1;
                return;
            }
            NameKind::Dynamic(key) => {
                set.longest_key = set.longest_key.max(key.len());
                Text::copy(key, &mut set.table.text, 0)
            }
        };
        set.table.attrs.push(AttrRecord { key, value });
        set.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::set::AttrSet;

    #[test]
    fn a_span_takes_what_was_collected_and_counts_what_has_no_key() {
        let mut fields = FieldSet::new();
        fields.bool("b", true);
        fields.i64("i", -7);
        fields.f64("f", 1.5);
        fields.literal("l", "REDACTED");
        let from = fields.text().len();
        fields.text().push_str("text");
        fields.text_since(from, "t");
        fields.i64("", 1);
        let mut later = FieldSet::new();
        later.str("s", "later");
        fields.append(&later);
        assert_eq!((fields.len(), fields.0.refused), (6, 1));

        let read: AttrSet = [fields.as_attr()].into_iter().collect();
        assert_eq!(
            format!("{read:?}"),
            r#"{"b": Bool(true), "i": I64(-7), "f": F64(1.5), "l": Str("REDACTED"), "t": Str("text"), "s": Str("later")}"#
        );
        fields.clear(0);
        assert!(fields.is_empty());
    }
}
