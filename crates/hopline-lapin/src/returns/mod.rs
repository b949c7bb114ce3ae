//! Publisher confirms of a channel, each matched with its own `basic.return`. Publishing calls it.
//!
//! The broker sends `basic.return` for a mandatory message that no queue takes, before its confirm. lapin attaches a
//! return to the confirm that it resolves *next*, which may be another one's. But it attaches every return that it
//! holds, so a confirm without a return proves that lapin holds none. Hence all confirms of a channel are polled here,
//! in the order of their arrival, and a return is moved to the earliest publish with its exchange, routing key and
//! `traceparent`.
//!
//! | state of a publish | frames written | confirm without a return | confirm with a return | channel error | guard dropped |
//! |---|---|---|---|---|---|
//! | `Writing` | → `Confirming` | | | → `Final`, failed | loses its owner |
//! | `Confirming` | | mandatory: → `Closing`; else → `Final` | the return is moved to its publish; mandatory: → `Open`, else → `Final` | → `Final`, failed | loses its owner |
//! | `Open`: answered, lapin may hold its return | | of any publish: → `Closing` | of any publish: → `Closing` if it was this one's return | of any publish: → `Closing` | loses its owner |
//! | `Closing`: answered, lapin held no return at that time | | | takes its return, if it is that | | loses its owner |
//! | `Final`: answered, and its return is known | | | | | is removed |
//!
//! | event of the channel | action |
//! |---|---|
//! | all wake-ups so far are handled | each `Closing` → `Final`, which wakes its guard |
//! | a publish is `Open` and none is under way | a probe is published: not mandatory and unroutable, so its confirm carries what lapin holds |
//! | a return matches no publish, or its publish is `Final` without an owner | it is kept for `wait_for_confirms`, up to 10,000 |
//! | a publish fails without an owner | its error is kept for `wait_for_confirms` |
//! | a publish becomes `Final` without an owner | it is removed |
//!
//! A recovery fails all publishes under way; lapin's held returns are from before it.

mod entry;
mod guard;
mod state;
mod wake;

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use lapin::BasicProperties;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;

pub(crate) use entry::Answer;
use entry::ReturnKey;
pub(crate) use guard::ConfirmGuard;
use state::State;
use wake::WokenList;

/// The unconfirmed publishes of a channel, mandatory or not. Clones share them.
#[derive(Clone)]
pub(crate) struct Returns(Arc<Shared>);

struct Shared {
    channel: lapin::Channel,
    // A plain lock: held while lapin's futures are polled, never across an await, and no code of the application runs
    // under it but its wakers. A poisoned one is used as it is.
    state: Mutex<State>,
    /// Outside of the state's lock, since lapin's thread writes to it while it holds its own locks.
    woken: Arc<WokenList>,
}

impl Returns {
    pub(crate) fn new(channel: lapin::Channel) -> Self {
        Self(Arc::new(Shared {
            channel,
            state: Mutex::default(),
            woken: Arc::default(),
        }))
    }

    /// Publishes a message. Copies the body: lapin borrows it until it is written, and the publish must proceed without
    /// its caller, or its return could be out of reach.
    pub(crate) fn publish(
        &self,
        exchange: ShortString,
        key: ShortString,
        options: BasicPublishOptions,
        body: &[u8],
        properties: BasicProperties,
    ) -> ConfirmGuard {
        let returnable = options.mandatory || options.immediate;
        let return_key = returnable.then(|| ReturnKey::new(&exchange, &key, &properties));
        let (channel, body) = (self.0.channel.clone(), body.to_vec());
        let writing = Box::pin(async move {
            let written = channel.basic_publish(exchange, key, options, &body, properties);
            written.await
        });
        let id = self.lock().begin(writing, return_key, true, &self.0.woken);
        ConfirmGuard::new(self.clone(), id)
    }

    /// Waits until all messages published so far are answered; returns the returned messages without an owner.
    ///
    /// # Errors
    ///
    /// A message without an owner was not published.
    pub(crate) async fn all(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        let until = self.lock().next_id();
        poll_fn(|cx| {
            self.watch(cx);
            let mut state = self.lock();
            self.handle_woken(&mut state);
            if state.is_pending(until) {
                return Poll::Pending;
            }
            Poll::Ready(state.take_ownerless())
        })
        .await
    }

    /// Wakes this task at the next answer of any publish.
    fn watch(&self, cx: &Context<'_>) {
        self.0.woken.watch(cx.waker());
    }

    fn handle_woken(&self, state: &mut State) {
        state.handle_woken(&self.0.channel, &self.0.woken);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, returned) = self.lock().sizes();
        f.debug_struct("Returns")
            .field("publishes", &entries)
            .field("returned", &returned)
            .finish_non_exhaustive()
    }
}
