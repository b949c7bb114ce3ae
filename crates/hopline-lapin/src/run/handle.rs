//! One job: its handler in its process span, then settling.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hopline_core::FutureExt;

use super::job::{Job, JobService};
use super::options::RunOptions;
use super::process_span::ProcessSpan;
use super::settle::Settling;
use crate::channel::Channel;

/// Runs the handler of a job, then settles its messages.
///
/// A panic and a time-out of the handler are outcomes too. Dropped, the job has the outcome `abandoned`, and is
/// delivered again.
///
/// The span ends after the settling, so its duration has both. A time-out drops the handler's future, which ends at
/// an await point.
pub(super) async fn handle<J, S>(mut service: S, job: J, options: &RunOptions, channel: &Channel)
where
    J: Job,
    S: JobService<J>,
{
    let mut span = ProcessSpan::new(job.start());
    let kept = job.kept(options.publishes());
    let work = async {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(job).await
    };
    let work = AssertUnwindSafe(work.in_context(span.context())).catch_unwind();
    let result = match options.timeout {
        Some(limit) => tokio::time::timeout(limit, work).await,
        None => Ok(work.await),
    };
    let (outcome, failure) = match result {
        Ok(Ok(Ok(response))) => (response.into(), None),
        Ok(Ok(Err(_))) => (options.on_error, Some("handler_error")),
        Ok(Err(_)) => (options.on_panic, Some("panic")),
        Err(_) => (options.on_error, Some("timeout")),
    };
    span.fail(failure);
    let settling = kept.each().map(|(arrival, message)| {
        let settling = Settling {
            arrival,
            message,
            failure,
            options,
            channel,
        };
        settling.settle(outcome)
    });
    let mut done = outcome.label();
    for (label, error_type) in join_all(settling).in_context(span.context()).await {
        if label != outcome.label() {
            done = label;
        }
        // the span has the first failure
        if failure.is_none() {
            span.fail(error_type.as_deref());
        }
    }
    span.end(done);
}
