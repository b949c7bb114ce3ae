//! Sends four mails, two of them with trouble; see `queues::worker`.

use std::io::Write as _;

use queues::worker::{FAILED, MAILS, order, run};
use queues::{Queue, Result, Shown};

#[tokio::main]
async fn main() -> Result<()> {
    let shown = Shown::start("mail-worker")?;
    let queue = Queue::connect(Queue::url_from_env()).await?;
    let channel = queue.channel(&shown.tracer()?, &[MAILS, FAILED]).await?;
    let mails = ["ada@example.org", "busy@example.org", "unknown@example.org"];
    for to in mails {
        order(&channel, to).await?;
    }
    run(&channel, shown.settled(mails.len() as i64)).await?;
    writeln!(std::io::stdout(), "{}", shown.trees())?;
    queue.close().await;
    shown.end().await
}
