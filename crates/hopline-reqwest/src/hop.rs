//! One hop of a call: reqwest evaluates a redirect, and the next hop is a call of its own.
//!
//! reqwest checks whether a response is a redirect, resolves its `Location` and calls the policy. The policy that
//! [`policy`] gives to reqwest stores the URL and returns "stop". If it returns an error, reqwest makes the call's error
//! from it, of its own kind and with the URL.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use reqwest::Url;
use reqwest::redirect as plain;

use crate::redirect::{Attempt, Decision, Policy};

thread_local! {
    /// The hop whose future is polled on this thread. A cell: the hop is only moved in and out.
    static POLLED: Cell<Option<Hop>> = const { Cell::new(None) };
}

/// A hop in progress.
#[derive(Debug, Default)]
struct Hop {
    /// The URLs of the call before this hop.
    previous: Vec<Url>,
    /// The URL of the next hop, once the policy follows a redirect.
    next: Option<Url>,
}

/// The policy, and the setting of the client that it depends on.
#[derive(Debug)]
pub(crate) struct HopPolicy {
    pub(crate) policy: Policy,
    /// True if the client refuses `http`. Set once the client is built; a `OnceLock`, since the client owns the policy.
    pub(crate) https_only: OnceLock<bool>,
}

/// Makes the policy for reqwest's builder.
pub(crate) fn policy(policy: Arc<HopPolicy>) -> plain::Policy {
    plain::Policy::custom(move |attempt| match POLLED.try_with(Cell::take) {
        Ok(Some(mut hop)) => {
            hop.previous.extend_from_slice(attempt.previous());
            let action = policy.decide(attempt, &mut hop);
            POLLED.set(Some(hop));
            action
        }
        // a call of the plain client inside, which follows redirects itself
        Ok(None) => policy.decide_plain(attempt),
        // the thread ends, and the hop is not known
        Err(_) => attempt.stop(),
    })
}

impl HopPolicy {
    fn decide(&self, attempt: plain::Attempt<'_>, hop: &mut Hop) -> plain::Action {
        let (status, url) = (attempt.status(), attempt.url());
        let previous = &hop.previous;
        let action = self.policy.redirect(Attempt {
            status,
            url,
            previous,
        });
        match action.0 {
            // reqwest refuses these with an error of its own
            Decision::Follow if self.is_refused(url) => attempt.follow(),
            Decision::Follow => {
                hop.next = Some(url.clone());
                attempt.stop()
            }
            Decision::Stop => attempt.stop(),
            Decision::Error(error) => attempt.error(error),
        }
    }

    fn decide_plain(&self, attempt: plain::Attempt<'_>) -> plain::Action {
        let action = self.policy.redirect(Attempt {
            status: attempt.status(),
            url: attempt.url(),
            previous: attempt.previous(),
        });
        match action.0 {
            Decision::Follow => attempt.follow(),
            Decision::Stop => attempt.stop(),
            Decision::Error(error) => attempt.error(error),
        }
    }

    fn is_refused(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => false,
            "http" => self.https_only.get().copied().unwrap_or(false),
            _ => true,
        }
    }
}

/// Runs one hop. Returns its outcome, and the next URL if the response is a redirect that is followed.
///
/// `previous` has the URLs of the hops before; this hop's URL is added if it redirects.
pub(crate) async fn run<T>(
    previous: &mut Vec<Url>,
    hop: impl Future<Output = T>,
) -> (T, Option<Url>) {
    let mut hop = pin!(hop);
    let mut own = Some(Hop {
        previous: take(previous),
        next: None,
    });
    let outcome = poll_fn(|cx| {
        let _polled = Polled::new(&mut own);
        hop.as_mut().poll(cx)
    });
    let outcome = outcome.await;
    let hop = own.unwrap_or_default();
    *previous = hop.previous;
    (outcome, hop.next)
}

/// Makes a hop the polled one. Dropping it, also by a panic, restores the one before.
struct Polled<'a>(&'a mut Option<Hop>);

impl<'a> Polled<'a> {
    fn new(hop: &'a mut Option<Hop>) -> Self {
        let mut polled = Self(hop);
        polled.swap();
        polled
    }
}

impl Polled<'_> {
    fn swap(&mut self) {
        // no effect on a thread that ends; the policy then returns "stop"
        let _ = POLLED.try_with(|polled| *self.0 = polled.replace(self.0.take()));
    }
}

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        self.swap();
    }
}
