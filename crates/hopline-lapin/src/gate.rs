//! Which confirm a returned message belongs to.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hopline_core::TRACEPARENT;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Confirmation, PublisherConfirm};
use tokio::sync::{Notify, oneshot};

/// A publish that was sent or is about to be, up to the broker's answer.
pub(crate) type Confirming =
    Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send + 'static>>;

/// Finds out which mandatory publishes of a channel came back.
///
/// lapin gives a returned message to whichever confirm resolves next, so a single confirm says nothing. Mandatory
/// publishes therefore go in groups: one takes members until the first of them is answered, and once all of them
/// are, every return that belongs to the group has been given to somebody in it, and is told apart by what it
/// carries. Publishes that are not mandatory go by themselves, but not at the same time as a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    // A plain lock: held to count, and to poll answers that nobody waits for, never across an await. A poisoned one
    // is used as it is, since no code of the caller's runs under it.
    state: Mutex<State>,
    /// The state is another one: who waits looks again.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Publishes under way that are not mandatory.
    others: usize,
    /// Those that wait for a group to end.
    others_waiting: usize,
    /// So many of them may still go before the next group: as many as waited when the last one ended.
    turns: usize,
    /// Mandatory ones that wait for others to end; while there are, no more of those begin, but those whose turn it is.
    waiting: usize,
    group: Option<Group>,
    /// Publishes whose callers are gone, to be polled by who waits here. Bounded by what the callers had under way.
    orphans: Vec<Confirming>,
    /// A publish was dropped at a moment when its confirm was out of reach.
    unseen: bool,
}

/// Bounded by the publishes that the callers have under way at a time.
struct Group {
    channel: lapin::Channel,
    members: Vec<Member>,
    unanswered: usize,
    /// True once one is answered: from then on it takes no more.
    closed: bool,
    /// Where to look first for the one that came back.
    next: usize,
    /// Something came back that is nobody's here: lapin keeps what came before a recovery, and gives it out first.
    stray: bool,
}

/// A mandatory publish, as its return can be told by.
#[derive(Debug)]
pub(crate) struct Member {
    exchange: ShortString,
    key: ShortString,
    /// Its context: mostly its own, as it holds the publish span's id.
    context: Option<AMQPValue>,
    /// Whether it came back.
    answer: Option<oneshot::Sender<bool>>,
}

impl Member {
    pub(crate) fn new(
        exchange: ShortString,
        key: ShortString,
        properties: &BasicProperties,
    ) -> Self {
        Self {
            exchange,
            key,
            context: context(properties).cloned(),
            answer: None,
        }
    }
}

impl Gate {
    /// Sends a mandatory publish; true if it came back.
    ///
    /// If it is dropped, its answer is waited for by those who publish next.
    pub(crate) async fn mandatory(
        &self,
        channel: &lapin::Channel,
        member: Member,
        confirming: Confirming,
    ) -> (lapin::Result<Confirmation>, bool) {
        let _passed_on = PassOn(self);
        let mut answer = self.join(channel, member).await;
        let mut sent = Sent {
            gate: self,
            confirming: Some(confirming),
            of_group: true,
        };
        let confirmation = sent.answer().await;
        let returned = self.until(|_, cx| Pin::new(&mut answer).poll(cx)).await;
        // the group is dropped with the gate only, which this borrows
        (confirmation, returned.unwrap_or_default())
    }

    /// Lets a publish that is not mandatory pass.
    pub(crate) async fn other(&self) -> Other<'_> {
        let _passed_on = PassOn(self);
        let waiting = OtherWaiting(self);
        self.lock().others_waiting += 1;
        let free = |state: &mut State, _: &mut Context<'_>| {
            if state.group.is_some() || (state.waiting > 0 && state.turns == 0) {
                return Poll::Pending;
            }
            state.turns = state.turns.saturating_sub(1);
            state.others += 1;
            Poll::Ready(())
        };
        self.until(free).await;
        drop(waiting);
        Other {
            gate: self,
            seen: false,
        }
    }

    /// Waits for a group that takes members.
    async fn join(&self, channel: &lapin::Channel, member: Member) -> oneshot::Receiver<bool> {
        let waiting = Waiting(self);
        self.lock().waiting += 1;
        let (sender, receiver) = oneshot::channel();
        let mut member = Some(Member {
            answer: Some(sender),
            ..member
        });
        let joined = |state: &mut State, cx: &mut Context<'_>| {
            if state.group.is_none() {
                if state.unseen && state.others == 0 {
                    state.unseen = false;
                    state.orphans.push(all_confirmed(channel.clone()));
                    state.poll_orphans(cx);
                }
                // who is gone needs no turn
                let turns = state.turns.min(state.others_waiting);
                if state.others > 0 || turns > 0 || !state.orphans.is_empty() {
                    return Poll::Pending;
                }
            }
            let group = state.group.get_or_insert_with(|| Group::new(channel));
            if group.closed {
                return Poll::Pending;
            }
            group.members.extend(member.take());
            group.unanswered += 1;
            Poll::Ready(())
        };
        self.until(joined).await;
        drop(waiting);
        receiver
    }

    /// Waits until `done`, and meanwhile for the answers that nobody else waits for.
    async fn until<T>(&self, mut done: impl FnMut(&mut State, &mut Context<'_>) -> Poll<T>) -> T {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let looked = poll_fn(|cx| {
                let mut state = self.lock();
                if state.poll_orphans(cx) {
                    self.0.changed.notify_waiters();
                }
                match done(&mut state, cx) {
                    Poll::Ready(value) => Poll::Ready(Some(value)),
                    Poll::Pending => changed.as_mut().poll(cx).map(|()| None),
                }
            });
            if let Some(value) = looked.await {
                return value;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// True if that changed what others wait for.
    fn poll_orphans(&mut self, cx: &mut Context<'_>) -> bool {
        let mut answers = Vec::new();
        self.orphans
            .retain_mut(|orphan| match orphan.as_mut().poll(cx) {
                Poll::Ready(answer) => {
                    answers.push(answer);
                    false
                }
                Poll::Pending => true,
            });
        let any = !answers.is_empty();
        for answer in &mut answers {
            self.answered(answer);
        }
        any
    }

    /// One of the group was answered; after the last, all are told.
    fn answered(&mut self, answer: &mut lapin::Result<Confirmation>) {
        let Some(group) = &mut self.group else { return };
        group.closed = true;
        group.unanswered -= 1;
        let message = match answer {
            Ok(Confirmation::Ack(message) | Confirmation::Nack(message)) => message.take(),
            _ => None,
        };
        let came_back = message.is_some();
        if let Some(message) = message {
            group.returned(&message);
        }
        if group.unanswered > 0 {
            return;
        }
        if group.stray && came_back {
            // what was nobody's stood before others, which lapin still has: a probe draws one, until none is left
            group.unanswered += 1;
            let probe = probe(group.channel.clone());
            self.orphans.push(probe);
        } else if let Some(group) = self.group.take() {
            self.turns = self.others_waiting;
            group.finish();
        }
    }
}

impl Group {
    fn new(channel: &lapin::Channel) -> Self {
        Self {
            channel: channel.clone(),
            members: Vec::new(),
            unanswered: 0,
            closed: false,
            next: 0,
            stray: false,
        }
    }

    /// Finds out whose this is: in the order of publishing, mostly, so the next one is tried first.
    fn returned(&mut self, message: &BasicReturnMessage) {
        let mut members = (self.next..self.members.len()).chain(0..self.next);
        let Some(at) = members.find(|at| self.members[*at].is(message)) else {
            self.stray = true;
            return;
        };
        self.next = at + 1;
        if let Some(answer) = self.members[at].answer.take() {
            // who is gone does not want to know
            let _ = answer.send(true);
        }
    }

    fn finish(self) {
        for answer in self.members.into_iter().filter_map(|member| member.answer) {
            let _ = answer.send(false);
        }
    }
}

impl Member {
    /// Whether this is what came back.
    fn is(&self, message: &BasicReturnMessage) -> bool {
        self.answer.is_some()
            && self.key == message.routing_key
            && self.exchange == message.exchange
            && self.context.as_ref() == context(&message.properties)
    }
}

fn context(properties: &BasicProperties) -> Option<&AMQPValue> {
    properties.headers().as_ref()?.inner().get(TRACEPARENT)
}

/// One that is not mandatory, on its way.
#[derive(Debug)]
pub(crate) struct Other<'a> {
    gate: &'a Gate,
    /// Its confirm is in hand, or was never to come.
    seen: bool,
}

impl Other<'_> {
    /// Waits for its confirm; if dropped, others do.
    pub(crate) async fn confirmed(
        mut self,
        confirm: lapin::Result<PublisherConfirm>,
    ) -> lapin::Result<Confirmation> {
        self.seen = true;
        let mut sent = Sent {
            gate: self.gate,
            confirming: Some(Box::pin(confirm?)),
            of_group: false,
        };
        sent.answer().await
    }
}

/// On every way out it stands aside; nothing blocks, the lock is held for two counts.
impl Drop for Other<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.others -= 1;
        state.unseen |= !self.seen;
        if state.others == 0 {
            self.gate.0.changed.notify_waiters();
        }
    }
}

/// A publish whose answer is waited for.
struct Sent<'a> {
    gate: &'a Gate,
    confirming: Option<Confirming>,
    of_group: bool,
}

impl Sent<'_> {
    async fn answer(&mut self) -> lapin::Result<Confirmation> {
        let mut answer = match &mut self.confirming {
            Some(confirming) => confirming.await,
            None => Ok(Confirmation::NotRequested),
        };
        self.confirming = None;
        if self.of_group {
            let mut state = self.gate.lock();
            state.answered(&mut answer);
            if state.group.is_none() || !state.orphans.is_empty() {
                self.gate.0.changed.notify_waiters();
            }
        }
        answer
    }
}

/// Dropped before its answer came, it is left to the others.
impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(confirming) = self.confirming.take() {
            self.gate.lock().orphans.push(confirming);
            self.gate.0.changed.notify_one();
        }
    }
}

/// Counts one that waits, until it has joined or is dropped.
struct Waiting<'a>(&'a Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        // where a group is open, its end wakes them
        if state.waiting == 0 && state.group.is_none() {
            self.0.0.changed.notify_waiters();
        }
    }
}

/// The same for those that are not mandatory.
struct OtherWaiting<'a>(&'a Gate);

impl Drop for OtherWaiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.others_waiting -= 1;
        // the last one of its turn: if it went, its end wakes the mandatory ones, else nobody would
        if state.others_waiting == 0 && state.others == 0 {
            self.0.0.changed.notify_waiters();
        }
    }
}

/// Whoever stops waiting may have been the one whom the orphans' answers wake: another one takes over.
struct PassOn<'a>(&'a Gate);

impl Drop for PassOn<'_> {
    fn drop(&mut self) {
        if !self.0.lock().orphans.is_empty() {
            self.0.0.changed.notify_one();
        }
    }
}

/// A message that goes nowhere and does not come back; its confirm draws what lapin holds.
fn probe(channel: lapin::Channel) -> Confirming {
    Box::pin(async move {
        let (exchange, key) = (ShortString::default(), "hopline.probe".into());
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let confirm = channel.basic_publish(exchange, key, options, &[], properties);
        confirm.await?.await
    })
}

/// Ready when all that was published on the channel is answered; what came back then belongs to nobody.
fn all_confirmed(channel: lapin::Channel) -> Confirming {
    Box::pin(async move {
        channel.wait_for_confirms().await?;
        Ok(Confirmation::NotRequested)
    })
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.as_ref().map(|group| group.members.len());
        let mut state = f.debug_struct("State");
        state
            .field("others", &self.others)
            .field("waiting", &self.waiting);
        state
            .field("group", &group)
            .field("orphans", &self.orphans.len())
            .finish()
    }
}
