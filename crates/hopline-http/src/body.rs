//! Sizes of bodies, for the metrics of servers and clients: bytes are counted as they pass.
//!
//! Server layers and clients wrap bodies whose length is not known in a [`CountedBody`].

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context as Cx, Poll, ready};

use bytes::Buf;
use http::Version;
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Upper bounds in bytes for histograms of body sizes: none, and powers of 4 from 128 bytes to 128 MiB.
pub const SIZE_BOUNDS: &[f64] = &[
    0.0,
    128.0,
    512.0,
    2048.0,
    8192.0,
    32_768.0,
    131_072.0,
    524_288.0,
    2_097_152.0,
    8_388_608.0,
    33_554_432.0,
    134_217_728.0,
];

/// The number of bytes of a body that have passed, shared by the body and the metrics of its request.
///
/// Begins without a value: a body that is never counted has no size.
#[derive(Clone, Debug)]
pub struct ByteCount(Arc<AtomicU64>);

/// The value of a count that has not begun. No body has that many bytes.
const NONE: u64 = u64::MAX;

impl ByteCount {
    /// Creates a count that has not begun.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NONE)))
    }

    /// Sets the size of a body that is known as a whole.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Relaxed);
    }

    /// Returns the bytes so far; none if the count has not begun.
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|bytes| *bytes != NONE)
    }
}

impl Default for ByteCount {
    fn default() -> Self {
        Self::new()
    }
}

pin_project! {
    /// A body that counts its bytes as they pass. Frames, hints and errors are those of the body inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_http::body::{ByteCount, CountedBody};
    /// use http_body_util::BodyExt;
    ///
    /// let count = ByteCount::new();
    /// assert_eq!(count.get(), None);
    /// let body = CountedBody::new("three".to_owned(), &count);
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// body.collect().await.unwrap();
    /// # });
    /// assert_eq!(count.get(), Some(5));
    /// ```
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        count: ByteCount,
    }
}

impl<B> CountedBody<B> {
    /// Wraps a body, and begins the count.
    pub fn new(inner: B, count: &ByteCount) -> Self {
        count.set(0);
        Self {
            inner,
            count: count.clone(),
        }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            this.count.0.fetch_add(data_bytes(frame), Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns the number of bytes of data in a frame; 0 for trailers.
pub fn data_bytes<D: Buf>(frame: &Frame<D>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}

/// Returns the size of a request's body as its head announces it, if it does.
///
/// A request of HTTP/1 with neither `content-length` nor `transfer-encoding` has no body (RFC 9112, section 6.3).
///
/// # Examples
///
/// ```
/// use hopline_http::body::announced_size;
/// use http::{HeaderMap, Version};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(announced_size(Version::HTTP_11, &headers), Some(0));
/// assert_eq!(announced_size(Version::HTTP_2, &headers), None);
/// headers.insert("content-length", "12".parse().unwrap());
/// assert_eq!(announced_size(Version::HTTP_2, &headers), Some(12));
/// ```
pub fn announced_size(version: Version, headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    match headers.get(CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => (version <= Version::HTTP_11).then_some(0),
    }
}
