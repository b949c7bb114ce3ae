//! The requests that both forms get.

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::program::Shop;

/// An answer as its client sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    request: String,
    status: u16,
    /// Names in order; values where they do not depend on time or chance.
    headers: Vec<(String, String)>,
    body: String,
    /// The name of the server span that belongs to it.
    pub(crate) span: &'static str,
}

/// Sends all requests, one after the other.
pub(crate) async fn drive(shop: &Shop) -> Vec<Answer> {
    let mut client = Driver {
        shop,
        http: Client::new(),
        answers: Vec::new(),
    };
    client.browse().await;
    client.authorise().await;
    client.order().await;
    client.import().await;
    client.watch().await;
    client.answers
}

struct Driver<'a> {
    shop: &'a Shop,
    http: Client,
    answers: Vec<Answer>,
}

const PRODUCTS: &str = "GET /api/v1/products";
const PRODUCT: &str = "GET /api/v1/products/{sku}";
const ORDERS: &str = "GET /api/v1/orders";
const PLACE: &str = "POST /api/v1/orders";

impl Driver<'_> {
    async fn browse(&mut self) {
        self.get("/health", "GET /health").await;
        self.get("/api/v1/products", PRODUCTS).await;
        self.get("/api/v1/products?limit=1&offset=1", PRODUCTS)
            .await;
        self.get("/api/v1/products?limit=1000", PRODUCTS).await;
        self.get("/api/v1/products?limit=many", PRODUCTS).await;
        self.get("/api/v1/products/teapot", PRODUCT).await;
        self.get("/api/v1/products/nothing", PRODUCT).await;
        self.get("/api/v1/products/bug", PRODUCT).await;
        self.get("/api/v1/products/short", "GET /api/v1/products/short")
            .await;
        self.get("/nowhere", "GET").await;
        let compressed = self
            .request(Method::GET, "/api/v1/products")
            .header("accept-encoding", "gzip");
        self.send(compressed, PRODUCTS).await;
        let preflight = self
            .request(Method::OPTIONS, "/api/v1/products")
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "GET");
        self.send(preflight, "OPTIONS /api/v1/products").await;
        let wrong = self.request(Method::PUT, "/api/v1/products");
        self.send(wrong, "PUT /api/v1/products").await;
        let head = self.request(Method::HEAD, "/api/v1/products/cup");
        self.send(head, "HEAD /api/v1/products/{sku}").await;
    }

    async fn authorise(&mut self) {
        self.get("/api/v1/orders", ORDERS).await;
        let wrong = self
            .request(Method::GET, "/api/v1/orders")
            .bearer_auth("token-of-nobody");
        self.send(wrong, ORDERS).await;
        let mine = self.ada(Method::GET, "/api/v1/orders");
        self.send(mine, ORDERS).await;
    }

    async fn order(&mut self) {
        let two = json!([{ "sku": "teapot", "quantity": 1 }, { "sku": "cup", "quantity": 4 }]);
        self.place(two, "good").await;
        self.shop.logs("mail sent").await;
        let again = json!([{ "sku": "cup", "quantity": 2 }]);
        self.place(again, "flaky").await;
        self.shop.logs("mail sent").await;
        self.place(json!([{ "sku": "cup", "quantity": 1 }]), "declined")
            .await;
        self.place(json!([{ "sku": "cup", "quantity": 1 }]), "down")
            .await;
        self.place(json!([{ "sku": "spoon", "quantity": 2 }]), "good")
            .await;
        self.place(json!([]), "good").await;
        let malformed = self
            .ada(Method::POST, "/api/v1/orders")
            .header("content-type", "application/json")
            .body("{");
        self.send(malformed, PLACE).await;
        let shown = self.ada(Method::GET, "/api/v1/orders/1");
        self.send(shown, "GET /api/v1/orders/{id}").await;
        for _ in 0..2 {
            let cancelled = self.ada(Method::DELETE, "/api/v1/orders/2");
            self.send(cancelled, "DELETE /api/v1/orders/{id}").await;
        }
    }

    async fn import(&mut self) {
        let rows: Vec<Value> = (0..50)
            .map(|n| json!({ "sku": format!("plate-{n}"), "title": "Plate", "price_cents": 900, "stock": n }))
            .collect();
        let file = serde_json::to_vec(&rows).unwrap();
        self.upload(&file).await;
        self.upload(&vec![b' '; 80 * 1024]).await;
    }

    /// Server-sent events, open while an order is placed, and a WebSocket.
    async fn watch(&mut self) {
        let events = self.request(Method::GET, "/api/v1/live/events");
        let mut events = events.send().await.unwrap();
        self.place(json!([{ "sku": "cup", "quantity": 1 }]), "good")
            .await;
        self.shop.logs("mail sent").await;
        let event = events.chunk().await.unwrap().unwrap();
        self.answers.push(Answer {
            request: "events".to_owned(),
            status: events.status().as_u16(),
            headers: Vec::new(),
            body: String::from_utf8_lossy(&event).into_owned(),
            span: "GET /api/v1/live/events",
        });
        drop(events);
        let url = format!("ws://{}/api/v1/live/stock", self.shop.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut stocks = Vec::new();
        for sku in ["plate-7", "nothing"] {
            socket.send(Message::text(sku)).await.unwrap();
            stocks.push(socket.next().await.unwrap().unwrap().into_text().unwrap());
        }
        socket.close(None).await.unwrap();
        self.answers.push(Answer {
            request: "WebSocket".to_owned(),
            status: 101,
            headers: Vec::new(),
            body: format!("{stocks:?}"),
            span: "GET /api/v1/live/stock",
        });
    }

    async fn get(&mut self, path: &str, span: &'static str) {
        let request = self.request(Method::GET, path);
        self.send(request, span).await;
    }

    async fn place(&mut self, items: Value, card: &str) {
        let request = self
            .ada(Method::POST, "/api/v1/orders")
            .header("content-type", "application/json")
            .body(json!({ "items": items, "card": card }).to_string());
        self.send(request, PLACE).await;
    }

    async fn upload(&mut self, file: &[u8]) {
        let head = "--edge\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n";
        let body = [head.as_bytes(), file, b"\r\n--edge--\r\n"].concat();
        let request = self
            .ada(Method::POST, "/api/v1/imports")
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(body);
        self.send(request, "POST /api/v1/imports").await;
    }

    fn ada(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth("token-of-ada")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.shop.address);
        self.http.request(method, url)
    }

    async fn send(&mut self, request: RequestBuilder, span: &'static str) {
        let request = request.build().unwrap();
        let shown = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let mut headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let random = ["date", "x-request-id"].contains(&name.as_str());
                let value = if random {
                    "…"
                } else {
                    value.to_str().unwrap()
                };
                (name.to_string(), value.to_owned())
            })
            .collect();
        headers.sort();
        let body = response.bytes().await.unwrap();
        self.answers.push(Answer {
            request: shown,
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            span,
        });
    }
}
