//! Compression, with a cap on what comes out of it.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

pub(super) fn packed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packed.write_all(plain)?;
    packed.finish()
}

/// What was packed; `None` if that is more than `most` bytes.
///
/// Nothing beyond the cap is unpacked, so a few bytes that stand for gigabytes cost no more than it.
pub(super) fn unpacked(packed: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    let capped = MultiGzDecoder::new(packed).take(most as u64 + 1);
    let mut capped = io::BufReader::new(capped);
    capped.read_to_end(&mut plain)?;
    Ok((plain.len() <= most).then_some(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_up_to_the_cap() {
        let plain = b"span ".repeat(1000);
        let bytes = packed(&plain).unwrap();
        assert!(bytes.len() < plain.len() / 10);
        assert_eq!(unpacked(&bytes, plain.len()).unwrap(), Some(plain.clone()));
        assert_eq!(unpacked(&bytes, plain.len() - 1).unwrap(), None);
        assert!(unpacked(&bytes[..bytes.len() - 1], usize::MAX >> 1).is_err());
        assert!(unpacked(b"not gzip", 10).is_err());
    }
}
