//! The wire format of Protocol Buffers, read without copying.
//!
//! Generated types are not used here: the crate that has them depends on an OpenTelemetry SDK, which would come into the
//! dependency tree of each application that mounts the viewer. Tests compare with those types.
//!
//! `protobuf` calls it for each message. The encoding is described at <https://protobuf.dev/programming-guides/encoding/>.
//! Every length is checked before it is used, so malformed input ends in an error.

use super::error::DecodeError;

/// The fields of a message.
///
/// Fields come in any order, and a repeated field comes once for each element. A caller skips numbers that it does
/// not know, as the OTLP specification requires: a sender may use a newer schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    /// Bytes that are not read yet.
    rest: &'a [u8],
}

/// The value of a field.
/// By wire type; the schema decides what the bits mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    /// Wire type 0: integers, booleans, enums.
    Varint(u64),
    /// Wire type 1: times and doubles.
    Fixed64(u64),
    /// Wire type 2: text, bytes and messages.
    Bytes(&'a [u8]),
    /// Wire type 5: flags.
    Fixed32(u32),
}

impl<'a> Fields<'a> {
    /// Reads the fields of this message.
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The number and value of the next field.
    ///
    /// # Errors
    ///
    /// Returns an error if the message ends within the field, or the field has no valid number or type.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(malformed)?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| truncated())?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            // groups (3 and 4) are older than OTLP
            _ => return Err(malformed()),
        };
        Ok(Some((number, field)))
    }

    /// Reads seven bits of each byte, the lowest first; the tenth byte is the last of a 64-bit number.
    ///
    /// # Errors
    ///
    /// Returns an error if the message ends within the number, or if the number has more than ten bytes.
    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            truncated()
        } else {
            malformed()
        })
    }

    /// Takes `length` bytes without copying.
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a fixed number of bytes.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

impl<'a> Field<'a> {
    /// The bytes of a field of wire type 2.
    ///
    /// # Errors
    ///
    /// Returns an error for a field of another wire type, as do the methods below.
    pub(super) fn bytes(self) -> Result<&'a [u8], DecodeError> {
        if let Self::Bytes(bytes) = self {
            Ok(bytes)
        } else {
            Err(wrong_type())
        }
    }

    /// The fields of a nested message.
    pub(super) fn message(self) -> Result<Fields<'a>, DecodeError> {
        self.bytes().map(Fields::new)
    }

    /// The text of a field, which has to be UTF-8.
    pub(super) fn text(self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::new("not UTF-8"))
    }

    /// An integer of any of the encodings: producers of both `fixed64` and `uint64` exist for some fields.
    pub(super) fn number(self) -> Result<u64, DecodeError> {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => Ok(number),
            Self::Fixed32(number) => Ok(number.into()),
            Self::Bytes(_) => Err(wrong_type()),
        }
    }
}

/// The sender stopped within a message, or a length is wrong.
fn truncated() -> DecodeError {
    DecodeError::new("the message ends within a field")
}

/// A tag or number that no encoder writes: mostly, the body is of another format.
fn malformed() -> DecodeError {
    DecodeError::new("not a Protocol Buffers message")
}

/// The number is one of OTLP's, and the wire type is not that of the schema.
fn wrong_type() -> DecodeError {
    DecodeError::new("a field has another type than OTLP's")
}
