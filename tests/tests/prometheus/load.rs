//! Load on the gateway of `checkout`, and its own count of the answers.

use std::sync::Mutex;

use checkout::Urls;
use checkout::drive::CARD;
use reqwest::{Client, Method};
use serde_json::json;

use crate::server::Values;

/// Requests of each of the four clients.
const EACH: usize = 60;

/// Sends requests from four clients at once: orders, of which some fail, products, and requests that are refused. Gives the number
/// of answers by method, route and status.
pub(crate) async fn load(urls: &Urls) -> Values {
    let counts = Mutex::new(Values::new());
    let client = Client::builder().no_proxy().build().unwrap();
    let send = async |task: usize| {
        for number in 0..EACH {
            let (method, path, tenant, payment) = match (number + task) % 6 {
                0 => (Method::GET, "/products", true, ""),
                1 => (Method::GET, "/products", false, ""),
                2 => (Method::DELETE, "/products", true, ""),
                3 => (Method::GET, "/made/up", true, ""),
                4 => (Method::POST, "/checkout", true, "fail"),
                _ => (Method::POST, "/checkout", true, "accept"),
            };
            let mut request = client.request(method.clone(), format!("{}{path}", urls.gateway));
            if tenant {
                request = request.header("x-tenant-id", "acme");
            }
            if !payment.is_empty() {
                let lines = json!([{ "product": "cup", "quantity": 1 }]);
                let order = json!({ "card": CARD, "lines": lines, "payment": payment });
                request = request.bearer_auth("token").json(&order);
            }
            let response = request.send().await.unwrap();
            let status = response.status().as_str().to_owned();
            response.bytes().await.unwrap();
            // paths of no route have no label
            let route = if path == "/made/up" { "" } else { path };
            let key = vec![method.to_string(), route.to_owned(), status];
            *counts.lock().unwrap().entry(key).or_default() += 1.0;
        }
    };
    tokio::join!(send(0), send(1), send(2), send(3));
    counts.into_inner().unwrap()
}
