//! Queues that a broker still has when it was killed.

use hopline_restarts::Server;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::task::spawn_blocking;

use crate::{Result, connect};

/// Declares durable queues, then stops the broker in order and starts it again.
///
/// RabbitMQ writes declarations to disk only some time later, on a busy machine after seconds: killed before, it
/// begins without the queue, or with an empty one that has no leader.
///
/// # Errors
///
/// The broker is not there, does not take the queues, or does not start again.
pub async fn declare(
    mut server: Server,
    queues: &[&str],
    arguments: &FieldTable,
) -> Result<Server> {
    let connection = connect(server.url()).await?;
    let channel = connection.create_channel().await?;
    for queue in queues {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare((*queue).into(), durable, arguments.clone())
            .await?;
    }
    connection.close(200, "bye".into()).await?;
    let restarted = spawn_blocking(move || {
        server.stop()?;
        server.start_again()?;
        Ok(server)
    });
    restarted.await?
}
