//! The transitions of the table in [`super`].

use std::collections::BTreeMap;
use std::sync::Arc;

use hopline_core::notify;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation, Error};

use super::entry::{Answer, Entry, ReturnKey, Stage, Writing};
use super::wake::{EntryWaker, WokenList};

/// Most returned messages kept for `wait_for_confirms`, since RabbitMQ sets no limit.
const MAX_RETURNED: usize = 10_000;
/// Routing key of the probe, which no queue is named.
const PROBE: &str = "hopline.probe";

/// The publishes of a channel, and what those without an owner left.
#[derive(Default)]
pub(super) struct State {
    next: u64,
    /// By number. Bounded by what callers and broker have under way; an answered one is kept for its owner alone.
    entries: BTreeMap<u64, Entry>,
    /// Numbers of the publishes in the state `Open`.
    open: Vec<u64>,
    /// Numbers of the publishes in the state `Closing`.
    closing: Vec<u64>,
    /// The number after that of the last matched return, where the next match is likely.
    expected: u64,
    /// Returns without an owner. Bounded by [`MAX_RETURNED`].
    returned: Vec<BasicReturnMessage>,
    /// The last error without an owner.
    failed: Option<Error>,
    /// The probe under way.
    probe: Option<u64>,
}

impl State {
    /// Starts a publish in the state `Writing`, and polls it once. Returns its number.
    pub(super) fn begin(
        &mut self,
        writing: Writing,
        return_key: Option<ReturnKey>,
        owned: bool,
        woken: &Arc<WokenList>,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let entry = Entry {
            stage: Stage::Writing(writing),
            waker: EntryWaker::new(id, woken),
            return_key,
            returned: None,
            owned,
            is_final: false,
        };
        self.entries.insert(id, entry);
        // in the order of the calls: lapin assigns delivery tags at the first poll
        self.poll(id);
        id
    }

    /// Polls all publishes that lapin woke, until it wakes none.
    pub(super) fn handle_woken(&mut self, channel: &lapin::Channel, list: &Arc<WokenList>) {
        loop {
            let woken = list.take();
            for id in &woken {
                self.poll(*id);
            }
            if !woken.is_empty() {
                continue;
            }
            for id in std::mem::take(&mut self.closing) {
                self.finalize(id);
            }
            if self.open.is_empty() || self.probe.is_some() || !self.publish_probe(channel, list) {
                return;
            }
        }
    }

    /// The column "frames written", and those of the answer if there is one.
    fn poll(&mut self, id: u64) {
        if let Some(answer) = self.entries.get_mut(&id).and_then(Entry::poll) {
            self.on_answer(id, answer);
        }
    }

    /// The columns "confirm" and "channel error" of the table.
    fn on_answer(&mut self, id: u64, answer: lapin::Result<Confirmation>) {
        let (answer, message) = match answer {
            Ok(Confirmation::Ack(message)) => (Answer::Ack, message),
            Ok(Confirmation::Nack(message)) => (Answer::Nack, message),
            Ok(Confirmation::NotRequested) => (Answer::NotRequested, None),
            Err(error) => (Answer::Failed(error), None),
        };
        let failed = matches!(answer, Answer::Failed(_));
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.stage = Stage::Answered(answer);
        let returnable = entry.return_key.is_some();
        if self.probe == Some(id) {
            self.probe = None;
        }
        if returnable && !failed {
            self.open.push(id);
        } else {
            self.finalize(id);
        }
        match message {
            Some(message) => {
                self.match_return(message);
                self.close_returned();
            }
            // lapin holds no return now; after an error the channel starts anew, and lapin with it
            None => self.closing.append(&mut self.open),
        }
    }

    /// Moves a return to the earliest publish that it matches.
    fn match_return(&mut self, message: BasicReturnMessage) {
        let from = self.expected;
        let matches = |(id, entry): (&u64, &Entry)| entry.matches(&message).then_some(*id);
        let later = self.entries.range(from..).find_map(matches);
        let id = later.or_else(|| self.entries.range(..from).find_map(matches));
        match id.and_then(|id| self.entries.get_mut(&id)) {
            Some(entry) => {
                self.expected = entry.waker.id + 1;
                entry.returned = Some(Box::new(message));
            }
            // published by `Channel::raw`, or before a recovery
            None => self.keep(message),
        }
    }

    /// `Open` → `Closing` for those that have their return; for the others lapin may hold one.
    fn close_returned(&mut self) {
        let entries = &self.entries;
        let is_known = |id: &u64| entries.get(id).is_none_or(|entry| entry.returned.is_some());
        let (known, open): (Vec<u64>, Vec<u64>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(is_known);
        self.open = open;
        self.closing.extend(known);
    }

    /// `Closing` → `Final`, and directly `Final` for publishes that cannot be returned.
    fn finalize(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.is_final = true;
        entry.waker.owner.wake();
        if !entry.owned {
            self.forget(id);
        }
    }

    /// The column "guard dropped".
    pub(super) fn disown(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.owned = false;
            if entry.is_final {
                self.forget(id);
            }
        }
    }

    /// Removes a publish without an owner; keeps its error or return for `wait_for_confirms`.
    fn forget(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        if let Stage::Answered(Answer::Failed(error)) = entry.stage {
            self.failed = Some(error);
        }
        if let Some(message) = entry.returned {
            self.keep(*message);
        }
    }

    /// Keeps a return without an owner for `wait_for_confirms`.
    fn keep(&mut self, message: BasicReturnMessage) {
        if self.returned.len() < MAX_RETURNED {
            self.returned.push(message);
        } else {
            notify("returned", || {
                format!(
                    "more than {MAX_RETURNED} returned messages wait for wait_for_confirms on a channel: later ones are \
                     dropped; call it, or await the confirms"
                )
            });
        }
    }

    /// If no answer is pending and lapin may hold a return, publishes the probe. True if it did.
    fn publish_probe(&mut self, channel: &lapin::Channel, list: &Arc<WokenList>) -> bool {
        if !self.entries.values().all(Entry::is_answered) {
            return false;
        }
        let channel = channel.clone();
        let writing = Box::pin(async move {
            let (exchange, key) = (ShortString::default(), PROBE.into());
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            channel
                .basic_publish(exchange, key, options, &[], properties)
                .await
        });
        let id = self.begin(writing, None, false, list);
        // on a closed channel it is answered already
        self.probe = self.entries.contains_key(&id).then_some(id);
        true
    }

    pub(super) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    pub(super) fn is_open(&self, id: u64) -> bool {
        self.open.contains(&id)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next
    }

    /// Returns true if a publish before `until` is not final.
    pub(super) fn is_pending(&self, until: u64) -> bool {
        let mut earlier = self.entries.range(..until);
        earlier.any(|(_, entry)| !entry.is_final)
    }

    /// Takes what publishes without an owner left: an error, or their returns.
    pub(super) fn take_ownerless(&mut self) -> lapin::Result<Vec<BasicReturnMessage>> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.returned)),
        }
    }

    /// Takes the answer for its owner, once it is final.
    pub(super) fn take(&mut self, id: u64) -> Option<lapin::Result<Confirmation>> {
        if !self.entry(id)?.is_final {
            return None;
        }
        self.entries.remove(&id)?.into_result()
    }

    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.returned.len())
    }
}
