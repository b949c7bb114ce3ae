//! A function that sends and returns reqwest's own error, which has no room for errors of middleware.
//! error: `?` couldn't convert the error to `reqwest::Error`
//! error: is not implemented for `reqwest::Error`

async fn stock(client: hopline::reqwest::ClientWithMiddleware) -> Result<String, reqwest::Error> {
    client.get("http://inventory:4002/stock/7").send().await?.text().await
}

fn main() {
    drop(stock);
}
