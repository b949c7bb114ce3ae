//! Publishers and consumers whose broker is killed under them: nothing is lost, and the spans match what happened.

use std::io::Write as _;
use std::process::exit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hopline_chaos::args::Args;
use hopline_chaos::consumers::consume;
use hopline_chaos::publisher::publish;
use hopline_chaos::queues::declare;
use hopline_chaos::recorded::Recorded;
use hopline_chaos::{Error, Ledger, Result, connect};
use hopline_core::Tracer;
use hopline_restarts::{Kind, Server};
use lapin::options::BasicGetOptions;
use lapin::types::{AMQPValue, FieldTable};

const QUEUE: &str = "hopline-chaos";
/// All of it but the messages, and what each of those may take, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(60);
const LIMIT_PER_MESSAGE: Duration = Duration::from_millis(16);
/// The most growth of memory from the first quarter to the end: allocators keep a little of each peak.
const GROWTH: u64 = 24 << 20;
/// The same for each connection that was replaced: lapin's buffers, which a stuck one keeps.
const GROWTH_PER_CONNECTION: u64 = 10 << 20;

#[tokio::main]
async fn main() {
    let outcome = run().await;
    if let Err(error) = &outcome {
        let _ = writeln!(std::io::stderr(), "chaos: {error}");
    }
    // at once: a thread of the runtime that is stuck in lapin's locks would be waited for
    exit(outcome.is_err().into())
}

async fn run() -> Result<()> {
    let args = Args::parse(std::env::args().skip(1))?;
    let rabbit = tokio::task::spawn_blocking(|| Server::start(Kind::RABBITMQ)).await??;
    let ledger = Arc::new(Ledger::new(args.messages));
    let limit = LIMIT + LIMIT_PER_MESSAGE * u32::try_from(args.messages)?;
    end_after(limit, Arc::clone(&ledger));
    torment(args, rabbit, &ledger).await
}

/// Ends the process if it takes longer. By a thread that ends with it: where lapin's locks hold the threads of the
/// runtime, its clock does not move.
fn end_after(limit: Duration, ledger: Arc<Ledger>) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        let (handled, published) = (ledger.progress(), ledger.published());
        let told = format!("not done after {limit:?}: {published} published, {handled} handled");
        let _ = writeln!(std::io::stderr(), "chaos: {told}");
        exit(1)
    });
}

/// The work and the kills; then it is added up.
async fn torment(args: Args, rabbit: Server, ledger: &Arc<Ledger>) -> Result<()> {
    let Args { messages, kills } = args;
    let url = rabbit.url().to_owned();
    let recorded = Recorded::new(Arc::clone(ledger));
    let tracer = Tracer::builder()
        .service("chaos")
        .sink(recorded.clone())
        .build();
    let rabbit = declare(rabbit, &[QUEUE], &quorum()).await?;

    let begun = Instant::now();
    let every = (messages / 8).max(100);
    let consumers = [every, every + every / 3].map(|every| {
        let (ledger, recorded) = (Arc::clone(ledger), recorded.clone());
        consume(
            &url,
            tracer.clone(),
            QUEUE,
            (messages, every),
            ledger,
            recorded,
        )
    });
    let [first, second] = consumers;
    let publishing = publish(&url, tracer.clone(), QUEUE, messages, ledger);
    let killing = kill(rabbit, messages, kills, ledger);
    let growing = memory(messages, ledger);
    let ((anew, replaced), first, second, rabbit, growth) =
        tokio::try_join!(publishing, first, second, killing, growing)?;
    let (runs, replaced) = (first.0 + second.0, replaced + first.1 + second.1);
    let took = begun.elapsed();
    let left = waiting(&url, ledger).await?;
    drop(rabbit);

    let (lost, unknown) = ledger.imbalance();
    let (deliveries, published) = (ledger.deliveries(), ledger.published());
    let (publishes, processes) = (recorded.publishes(), recorded.processes());
    let again = deliveries - ledger.progress();
    say(&format!(
        "{published} messages published and confirmed, {anew} anew, {} SIGKILLs, {:.0} s\n\
         {runs} runs of 2 consumers, {replaced} connections replaced\n\
         ledger: {lost} lost, {unknown} handled without a confirm, {left} left in the queue\n\
         spans: {publishes} publish, {processes} process for {deliveries} deliveries, {} without partner or outcome, {} open\n\
         handled again: {again}, of which unexplained: {}; redelivered: {}, settled in vain: {}\n\
         memory: {:+.1} MiB from the first quarter to the end",
        kills + kills / 2,
        took.as_secs_f64(),
        recorded.wrong(),
        recorded.open(),
        ledger.unexplained(),
        recorded.redelivered(),
        recorded.lost_settlements(),
        growth as f64 / f64::from(1 << 20),
    ))?;
    let stats = tracer.stats();
    let may_grow = GROWTH + GROWTH_PER_CONNECTION * replaced as u64;
    for (what, count) in [
        ("messages were lost", lost),
        ("messages were handled that were not published", unknown),
        ("messages are left", left),
        ("messages were not published", messages - published),
        (
            "publishes and their spans differ",
            (messages + anew).abs_diff(publishes),
        ),
        (
            "publish spans have another outcome",
            anew.abs_diff(recorded.failed()),
        ),
        (
            "deliveries and process spans differ",
            deliveries.abs_diff(processes),
        ),
        ("spans are wrong", recorded.wrong()),
        ("spans are open", recorded.open()),
        (
            "repeated deliveries are not marked as such",
            ledger.unexplained(),
        ),
        (
            "spans were lost",
            (stats.lost_spans + stats.lost_traces) as usize,
        ),
        (
            "bytes of memory too many",
            growth.saturating_sub(may_grow as i64).max(0) as usize,
        ),
    ] {
        if count > 0 {
            return Err(format!("{count} {what}").into());
        }
    }
    Ok(())
}

/// A quorum queue: confirmed messages are on disk, and it counts deliveries.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    let kind = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), kind);
    arguments
}

/// Counts the messages left in the queue, without those that were published twice and handled once: the consumers stop
/// when each message was handled.
async fn waiting(url: &str, ledger: &Ledger) -> Result<usize> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let options = BasicGetOptions { no_ack: true };
    let mut left = 0;
    while let Some(message) = channel.basic_get(QUEUE.into(), options).await? {
        let number = std::str::from_utf8(&message.delivery.data)?.parse()?;
        left += usize::from(!ledger.is_double(number));
    }
    connection.close(200, "bye".into()).await?;
    Ok(left)
}

/// Kills the broker at even distances of the work, and starts it again. Gives it back, so that it lives to the end.
async fn kill(
    mut rabbit: Server,
    messages: usize,
    kills: usize,
    ledger: &Ledger,
) -> Result<Server> {
    for round in 1..=kills {
        let at = messages * round / (kills + 1);
        ledger.until(at).await;
        let begun = Instant::now();
        // every second time at once again, while its clients come back
        let times = 2 - round % 2;
        // on a thread of its own, since the calls block; they have time-outs
        let killing = tokio::task::spawn_blocking(move || {
            for _ in 0..times {
                rabbit.kill()?;
                rabbit.start_again()?;
            }
            Ok::<_, Error>(rabbit)
        });
        rabbit = killing.await??;
        let down = begun.elapsed().as_secs_f64();
        let handled = ledger.progress();
        ledger.until(handled + 1).await;
        say(&format!(
            "kill {round}, {times} times: {handled} handled, back after {down:.1} s, at work again after {:.1} s",
            begun.elapsed().as_secs_f64()
        ))?;
    }
    Ok(rabbit)
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
