//! Methods of the classes `exchange` and `queue`: declare, bind, purge, delete.
//! `methods` calls it for each of them; codes and texts of refusals are RabbitMQ's.

use amq_protocol::protocol::{AMQPClass, exchange, queue};

use super::channel::ChannelId;
use super::end::End;
use super::method::Method;
use super::queue::{Declared, Queue};
use super::routing::ExchangeKind;
use super::state::{Binding, State};

/// Handles a method of an exchange.
///
/// # Errors
///
/// Returns an error, which ends the connection, for a method that this broker lacks. A refused method closes its channel
/// alone, and is no error here.
pub(super) fn on_exchange(
    state: &mut State,
    at: ChannelId,
    method: exchange::AMQPMethod,
) -> Result<(), End> {
    use exchange::AMQPMethod as Method;
    match method {
        Method::Declare(declare) => declare_exchange(state, at, &declare),
        Method::Delete(delete) => {
            let name = delete.exchange.as_str();
            let bound = state.bindings.iter().any(|to| to.exchange == name);
            if delete.if_unused && bound {
                let text = format!("PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use");
                state.fail::<exchange::Delete>(at, 406, text);
                return Ok(());
            }
            state.exchanges.remove(name);
            state.bindings.retain(|binding| binding.exchange != name);
            let ok = Method::DeleteOk(exchange::DeleteOk {});
            state.answer(at, delete.nowait, AMQPClass::Exchange(ok));
        }
        _ => return Err(End::not_implemented()),
    }
    Ok(())
}

/// Declares an exchange, or checks that it exists (`passive`) with the same kind.
fn declare_exchange(state: &mut State, at: ChannelId, declare: &exchange::Declare) {
    let name = declare.exchange.as_str();
    let known = state.exchanges.get(name).copied();
    if declare.passive && known.is_none() {
        let text = format!("NOT_FOUND - no exchange '{name}' in vhost '/'");
        return state.fail::<exchange::Declare>(at, 404, text);
    }
    if !declare.passive {
        let kind = declare.kind.as_str();
        let Some(kind) = ExchangeKind::parse(kind) else {
            let text = format!("COMMAND_INVALID - exchange type '{kind}' is not known");
            return state.fail::<exchange::Declare>(at, 503, text);
        };
        if known.is_some_and(|known| known != kind) {
            let text = format!(
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{name}' in vhost '/'"
            );
            return state.fail::<exchange::Declare>(at, 406, text);
        }
        if known.is_none() && name.starts_with("amq.") {
            return state.fail::<exchange::Declare>(at, 403, reserved("exchange", name));
        }
        state.exchanges.insert(name.to_owned(), kind);
    }
    let ok = exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {});
    state.answer(at, declare.nowait, AMQPClass::Exchange(ok));
}

/// Handles a method of a queue.
///
/// # Errors
///
/// As for an exchange.
pub(super) fn on_queue(
    state: &mut State,
    at: ChannelId,
    method: queue::AMQPMethod,
) -> Result<(), End> {
    use queue::AMQPMethod as Method;
    match method {
        Method::Declare(declare) => declare_queue(state, at, declare),
        Method::Bind(bind) => {
            let Some(queue) = state.usable_queue::<queue::Bind>(at, bind.queue.as_str()) else {
                return Ok(());
            };
            let exchange = bind.exchange.to_string();
            if !state.exchanges.contains_key(&exchange) {
                let text = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
                state.fail::<queue::Bind>(at, 404, text);
                return Ok(());
            }
            let binding = Binding {
                exchange,
                queue,
                key: bind.routing_key.to_string(),
            };
            if !state.bindings.contains(&binding) {
                state.bindings.push(binding);
            }
            let ok = Method::BindOk(queue::BindOk {});
            state.answer(at, bind.nowait, AMQPClass::Queue(ok));
        }
        Method::Unbind(unbind) => {
            let (exchange, queue) = (unbind.exchange.to_string(), unbind.queue.to_string());
            // a binding that does not exist is unbound already, as by RabbitMQ 3
            let gone = Binding {
                exchange,
                queue,
                key: unbind.routing_key.to_string(),
            };
            state.bindings.retain(|binding| *binding != gone);
            let ok = Method::UnbindOk(queue::UnbindOk {});
            state.answer(at, false, AMQPClass::Queue(ok));
        }
        Method::Purge(purge) => {
            let name = state.usable_queue::<queue::Purge>(at, purge.queue.as_str());
            let Some(queue) = name.and_then(|name| state.queues.get_mut(&name)) else {
                return Ok(());
            };
            let message_count = queue.ready.drain(..).count() as u32;
            let ok = Method::PurgeOk(queue::PurgeOk { message_count });
            state.answer(at, purge.nowait, AMQPClass::Queue(ok));
        }
        Method::Delete(delete) => delete_queue(state, at, &delete),
        _ => return Err(End::not_implemented()),
    }
    Ok(())
}

/// Declares a queue, or checks that it exists (`passive`). An empty name gets a generated one.
///
/// Messages that have expired are removed first, so that the count in the answer is of live ones.
fn declare_queue(state: &mut State, at: ChannelId, declare: queue::Declare) {
    let named = !declare.queue.as_str().is_empty();
    let name = if named {
        declare.queue.to_string()
    } else {
        state.new_name("amq.gen")
    };
    if declare.passive {
        if state.usable_queue::<queue::Declare>(at, &name).is_none() {
            return;
        }
    } else if let Err((code, text)) = state.declare(at, &name, &declare) {
        return state.fail::<queue::Declare>(at, code, text);
    }
    state.expire_in(&name, std::time::Instant::now());
    if let Some(channel) = state.channels.get_mut(&at) {
        channel.last_declared.clone_from(&name);
    }
    let Some(queue) = state.queues.get(&name) else {
        return;
    };
    let ok = queue::DeclareOk {
        message_count: queue.ready.len() as u32,
        consumer_count: queue.consumers.len() as u32,
        queue: name.into(),
    };
    let ok = queue::AMQPMethod::DeclareOk(ok);
    state.answer(at, declare.nowait, AMQPClass::Queue(ok));
}

/// Deletes a queue, unless `if_unused` or `if_empty` forbids it.
fn delete_queue(state: &mut State, at: ChannelId, delete: &queue::Delete) {
    let name = delete.queue.as_str();
    // one that is not there is deleted already
    let mut message_count = 0;
    if state.queues.contains_key(name) {
        let Some(name) = state.usable_queue::<queue::Delete>(at, name) else {
            return;
        };
        let queue = state.queues.get(&name);
        let used = queue.is_some_and(|queue| !queue.consumers.is_empty());
        let filled = queue.is_some_and(|queue| !queue.ready.is_empty());
        if (delete.if_unused && used) || (delete.if_empty && filled) {
            let what = if used { "in use" } else { "not empty" };
            let text = format!("PRECONDITION_FAILED - queue '{name}' in vhost '/' {what}");
            return state.fail::<queue::Delete>(at, 406, text);
        }
        message_count = state.delete_queue(&name) as u32;
    }
    let ok = queue::AMQPMethod::DeleteOk(queue::DeleteOk { message_count });
    state.answer(at, delete.nowait, AMQPClass::Queue(ok));
}

impl State {
    /// The queue of this name on this channel. If it is absent or exclusive to another connection, the method `M` closes
    /// the channel.
    ///
    /// An empty name denotes the queue that the channel declared last.
    pub(super) fn usable_queue<M: Method>(&mut self, at: ChannelId, name: &str) -> Option<String> {
        let name = match self.channels.get(&at) {
            Some(channel) if name.is_empty() => channel.last_declared.clone(),
            _ => name.to_owned(),
        };
        let (code, text) = match self.queues.get(&name) {
            Some(queue) if !queue.is_locked_for(at.connection) => return Some(name),
            Some(_) => (405, locked(&name)),
            None => (404, format!("NOT_FOUND - no queue '{name}' in vhost '/'")),
        };
        self.fail::<M>(at, code, text);
        None
    }

    /// Creates the queue, or checks that the declaration repeats its properties.
    ///
    /// # Errors
    ///
    /// Returns code and text of the refusal: 403 for a reserved name, 405 for a queue of another connection, 406 for other
    /// properties or an invalid argument.
    fn declare(
        &mut self,
        at: ChannelId,
        name: &str,
        declare: &queue::Declare,
    ) -> Result<(), (u16, String)> {
        let declared = Declared {
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            owner: declare.exclusive.then_some(at.connection),
            arguments: declare.arguments.clone(),
        };
        let Some(queue) = self.queues.get(name) else {
            if name.starts_with("amq.") && !declare.queue.as_str().is_empty() {
                return Err((403, reserved("queue", name)));
            }
            let invalid = |text| {
                (
                    406,
                    format!("PRECONDITION_FAILED - {text} for queue '{name}'"),
                )
            };
            let queue = Queue::new(declared).map_err(invalid)?;
            self.queues.insert(name.to_owned(), queue);
            return Ok(());
        };
        if queue.is_locked_for(at.connection) {
            return Err((405, locked(name)));
        }
        if queue.declared != declared {
            let text =
                format!("PRECONDITION_FAILED - inequivalent arg for queue '{name}' in vhost '/'");
            return Err((406, text));
        }
        Ok(())
    }
}

/// Text for a queue that is exclusive to another connection.
fn locked(name: &str) -> String {
    format!(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'"
    )
}

/// Text for a name that a client may not choose.
fn reserved(what: &str, name: &str) -> String {
    format!("ACCESS_REFUSED - {what} name '{name}' contains reserved prefix 'amq.*'")
}
