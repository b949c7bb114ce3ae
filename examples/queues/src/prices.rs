//! A service that answers requests from a queue, and its client.

use hopline::lapin::{
    Channel, Delivery, PublishError, RequestError, Requests, RunOptions, StopReason,
};
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use crate::Result;

/// The queue of requests.
pub const PRICES: &str = "prices";

/// Answers requests until `shutdown`.
///
/// # Errors
///
/// Returns an error if the broker is gone.
pub async fn serve(channel: &Channel, shutdown: impl Future<Output = ()>) -> Result<StopReason> {
    let consumer = channel
        .basic_consume(
            PRICES.into(),
            "price-service".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let answers = channel.clone();
    let handler = move |request| answer(answers.clone(), request);
    Ok(consumer
        .run(handler, RunOptions::default(), shutdown)
        .await?)
}

async fn answer(channel: Channel, request: Delivery) -> Result<(), PublishError> {
    let price = match request.body() {
        b"teapot" => "24.90",
        b"cup" => "6.50",
        _ => "unknown",
    };
    channel.reply(&request, price.as_bytes()).await?;
    Ok(())
}

/// Requests a price.
///
/// # Errors
///
/// Returns an error if no reply arrives.
pub async fn ask(requests: &Requests, product: &str) -> Result<String, RequestError> {
    let reply = requests.call("", PRICES, product.as_bytes()).await?;
    Ok(String::from_utf8_lossy(reply.body()).into_owned())
}
