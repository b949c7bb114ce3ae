//! Compression, with a cap on what comes out of it.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

pub(super) fn packed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packed.write_all(plain)?;
    packed.finish()
}

/// What was packed; `None` if that is more than `most` bytes.
///
/// Nothing beyond the cap is unpacked, so a few bytes that unpack to gigabytes cost no more than the cap. One member is read:
/// each costs a decoder of its own, and a file of thousands of empty ones would cost seconds.
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
    fn one_member_is_unpacked_however_many_follow() {
        let member = packed(b"").unwrap();
        assert_eq!(unpacked(&member, 10).unwrap(), Some(Vec::new()));
        assert!(unpacked(&member.repeat(150_000), 10).is_err());
        let two = [packed(b"one").unwrap(), packed(b"two").unwrap()].concat();
        assert!(unpacked(&two, 10).is_err());
    }

    #[test]
    fn what_is_packed_comes_back_up_to_the_cap() {
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
