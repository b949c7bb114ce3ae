//! The path of a request from its body to the store, with its limits.
//! `http` and `grpc` call it with the body and its encoding.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::decode::{self, DecodeError, Decoded, Signal};
use crate::view::View;

/// Bytes of a request as sent.
///
/// 16 MiB. An exporter's batch of 512 spans has a few hundred KiB.
const MAX_BODY: usize = 16 << 20;
/// Bytes of a request once decompressed.
///
/// 32 MiB. It bounds the memory that a small, highly compressed body can take.
const MAX_DECOMPRESSED: usize = 32 << 20;
/// Requests that are read and decoded at the same time: this bounds the memory of all requests together.
///
/// By the two limits above, the bodies take up to 384 MiB, as sent and decompressed.
const AT_ONCE: usize = 8;

/// Time for the body of a request: a sender that hangs would keep one of the few permits.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The state of all receivers. Cloned for each request, which counts references.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    /// Store that takes what was decoded.
    pub(super) view: View,
    /// Waited for before a body is read. A request that is cancelled gives its permit back.
    permits: Arc<Semaphore>,
}

/// A request's encoding. The header `content-type` gives it for HTTP; gRPC has Protocol Buffers only.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoding {
    /// Binary Protocol Buffers.
    Protobuf,
    /// The JSON mapping, with ids in hexadecimal.
    Json,
}

/// A body that could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum BodyError {
    /// Longer than `MAX_BODY`, or the connection ended within it.
    TooLarge,
    /// Not complete within `MAX_WAIT`.
    TooSlow,
}

impl BodyError {
    /// The text for the sender, with the limit that was exceeded.
    pub(super) fn message(self) -> String {
        match self {
            Self::TooLarge => format!("the body is larger than {MAX_BODY} bytes, or ended early"),
            Self::TooSlow => format!("the body took longer than {} s", MAX_WAIT.as_secs()),
        }
    }
}

impl Receiver {
    /// A receiver that fills this viewer.
    pub(super) fn new(view: &View) -> Self {
        Self {
            view: view.clone(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Waits until fewer than `AT_ONCE` requests are read. The permit is held from the first byte of the body to the answer.
    ///
    /// # Cancellation
    ///
    /// A request that is dropped while it waits takes no permit.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // never closed, so it does not fail
        self.permits.acquire().await.ok()
    }

    /// Reads a body within its bounds.
    ///
    /// # Errors
    ///
    /// Returns an error for a body that is too large or too slow, and counts the request as refused.
    ///
    /// # Cancellation
    ///
    /// A request that is dropped while it is read stores nothing and is not counted.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, BodyError> {
        let read = tokio::time::timeout(MAX_WAIT, to_bytes(body, MAX_BODY)).await;
        let error = match read {
            Ok(Ok(body)) => return Ok(body),
            Ok(Err(_)) => BodyError::TooLarge,
            Err(_) => BodyError::TooSlow,
        };
        self.view.reject();
        Err(error)
    }

    /// Decompresses, decodes and stores a body; on a thread of its own where that takes long.
    ///
    /// A body of up to 64 KiB is decoded in place: handing it to another thread costs more than that.
    ///
    /// # Errors
    ///
    /// Returns an error if the body cannot be decompressed or decoded, and counts the request as refused. A request
    /// is stored as a whole or not at all.
    pub(super) async fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        is_gzip: bool,
        body: Bytes,
    ) -> Result<(), DecodeError> {
        /// Decoded within the time of a few polls.
        const SMALL: usize = 64 << 10;
        let result = if body.len() <= SMALL && !is_gzip {
            decoded(signal, encoding, is_gzip, &body)
        } else {
            let decoding =
                tokio::task::spawn_blocking(move || decoded(signal, encoding, is_gzip, &body));
            decoding
                .await
                .unwrap_or_else(|_| decode::file("not decoded"))
        };
        match result {
            Ok(decoded) => {
                self.view.receive(&decoded);
                Ok(())
            }
            Err(error) => {
                self.view.reject();
                Err(error)
            }
        }
    }
}

/// Decodes a body, decompressed first if it is gzip. Runs without access to the store, so that decoding holds no
/// lock.
fn decoded(
    signal: Signal,
    encoding: Encoding,
    is_gzip: bool,
    body: &[u8],
) -> Result<Decoded, DecodeError> {
    let unpacked;
    let body = if is_gzip {
        unpacked = decode::gunzip(body, MAX_DECOMPRESSED)?;
        &unpacked
    } else {
        body
    };
    match encoding {
        Encoding::Protobuf => decode::protobuf(signal, body),
        Encoding::Json => decode::json(decode::utf8(body)?),
    }
}
