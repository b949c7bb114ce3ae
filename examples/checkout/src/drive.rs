//! A client that sends one of each request.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Result, Urls};

/// A card number, as it must appear nowhere.
pub const CARD: &str = "4242424242424242";

/// The number of requests that [`once`] sends.
pub const REQUESTS: usize = 5;

/// Sends one of each request and waits until the orders are in their final state.
///
/// # Errors
///
/// An answer is not the expected one, or an order is not finished within 30 seconds.
pub async fn once(urls: &Urls) -> Result<()> {
    let client = Client {
        http: reqwest::Client::new(),
        urls,
    };
    client.products().await?;
    for order in [
        json!({}),
        json!({ "payment": "slow" }),
        json!({ "worker": "fail_once" }),
    ] {
        client.checkout(order, StatusCode::CREATED, "done").await?;
    }
    client
        .checkout(
            json!({ "payment": "fail" }),
            StatusCode::SERVICE_UNAVAILABLE,
            "",
        )
        .await
}

/// Orders something, without waiting for the worker. Gives the order's number.
///
/// # Errors
///
/// The gateway does not take it.
pub async fn checkout(urls: &Urls) -> Result<i64> {
    let client = Client {
        http: reqwest::Client::new(),
        urls,
    };
    let id = client.order(json!({}), StatusCode::CREATED).await?;
    Ok(id.ok_or("the answer names no order")?)
}

/// Waits until the worker has finished an order.
///
/// # Errors
///
/// It has not within 30 seconds.
pub async fn until_done(urls: &Urls, id: i64) -> Result<()> {
    Client {
        http: reqwest::Client::new(),
        urls,
    }
    .reached(id, "done")
    .await
}

/// Waits until the services accept connections.
///
/// # Errors
///
/// They do not within 10 seconds.
pub async fn until_up(urls: &Urls) -> Result<()> {
    for url in [&urls.gateway, &urls.orders, &urls.inventory, &urls.payments] {
        let address = url.trim_start_matches("http://");
        // a connection and no request, which would be a trace
        let ask = || async { tokio::net::TcpStream::connect(address).await.ok().map(drop) };
        poll(Duration::from_secs(10), ask)
            .await
            .ok_or_else(|| format!("{url} does not answer"))?;
    }
    Ok(())
}

struct Client<'a> {
    http: reqwest::Client,
    urls: &'a Urls,
}

impl Client<'_> {
    async fn products(&self) -> Result<()> {
        let answer = self
            .http
            .get(format!("{}/products", self.urls.gateway))
            .header("x-tenant-id", "acme")
            .send()
            .await?;
        expect(answer.status(), StatusCode::OK)
    }

    async fn checkout(&self, order: Value, status: StatusCode, state: &str) -> Result<()> {
        let id = self.order(order, status).await?;
        match id {
            _ if state.is_empty() => Ok(()),
            Some(id) => self.reached(id, state).await,
            None => Err("the answer names no order".into()),
        }
    }

    /// Sends an order; gives its number, if the answer names one.
    async fn order(&self, mut order: Value, status: StatusCode) -> Result<Option<i64>> {
        order["card"] = json!(CARD);
        order["lines"] =
            json!([{ "product": "teapot", "quantity": 1 }, { "product": "cup", "quantity": 4 }]);
        let request = self
            .http
            .post(format!("{}/checkout", self.urls.gateway))
            .header("x-tenant-id", "acme");
        let answer = request
            .bearer_auth("s3cr3t-bearer-token")
            .json(&order)
            .send()
            .await?;
        expect(answer.status(), status)?;
        Ok(answer
            .json::<Value>()
            .await
            .ok()
            .and_then(|order| order["id"].as_i64()))
    }

    /// Asks for the order's state, which is not traced, until it is this one.
    async fn reached(&self, id: i64, state: &str) -> Result<()> {
        let url = format!("{}/orders/{id}/state", self.urls.orders);
        let ask = || async {
            self.http
                .get(&url)
                .send()
                .await
                .ok()?
                .text()
                .await
                .ok()
                .filter(|now| now == state)
                .map(drop)
        };
        let reached = poll(Duration::from_secs(30), ask).await;
        Ok(reached.ok_or_else(|| format!("order {id} did not become {state}"))?)
    }
}

fn expect(status: StatusCode, expected: StatusCode) -> Result<()> {
    if status == expected {
        Ok(())
    } else {
        Err(format!("the gateway answered {status} instead of {expected}").into())
    }
}

/// Asks again and again until there is an answer, or the time is up.
async fn poll<F: Future<Output = Option<()>>>(
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> Option<()> {
    let asked = async {
        while ask().await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(limit, asked).await.ok()
}

/// The trace of one checkout, as a tree without times and ids. `database` is the product, such as `sqlite`.
///
/// ```
/// let tree = checkout::drive::checkout_tree("sqlite");
/// assert!(tree.starts_with("POST /checkout ▸ gateway  201\n"));
/// ```
pub fn checkout_tree(database: &str) -> String {
    CHECKOUT.replace("DATABASE", database)
}

const CHECKOUT: &str = "\
POST /checkout ▸ gateway  201
├─ auth.verify
└─ POST  201
   └─ POST /orders ▸ orders  201
      ├─ db.begin ▸ DATABASE
      ├─ db.query  INSERT checkout_orders ▸ DATABASE
      ├─ db.query  INSERT checkout_lines ▸ DATABASE
      ├─ db.query  INSERT checkout_notes ▸ DATABASE
      ├─ db.commit ▸ DATABASE
      ├─ POST  204
      │  └─ POST /reserve ▸ inventory  204
      │     └─ db.query  UPDATE checkout_stock ▸ DATABASE
      ├─ POST  204
      │  └─ POST /charge ▸ payments  204
      │     └─ card.authorise
      └─ publish.message  order.placed
         └─ process.message  order.placed ▸ worker
            ├─ db.query  UPDATE checkout_orders ▸ DATABASE
            └─ mail.send
";
