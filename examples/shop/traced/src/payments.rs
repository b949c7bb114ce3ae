//! The payment service.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::error::AppError;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: ClientWithMiddleware,
    url: Arc<str>,
}

#[derive(Serialize)]
struct Charge<'a> {
    order: i64,
    amount_cents: i64,
    card: &'a str,
}

#[derive(Deserialize)]
struct Receipt {
    id: String,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let backoff = ExponentialBackoff::builder()
            .retry_bounds(Duration::from_millis(1), Duration::from_millis(5))
            .build_with_max_retries(2);
        let http = ClientBuilder::new(reqwest::Client::new())
            .with(RetryTransientMiddleware::new_with_policy(backoff))
            .with(hopline::reqwest::TraceMiddleware::new())
            .build();
        Self {
            http,
            url: url.into(),
        }
    }

    /// Charges the card; gives the receipt's id.
    pub(crate) async fn charge(
        &self,
        order: i64,
        amount_cents: i64,
        card: &str,
    ) -> Result<String, AppError> {
        let charge = Charge {
            order,
            amount_cents,
            card,
        };
        let request = self.http.post(format!("{}/charges", self.url));
        let response = request
            .timeout(Duration::from_secs(5))
            .json(&charge)
            .send()
            .await?;
        if response.status() == StatusCode::PAYMENT_REQUIRED {
            return Err(AppError::Declined);
        }
        let receipt: Receipt = response.error_for_status()?.json().await?;
        info!(amount_cents, receipt = receipt.id, "charged");
        Ok(receipt.id)
    }
}
