//! Bounds the hosts of clients in series: a host name may come from a request, so its number has no other bound.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hopline_core::export::ValueRef;
use hopline_core::metrics::Instrument;
use hopline_core::{Attr, Literal, attr, semconv};
use parking_lot::Mutex;

/// The hosts that have series of their own, first come first served.
#[derive(Debug)]
pub(crate) struct Hosts {
    limit: usize,
    /// Read without a lock by each measurement of a client.
    known: ArcSwap<HashSet<Box<str>>>,
    /// Taken to add a host, at most `limit` times, for a copy of the set.
    adding: Mutex<()>,
}

/// Attributes that one measurement may have here; the edges have at most ten.
const MOST: usize = 16;

impl Hosts {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            known: ArcSwap::default(),
            adding: Mutex::default(),
        }
    }

    /// True for instruments of HTTP and RPC clients, whose hosts come from data.
    #[inline]
    pub(crate) fn concern(&self, instrument: &Instrument) -> bool {
        let name = instrument.name();
        name.starts_with("http.client.") || name.starts_with("rpc.client.")
    }

    /// Passes the attributes on, with the host `_OTHER` and no port if there are too many hosts.
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

    #[inline]
    fn is_known(&self, host: &str) -> bool {
        let known = self.known.load();
        known.contains(host) || (known.len() < self.limit && self.add(host))
    }

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
