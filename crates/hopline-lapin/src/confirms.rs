//! Confirms of a channel, matched with its returned messages.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use hopline_core::{TRACEPARENT, notify};
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Confirmation, Error, ErrorKind, PublisherConfirm};

/// Limit of returned messages whose callers are gone, kept for [`Confirms::all`]; RabbitMQ sets no limit.
const MAX_RETURNED: usize = 10_000;

/// The unanswered publishes of a channel, mandatory or not.
///
/// lapin attaches a returned message to the confirm that resolves next, so a single confirm is no evidence. But lapin
/// attaches every message that it holds: a confirm without a returned message proves that earlier returns are attached
/// to earlier confirms. So the answers of the channel are examined in the order of arrival, each returned message is
/// matched to its publish, and a mandatory publish is known to be routed once it is answered and lapin is known to hold
/// no returned message.
#[derive(Clone)]
pub(crate) struct Confirms(Arc<Shared>);

struct Shared {
    channel: lapin::Channel,
    // A plain lock: held while lapin's futures are polled, never across an await, and no code of the application runs
    // under it but its wakers. A poisoned one is used as it is.
    state: Mutex<State>,
    /// Apart from the state, since lapin's thread writes to it from within its own locks.
    ready: Arc<Ready>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Bounded by what callers and broker have under way; an answered one is kept for its caller alone.
    sent: BTreeMap<u64, Sent>,
    /// Answered mandatory ones whose returned message lapin may still hold.
    open: Vec<u64>,
    /// The same, of which lapin holds none: known once all answers so far are looked at.
    closing: Vec<u64>,
    /// The message after the one that was returned last.
    placed: u64,
    /// Returned messages of callers that are gone.
    returned: Vec<BasicReturnMessage>,
    /// Why one whose caller is gone was not published.
    failed: Option<Error>,
    /// The last resort is under way: see [`State::probe`].
    probe: Option<u64>,
}

struct Sent {
    stage: Stage,
    awake: Arc<Awake>,
    member: Option<Member>,
    // a box: most never come back
    came_back: Option<Box<BasicReturnMessage>>,
    /// Its caller waits, or will.
    owned: bool,
    /// Nothing about it can change any more.
    known: bool,
}

enum Stage {
    Sending(Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send>>),
    Confirming(PublisherConfirm),
    Answered(Answer),
}

/// The broker's answer, without the returned message.
#[derive(Debug)]
pub(crate) enum Answer {
    Ack,
    Nack,
    NotRequested,
    Failed(Error),
}

/// The properties by which the return of a mandatory publish is matched.
#[derive(Debug)]
pub(crate) struct Member {
    exchange: ShortString,
    key: ShortString,
    /// Its context: mostly its own, as it holds the publish span's id.
    context: Option<AMQPValue>,
}

/// Wake-ups by lapin since the last look.
#[derive(Default)]
struct Ready(
    // A plain lock, held to put in or take out, with no other one taken under it.
    Mutex<Woken>,
);

#[derive(Default)]
struct Woken {
    /// Bounded by the publishes under way: each is put in when its state changes, twice at most.
    sent: Vec<u64>,
    /// Those that wait for any answer, not for one of their own.
    watching: Vec<Waker>,
}

/// The waker that lapin is given for a publish.
struct Awake {
    id: u64,
    ready: Arc<Ready>,
    owner: AtomicWaker,
}

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        let mut woken = self.ready.lock();
        woken.sent.push(self.id);
        let watching = std::mem::take(&mut woken.watching);
        drop(woken);
        watching.into_iter().for_each(Waker::wake);
        self.owner.wake();
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A publish under way. Dropped, its answer is looked at by those who publish next.
pub(crate) struct Ticket {
    confirms: Confirms,
    id: u64,
}

impl Confirms {
    pub(crate) fn new(channel: lapin::Channel) -> Self {
        Self(Arc::new(Shared {
            channel,
            state: Mutex::default(),
            ready: Arc::default(),
        }))
    }

    /// Sends a message; with a member, one that may come back. The body is copied: lapin borrows it until it is
    /// written, and what is sent must go on without its caller, or a returned message could be out of reach.
    pub(crate) fn send(
        &self,
        exchange: ShortString,
        key: ShortString,
        options: BasicPublishOptions,
        body: &[u8],
        properties: BasicProperties,
    ) -> Ticket {
        let asks = options.mandatory || options.immediate;
        let member = asks.then(|| Member {
            exchange: exchange.clone(),
            key: key.clone(),
            context: context(&properties).cloned(),
        });
        let (channel, body) = (self.0.channel.clone(), body.to_vec());
        let sending = Box::pin(async move {
            let sent = channel.basic_publish(exchange, key, options, &body, properties);
            sent.await
        });
        let mut state = self.lock();
        let id = state.begin(sending, member, true, &self.0.ready);
        Ticket {
            confirms: self.clone(),
            id,
        }
    }

    /// Waits until all messages published so far are answered; returns the returned messages of callers that are gone.
    ///
    /// # Errors
    ///
    /// One of those was not published.
    pub(crate) async fn all(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        let until = self.lock().next;
        poll_fn(|cx| {
            self.watch(cx);
            let mut state = self.lock();
            state.look(&self.0);
            let waits = state.sent.range(..until).any(|(_, sent)| !sent.known);
            if waits {
                return Poll::Pending;
            }
            Poll::Ready(match state.failed.take() {
                Some(error) => Err(error),
                None => Ok(std::mem::take(&mut state.returned)),
            })
        })
        .await
    }

    /// Any answer wakes this task.
    fn watch(&self, cx: &Context<'_>) {
        let mut woken = self.0.ready.lock();
        let waker = cx.waker();
        if !woken.watching.iter().any(|known| known.will_wake(waker)) {
            woken.watching.push(waker.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Ready when the message is written to the socket, or is not going to be.
    ///
    /// # Errors
    ///
    /// It was not.
    pub(crate) fn poll_written(&self, cx: &Context<'_>) -> Poll<lapin::Result<()>> {
        let confirms = &self.confirms;
        let mut state = confirms.lock();
        if let Some(sent) = state.sent.get(&self.id) {
            sent.awake.owner.register(cx.waker());
        }
        state.look(&confirms.0);
        match state.sent.get(&self.id).map(|sent| &sent.stage) {
            Some(Stage::Sending(_)) => Poll::Pending,
            Some(Stage::Answered(Answer::Failed(error))) => {
                let error = error.clone();
                state.sent.remove(&self.id);
                Poll::Ready(Err(error))
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ready when the broker has answered, and it is known whether the message was returned: a returned message is part
    /// of its own answer only.
    ///
    /// # Errors
    ///
    /// The channel failed, or it was ready before.
    pub(crate) fn poll_answer(&self, cx: &Context<'_>) -> Poll<lapin::Result<Confirmation>> {
        let confirms = &self.confirms;
        let mut state = confirms.lock();
        let Some(sent) = state.sent.get(&self.id) else {
            return Poll::Ready(Err(ErrorKind::FutureCompleted.into()));
        };
        sent.awake.owner.register(cx.waker());
        let is_open = |state: &State| state.open.contains(&self.id);
        if is_open(&state) {
            confirms.watch(cx);
        }
        state.look(&confirms.0);
        if is_open(&state) {
            // only another answer helps, also one that arrived since the look
            confirms.watch(cx);
            state.look(&confirms.0);
        }
        match state.take(self.id) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }

    pub(crate) async fn written(&self) -> lapin::Result<()> {
        poll_fn(|cx| self.poll_written(cx)).await
    }

    pub(crate) async fn answer(&self) -> lapin::Result<Confirmation> {
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    /// Calls `look` with the answer and whether the message was returned, if both are known.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Answer, bool) -> Option<T>) -> Option<T> {
        let mut state = self.confirms.lock();
        state.look(&self.confirms.0);
        let sent = state.sent.get(&self.id).filter(|sent| sent.known)?;
        match &sent.stage {
            Stage::Answered(answer) => look(answer, sent.came_back.is_some()),
            _ => None,
        }
    }
}

/// Gives up the answer. Does not block: the lock is held for one look.
impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.confirms.lock();
        if let Some(sent) = state.sent.get_mut(&self.id) {
            sent.owned = false;
            if sent.known {
                state.forget(self.id);
            }
        }
    }
}

impl State {
    fn begin(
        &mut self,
        sending: Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send>>,
        member: Option<Member>,
        owned: bool,
        ready: &Arc<Ready>,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let awake = Awake {
            id,
            ready: Arc::clone(ready),
            owner: AtomicWaker::new(),
        };
        let sent = Sent {
            stage: Stage::Sending(sending),
            awake: Arc::new(awake),
            member,
            came_back: None,
            owned,
            known: false,
        };
        self.sent.insert(id, sent);
        // in the order of the calls: lapin counts its tags when it is first polled
        self.drive(id);
        id
    }

    /// Looks at all that has changed, until nothing has.
    fn look(&mut self, shared: &Shared) {
        loop {
            let woken = std::mem::take(&mut shared.ready.lock().sent);
            for id in &woken {
                self.drive(*id);
            }
            if !woken.is_empty() {
                continue;
            }
            // all answers so far are looked at
            for id in std::mem::take(&mut self.closing) {
                self.close(id);
            }
            if self.open.is_empty() || self.probe.is_some() || !self.probe(shared) {
                return;
            }
        }
    }

    /// Polls lapin for one message.
    fn drive(&mut self, id: u64) {
        let Some(sent) = self.sent.get_mut(&id) else {
            return;
        };
        let waker = Waker::from(Arc::clone(&sent.awake));
        let mut cx = Context::from_waker(&waker);
        let answer = loop {
            match &mut sent.stage {
                Stage::Sending(sending) => match sending.as_mut().poll(&mut cx) {
                    Poll::Ready(Ok(confirm)) => sent.stage = Stage::Confirming(confirm),
                    Poll::Ready(Err(error)) => break Err(error),
                    Poll::Pending => return,
                },
                Stage::Confirming(confirm) => match Pin::new(confirm).poll(&mut cx) {
                    Poll::Ready(answer) => break answer,
                    Poll::Pending => return,
                },
                Stage::Answered(_) => return,
            }
        };
        self.answered(id, answer);
    }

    fn answered(&mut self, id: u64, answer: lapin::Result<Confirmation>) {
        let (answer, message) = match answer {
            Ok(Confirmation::Ack(message)) => (Answer::Ack, message),
            Ok(Confirmation::Nack(message)) => (Answer::Nack, message),
            Ok(Confirmation::NotRequested) => (Answer::NotRequested, None),
            Err(error) => (Answer::Failed(error), None),
        };
        let failed = matches!(answer, Answer::Failed(_));
        let Some(sent) = self.sent.get_mut(&id) else {
            return;
        };
        sent.stage = Stage::Answered(answer);
        let asks = sent.member.is_some();
        let held_one = message.is_some();
        if self.probe == Some(id) {
            self.probe = None;
        }
        if asks && !failed {
            self.open.push(id);
        } else {
            self.close(id);
        }
        if let Some(message) = message {
            self.place(message);
        } else if !failed {
            // lapin holds none now
            self.closing.append(&mut self.open);
        }
        if failed {
            // the channel starts anew, and lapin with it; what it still holds is from before
            self.closing.append(&mut self.open);
        }
        if held_one {
            // those whose message it was are known; the others wait for lapin to have none
            let sent = &self.sent;
            let (known, open) = std::mem::take(&mut self.open)
                .into_iter()
                .partition(|id| sent.get(id).is_none_or(|sent| sent.came_back.is_some()));
            self.open = open;
            let mut known: Vec<u64> = known;
            self.closing.append(&mut known);
        }
    }

    /// Gives a returned message to the publish that it belongs to: the earliest that it matches.
    fn place(&mut self, message: BasicReturnMessage) {
        // in the order of publishing, mostly, so the next one is tried first
        let from = self.placed;
        let later = self.sent.range(from..).find(|(_, sent)| sent.is(&message));
        let found = later.or_else(|| self.sent.range(..from).find(|(_, sent)| sent.is(&message)));
        let id = found.map(|(id, _)| *id);
        match id.and_then(|id| self.sent.get_mut(&id)) {
            Some(sent) => {
                self.placed = sent.awake.id + 1;
                sent.came_back = Some(Box::new(message));
            }
            // published past this crate, or before a recovery
            None => self.keep(message),
        }
    }

    /// Nothing about it changes any more.
    fn close(&mut self, id: u64) {
        let Some(sent) = self.sent.get_mut(&id) else {
            return;
        };
        sent.known = true;
        sent.awake.owner.wake();
        if !sent.owned {
            self.forget(id);
        }
    }

    /// Its caller is gone: what it leaves is kept for those who ask for all.
    fn forget(&mut self, id: u64) {
        let Some(sent) = self.sent.remove(&id) else {
            return;
        };
        if let Stage::Answered(Answer::Failed(error)) = sent.stage {
            self.failed = Some(error);
        }
        if let Some(message) = sent.came_back {
            self.keep(*message);
        }
    }

    fn keep(&mut self, message: BasicReturnMessage) {
        if self.returned.len() < MAX_RETURNED {
            self.returned.push(message);
        } else {
            notify("returned", || {
                format!(
                    "{MAX_RETURNED} returned messages wait for wait_for_confirms on a channel; more are dropped: call \
                     it, or await the confirms"
                )
            });
        }
    }

    /// The answer for its caller, if all about it is known.
    fn take(&mut self, id: u64) -> Option<lapin::Result<Confirmation>> {
        if !self.sent.get(&id)?.known {
            return None;
        }
        let sent = self.sent.remove(&id)?;
        let message = sent.came_back.map(|message| *message);
        match sent.stage {
            Stage::Answered(Answer::Ack) => Some(Ok(Confirmation::Ack(message))),
            Stage::Answered(Answer::Nack) => Some(Ok(Confirmation::Nack(message))),
            Stage::Answered(Answer::NotRequested) => Some(Ok(Confirmation::NotRequested)),
            Stage::Answered(Answer::Failed(error)) => Some(Err(error)),
            _ => None,
        }
    }

    /// If no other answer is pending and lapin may hold a returned message, publishes an unroutable message that is not
    /// mandatory: its confirm carries the held message. True if it did.
    fn probe(&mut self, shared: &Shared) -> bool {
        let others = self
            .sent
            .values()
            .any(|sent| !matches!(sent.stage, Stage::Answered(_)));
        if others {
            return false;
        }
        let channel = shared.channel.clone();
        let sending = Box::pin(async move {
            let (exchange, key) = (ShortString::default(), "hopline.probe".into());
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            channel
                .basic_publish(exchange, key, options, &[], properties)
                .await
        });
        let id = self.begin(sending, None, false, &shared.ready);
        // where the channel is gone it is answered already
        self.probe = self.sent.contains_key(&id).then_some(id);
        true
    }
}

impl Sent {
    /// True if `message` is the return of this publish.
    fn is(&self, message: &BasicReturnMessage) -> bool {
        self.came_back.is_none()
            && !self.known
            && self.member.as_ref().is_some_and(|member| {
                member.key == message.routing_key
                    && member.exchange == message.exchange
                    && member.context.as_ref() == context(&message.properties)
            })
    }
}

fn context(properties: &BasicProperties) -> Option<&AMQPValue> {
    properties.headers().as_ref()?.inner().get(TRACEPARENT)
}

impl fmt::Debug for Confirms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Confirms")
            .field("sent", &state.sent.len())
            .field("returned", &state.returned.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
