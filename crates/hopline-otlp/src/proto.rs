//! The Protocol Buffers wire format, as far as OTLP needs it: a writer and a reader of fields.
//!
//! `encode.rs` writes spans with it; `response.rs`, `grpc.rs` and `split.rs` read and write small messages.

/// Writes fields into one buffer, one after the other.
///
/// A scalar with its default value is left out, as the format asks; the methods ending in `_always` write it too.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes a message whose length is unknown until it is written.
    ///
    /// `width` is the expected number of bytes of its length. If that is wrong, the message moves by the difference, so
    /// the length is always in its shortest form.
    #[inline]
    pub(crate) fn message(&mut self, field: u32, width: usize, write: impl FnOnce(&mut Self)) {
        self.tag(field, DELIMITED);
        let at = self.out.len();
        self.out
            .extend_from_slice(&[0; MAX_VARINT][..width.min(MAX_VARINT)]);
        let start = self.out.len();
        write(self);
        let end = self.out.len();
        let len = (end - start) as u64;
        let needed = varint_len(len);
        if needed > width {
            self.out.resize(end + needed - width, 0);
        }
        if needed != width {
            self.out.copy_within(start..end, at + needed);
            self.out.truncate(at + needed + (end - start));
        }
        self.patch(at, len);
    }

    /// Writes the tag and length of a message; the caller writes exactly `len` bytes next.
    #[inline]
    pub(crate) fn sized(&mut self, field: u32, len: usize) {
        self.tag(field, DELIMITED);
        self.varint(len as u64);
    }

    /// Writes the tag and length of a message and its first field of bytes. Both field numbers are below 16 and both
    /// lengths below 128, so each tag and length takes one byte.
    #[inline]
    pub(crate) fn short(&mut self, fields: [u32; 2], lens: [usize; 2], bytes: &[u8]) {
        let tag = |field: u32| (field << 3 | DELIMITED) as u8;
        let [outer, inner] = lens.map(|len| len as u8);
        self.out
            .extend_from_slice(&[tag(fields[0]), outer, tag(fields[1]), inner]);
        self.out.extend_from_slice(bytes);
    }

    /// Writes text or bytes, unless empty.
    #[inline]
    pub(crate) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes_always(field, bytes);
        }
    }

    /// Writes text or bytes, also if empty: a member of a `oneof` is present by being written.
    #[inline]
    pub(crate) fn bytes_always(&mut self, field: u32, bytes: &[u8]) {
        self.sized(field, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn uint(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.uint_always(field, number);
        }
    }

    #[inline]
    pub(crate) fn uint_always(&mut self, field: u32, number: u64) {
        self.tag(field, VARINT);
        self.varint(number);
    }

    #[inline]
    pub(crate) fn fixed64(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.fixed64_always(field, number);
        }
    }

    #[inline]
    pub(crate) fn fixed64_always(&mut self, field: u32, number: u64) {
        self.tag(field, FIXED64);
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    #[inline]
    pub(crate) fn fixed32(&mut self, field: u32, number: u32) {
        if number != 0 {
            self.tag(field, FIXED32);
            self.out.extend_from_slice(&number.to_le_bytes());
        }
    }

    #[inline]
    fn tag(&mut self, field: u32, wire: u32) {
        self.varint((field << 3 | wire).into());
    }

    #[inline]
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// Writes a varint over bytes reserved for it.
    fn patch(&mut self, at: usize, mut number: u64) {
        for byte in &mut self.out[at..] {
            *byte = number as u8 & 0x7f;
            number >>= 7;
            if number == 0 {
                return;
            }
            *byte |= 0x80;
        }
    }
}

const MAX_VARINT: usize = 10;

/// The number of bytes of a varint.
#[inline]
pub(crate) fn varint_len(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The number of bytes of a field of text or bytes whose number is below 16.
#[inline]
pub(crate) fn field_len(bytes: usize) -> usize {
    1 + varint_len(bytes as u64) + bytes
}

/// The value of a field that was read.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, with their numbers; the last is an error if the message is malformed.
#[cfg(feature = "http")]
pub(crate) fn fields(
    mut message: &[u8],
) -> impl Iterator<Item = Result<(u64, Field<'_>), Malformed>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = next_field(&mut message).ok_or(Malformed);
        if field.is_err() {
            message = &[];
        }
        Some(field)
    })
}

/// The bytes are not a Protocol Buffers message.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[cfg(feature = "http")]
fn next_field<'a>(input: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = next_varint(input)?;
    let field = match (tag & 7) as u32 {
        VARINT => Field::Number(next_varint(input)?),
        FIXED64 => Field::Number(u64::from_le_bytes(*input.split_off(..8)?.first_chunk()?)),
        FIXED32 => Field::Number(u32::from_le_bytes(*input.split_off(..4)?.first_chunk()?).into()),
        DELIMITED => {
            let len = usize::try_from(next_varint(input)?).ok()?;
            Field::Bytes(input.split_off(..len)?)
        }
        _ => return None,
    };
    (tag >> 3 != 0).then_some((tag >> 3, field))
}

#[cfg(feature = "http")]
fn next_varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *input.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_shortest_form_for_any_guess() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            for width in 1..=4 {
                let mut guessed = Writer::default();
                guessed.message(1, width, |inner| {
                    inner.out.extend(std::iter::repeat_n(7, len))
                });
                let mut known = Writer::default();
                known.bytes_always(1, &vec![7; len]);
                assert_eq!(guessed.out, known.out, "{len} bytes, guessed {width}");
                assert_eq!(guessed.out.len(), field_len(len));
            }
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn written_fields_are_read_back() {
        let mut writer = Writer::default();
        writer.uint_always(1, u64::MAX);
        writer.bytes(2, b"two");
        writer.fixed64(16, 5);
        writer.fixed32(17, 6);
        let read: Vec<_> = fields(&writer.out).map(Result::unwrap).collect();
        let expected = [
            (1, Field::Number(u64::MAX)),
            (2, Field::Bytes(b"two")),
            (16, Field::Number(5)),
            (17, Field::Number(6)),
        ];
        assert_eq!(read, expected);
    }

    #[cfg(feature = "http")]
    #[test]
    fn every_cut_of_a_message_is_an_end_or_an_error() {
        let mut writer = Writer::default();
        writer.uint_always(1, u64::MAX);
        writer.bytes(2, b"two");
        writer.fixed64(3, 5);
        let ends = [0, 11, 16, 25];
        for cut in 0..=writer.out.len() {
            let whole = fields(&writer.out[..cut]).all(|field| field.is_ok());
            assert_eq!(whole, ends.contains(&cut), "cut at {cut}");
        }
        assert!(fields(&[0xff; 12]).any(|field| field.is_err()));
    }
}
