//! Asks for three prices; see `queues::prices`.

use std::io::Write as _;

use queues::prices::{PRICES, ask, serve};
use queues::{Queue, Result, Shown};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> Result<()> {
    let shown = Shown::start("price-service")?;
    let queue = Queue::connect(Queue::url_from_env()).await?;
    let channel = queue.channel(&shown.tracer()?, &[PRICES]).await?;
    let asking = queue.channel(&shown.tracer()?, &[]).await?;
    let requests = asking.requests().await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let asked = async {
        for product in ["teapot", "cup", "spoon"] {
            let price = ask(&requests, product).await?;
            writeln!(std::io::stdout(), "{product}: {price}")?;
        }
        drop(stop);
        Ok(())
    };
    let served = serve(&channel, async { drop(stopped.await) });
    tokio::try_join!(asked, served)?;
    writeln!(std::io::stdout(), "\n{}", shown.trees())?;
    queue.close().await;
    shown.end().await
}
