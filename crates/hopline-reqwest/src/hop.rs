//! One hop of a call: the policy is asked by reqwest's own redirect code, and reqwest does not follow.
//!
//! reqwest decides whether a response is a redirect that can be followed, resolves its `Location` and asks the
//! policy. The policy given to it here notes the URL and answers "stop", so that the next hop is a call of its own.
//! Where the answer is an error it is reqwest that makes it, of reqwest's kind and with the URL.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use reqwest::Url;
use reqwest::redirect as plain;

use crate::redirect::{Attempt, Decision, Policy};

thread_local! {
    /// The hop whose future is polled on this thread. A cell, since it is only moved in and out.
    static POLLED: Cell<Option<Hop>> = const { Cell::new(None) };
}

/// A hop on its way.
#[derive(Debug, Default)]
struct Hop {
    /// The URLs of the call so far, without this hop's.
    previous: Vec<Url>,
    next: Option<Url>,
}

/// A policy and what it needs of the client that asks it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) policy: Policy,
    /// Set once the client is built.
    pub(crate) https_only: OnceLock<bool>,
}

/// The policy for reqwest's builder.
pub(crate) fn policy(asked: Arc<Asked>) -> plain::Policy {
    plain::Policy::custom(move |attempt| match POLLED.try_with(Cell::take) {
        Ok(Some(mut hop)) => {
            hop.previous.extend_from_slice(attempt.previous());
            let action = asked.decide(attempt, &mut hop);
            POLLED.set(Some(hop));
            action
        }
        // a call of the plain client inside, which follows by itself
        Ok(None) => asked.decide_plain(attempt),
        // nothing is known of a call on a thread that ends
        Err(_) => attempt.stop(),
    })
}

impl Asked {
    fn decide(&self, attempt: plain::Attempt<'_>, hop: &mut Hop) -> plain::Action {
        let (status, url) = (attempt.status(), attempt.url());
        let previous = &hop.previous;
        let action = self.policy.redirect(Attempt {
            status,
            url,
            previous,
        });
        match action.0 {
            // reqwest refuses these, by errors of its own
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

/// Runs one hop; returns its outcome and the URL to go on with, if there is one.
///
/// `previous` holds the URLs of the hops before, and this one's afterwards if it redirects.
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

/// Makes a hop the polled one, and the one before again when dropped, also by a panic.
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
        // on a thread that ends there is no place for it, and the policy answers "stop"
        let _ = POLLED.try_with(|polled| *self.0 = polled.replace(self.0.take()));
    }
}

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        self.swap();
    }
}
