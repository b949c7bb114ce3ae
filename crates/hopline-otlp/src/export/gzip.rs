//! Gzip, with a limit on the unpacked size.
//!
//! Packs requests and files of the spool; unpacks responses and files of the spool. Bytes to unpack come from
//! a peer or a disk, so its size is not trusted.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Compresses with the fastest level: spans repeat their keys, so even that shrinks a request to about a tenth.
///
/// # Errors
///
/// Returns the encoder's error; writing to memory gives none.
pub(super) fn packed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packed.write_all(plain)?;
    packed.finish()
}

/// Unpacks up to `most` bytes; `None` if there are more.
///
/// Nothing beyond the limit is unpacked, so a few bytes that unpack to gigabytes cost no more than the limit. Only one
/// gzip member is accepted: each costs a decoder of its own, and a body of thousands of empty ones would cost seconds.
///
/// # Errors
///
/// Returns an error if the bytes are not gzip, if they are damaged, or if more follows the first member.
pub(super) fn unpacked(mut packed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    let mut capped = GzDecoder::new(&mut packed).take((most as u64).saturating_add(1));
    capped.read_to_end(&mut plain)?;
    if plain.len() > most {
        return Ok(None);
    }
    match packed.is_empty() {
        true => Ok(Some(plain)),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gzip_member_is_an_error() {
        let member = packed(b"").unwrap();
        assert_eq!(unpacked(&member, 10).unwrap(), Some(Vec::new()));
        assert!(unpacked(&member.repeat(150_000), 10).is_err());
        let two = [packed(b"one").unwrap(), packed(b"two").unwrap()].concat();
        assert!(unpacked(&two, 10).is_err());
    }

    #[test]
    fn packed_bytes_are_restored_up_to_the_limit() {
        let plain = b"span ".repeat(1000);
        let bytes = packed(&plain).unwrap();
        assert!(bytes.len() < plain.len() / 10);
        assert_eq!(unpacked(&bytes, plain.len()).unwrap(), Some(plain.clone()));
        assert_eq!(unpacked(&bytes, plain.len() - 1).unwrap(), None);
        assert!(unpacked(&bytes[..bytes.len() - 1], usize::MAX >> 1).is_err());
        assert!(unpacked(b"not gzip", 10).is_err());
        assert!(unpacked(b"", 10).is_err());
    }
}
