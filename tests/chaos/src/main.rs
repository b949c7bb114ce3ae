//! Publishers and consumers whose broker is killed under them: nothing is lost, and the spans say what happened.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hopline_chaos::args::Args;
use hopline_chaos::consumers::consume;
use hopline_chaos::publisher::publish;
use hopline_chaos::recorded::Recorded;
use hopline_chaos::{Ledger, Rabbit, Result, connect};
use hopline_core::Tracer;
use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

const QUEUE: &str = "hopline-chaos";
/// All of it, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(900);
/// How much memory may grow from the first quarter to the end: allocators keep a little of each peak.
const GROWTH: u64 = 24 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let told = match run().await {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => writeln!(std::io::stderr(), "chaos: {error}"),
    };
    drop(told);
    ExitCode::FAILURE
}

async fn run() -> Result<()> {
    let Args { messages, kills } = Args::parse(std::env::args().skip(1))?;
    let mut rabbit = tokio::task::spawn_blocking(Rabbit::start).await??;
    let ledger = Arc::new(Ledger::new(messages));
    let recorded = Recorded::new(Arc::clone(&ledger));
    let tracer = Tracer::builder()
        .service("chaos")
        .sink(recorded.clone())
        .build();
    let connection = connect(rabbit.url()).await?;
    declare(&connection).await?;

    let begun = Instant::now();
    let every = (messages / 8).max(100);
    let consumers = [every, every + every / 3].map(|every| {
        let (ledger, recorded) = (Arc::clone(&ledger), recorded.clone());
        consume(
            &connection,
            tracer.clone(),
            QUEUE,
            (messages, every),
            ledger,
            recorded,
        )
    });
    let [first, second] = consumers;
    let publishing = publish(&connection, tracer.clone(), QUEUE, messages, &ledger);
    let killing = kill(&mut rabbit, messages, kills, &ledger);
    let work = async {
        tokio::try_join!(
            publishing,
            first,
            second,
            killing,
            memory(messages, &ledger)
        )
    };
    let done = tokio::time::timeout(LIMIT, work).await;
    let ((), first, second, (), growth) = done.map_err(|_| {
        let (handled, published) = (ledger.progress(), ledger.published());
        format!("not done after {LIMIT:?}: {published} published, {handled} handled")
    })??;
    let took = begun.elapsed();
    let left = waiting(&connection).await?;
    connection.close(200, "bye".into()).await?;

    let (lost, unknown) = ledger.imbalance();
    let (deliveries, published) = (ledger.deliveries(), ledger.published());
    let (publishes, processes) = (recorded.publishes(), recorded.processes());
    let again = deliveries - ledger.progress();
    say(&format!(
        "{published} messages published and confirmed, {kills} SIGKILLs, {} runs of 2 consumers, {:.0} s\n\
         ledger: {lost} lost, {unknown} handled without a confirm, {left} left in the queue\n\
         spans: {publishes} publish, {processes} process for {deliveries} deliveries, {} without partner or outcome, {} open\n\
         handled again: {again}, of which unexplained: {}; redelivered: {}, settled in vain: {}\n\
         memory: {:+.1} MiB from the first quarter to the end",
        first + second,
        took.as_secs_f64(),
        recorded.wrong(),
        recorded.open(),
        ledger.unexplained(),
        recorded.redelivered(),
        recorded.lost_settlements(),
        growth as f64 / f64::from(1 << 20),
    ))?;
    let stats = tracer.stats();
    for (what, count) in [
        ("messages were lost", lost),
        ("messages were handled that nobody published", unknown),
        ("messages are left", left as usize),
        ("messages were not published", messages - published),
        ("publishes have no span", messages.abs_diff(publishes)),
        (
            "deliveries and process spans differ",
            deliveries.abs_diff(processes),
        ),
        ("spans are wrong", recorded.wrong()),
        ("spans are open", recorded.open()),
        (
            "deliveries came again and do not say so",
            ledger.unexplained(),
        ),
        (
            "spans were lost",
            (stats.lost_spans + stats.lost_traces) as usize,
        ),
        (
            "bytes of memory too many",
            growth.saturating_sub(GROWTH as i64).max(0) as usize,
        ),
    ] {
        if count > 0 {
            return Err(format!("{count} {what}").into());
        }
    }
    Ok(())
}

/// A quorum queue: what it says it has, it has on disk, and it counts deliveries.
async fn declare(connection: &Connection) -> Result<()> {
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(QUEUE.into(), durable, arguments)
        .await?;
    Ok(channel.close(200, "bye".into()).await?)
}

async fn waiting(connection: &Connection) -> Result<u32> {
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(QUEUE.into(), passive, FieldTable::default());
    Ok(declared.await?.message_count())
}

/// Kills the broker at even distances of the work, and starts it again.
async fn kill(rabbit: &mut Rabbit, messages: usize, kills: usize, ledger: &Ledger) -> Result<()> {
    for round in 1..=kills {
        let at = messages * round / (kills + 1);
        ledger.until(at).await;
        let begun = Instant::now();
        // the calls block: this task has nothing else to do, and the others have other threads
        tokio::task::block_in_place(|| rabbit.kill().and_then(|()| rabbit.start_again()))?;
        let down = begun.elapsed().as_secs_f64();
        let handled = ledger.progress();
        ledger.until(handled + 1).await;
        say(&format!(
            "SIGKILL {round}: {handled} handled, back after {down:.1} s, at work again after {:.1} s",
            begun.elapsed().as_secs_f64()
        ))?;
    }
    Ok(())
}

/// By how many bytes this process has grown since the first quarter.
async fn memory(messages: usize, ledger: &Ledger) -> Result<i64> {
    ledger.until(messages / 4).await;
    let first = resident()?;
    ledger.until(messages).await;
    Ok(resident()? - first)
}

fn resident() -> Result<i64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: i64 = kilobytes.ok_or("no VmRSS in /proc/self/status")?.parse()?;
    Ok(kilobytes * 1024)
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
