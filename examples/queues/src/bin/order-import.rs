//! Imports a hundred orders; see `queues::import`.

use std::io::Write as _;

use queues::import::{ORDERS, publish, run};
use queues::{Queue, Result, Shown};

#[tokio::main]
async fn main() -> Result<()> {
    let shown = Shown::start("order-import")?;
    let queue = Queue::connect(Queue::url_from_env()).await?;
    let channel = queue.channel(&shown.tracer()?, &[ORDERS]).await?;
    let orders: Vec<String> = (1..=100).map(|number| format!("order {number}")).collect();
    publish(&channel, &orders).await?;
    run(&channel, shown.settled(orders.len() as i64)).await?;
    writeln!(std::io::stdout(), "{}", shown.trees())?;
    queue.close().await;
    shown.end().await
}
