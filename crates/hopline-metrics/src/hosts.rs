//! Bounds the hosts in series of clients: a name may come from a request, so nothing else limits their number.
//! `Metrics::record` passes the measurements of clients through it, before the table of the instrument.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hopline_core::export::ValueRef;
use hopline_core::metrics::Instrument;
use hopline_core::{Attr, Literal, attr, semconv};
use parking_lot::Mutex;

/// The hosts that have series of their own, first come first served.
///
/// A host keeps its place for the life of the process: the first hosts are those that a service is configured with.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Hosts with series, by `MetricsBuilder::hosts`.
    limit: usize,
    /// Read without a lock by each measurement of a client.
    /// Replaced as a whole to add a host; grows up to `limit`.
    known: ArcSwap<HashSet<Box<str>>>,
    /// Taken to add a host, at most `limit` times, for a copy of the set.
    ///
    /// Held for one copy of at most `limit` names. Other measurements of known hosts do not wait for it.
    adding: Mutex<()>,
}

/// Attributes that one measurement may have here; the edges have at most ten.
///
/// Further ones are left out, so that the replaced set fits on the stack and an unknown host allocates nothing.
const MOST: usize = 16;

impl Hosts {
    /// Has no host yet; `limit` 0 gives all of them the series `_OTHER`.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            known: ArcSwap::default(),
            adding: Mutex::default(),
        }
    }

    /// True for instruments of HTTP and RPC clients, whose hosts come from data.
    ///
    /// Servers have their own name as `server.address`, and databases and brokers are configured: their hosts are few.
    #[inline]
    pub(crate) fn concern(&self, instrument: &Instrument) -> bool {
        let name = instrument.name();
        name.starts_with("http.client.") || name.starts_with("rpc.client.")
    }

    /// Passes the attributes on, with the host `_OTHER` and no port if there are too many hosts.
    ///
    /// The port is left out too: with it, `_OTHER` would have one series for each port that a caller names.
    ///
    /// A closure takes the result, so that a replaced set can live on the stack.
    #[inline]
    pub(crate) fn bounded(&self, attributes: &[Attr<'_>], record: impl FnOnce(&[Attr<'_>])) {
        let host = attributes
            .iter()
            .find(|attr| attr.key() == semconv::SERVER_ADDRESS);
        match host.and_then(Attr::scalar) {
            Some(ValueRef::Str(host)) if !self.is_known(host) => record_other(attributes, record),
            _ => record(attributes),
        }
    }

    /// Returns true if the host has a series, or gets the last free place.
    #[inline]
    fn is_known(&self, host: &str) -> bool {
        let known = self.known.load();
        known.contains(host) || (known.len() < self.limit && self.add(host))
    }

    /// Adds the host by replacing the set. Checks again under the lock, as another thread may have taken the place.
    ///
    /// Returns true if the host is in the set afterwards.
    #[cold]
    fn add(&self, host: &str) -> bool {
        let _adding = self.adding.lock();
        let mut known = HashSet::clone(&self.known.load());
        let added = known.contains(host) || known.len() < self.limit;
        if added && known.insert(host.into()) {
            self.known.store(Arc::new(known));
        }
        added
    }
}

/// Passes on a copy of the attributes with the host `_OTHER`. Cold: it runs for hosts beyond the limit only.
#[cold]
fn record_other(attributes: &[Attr<'_>], record: impl FnOnce(&[Attr<'_>])) {
    let mut bounded = [attr("", None::<bool>); MOST];
    let kept = attributes
        .iter()
        .filter(|attr| attr.key() != semconv::SERVER_PORT);
    let mut len = 0;
    for (place, given) in bounded.iter_mut().zip(kept) {
        *place = if given.key() == semconv::SERVER_ADDRESS {
            attr(semconv::SERVER_ADDRESS, Literal("_OTHER"))
        } else {
            *given
        };
        len += 1;
    }
    record(&bounded[..len]);
}
