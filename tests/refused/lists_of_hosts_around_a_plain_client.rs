//! A plain client follows redirects unseen, so lists of hosts would not hold; `ClientBuilder` has them.
//! error: no method named `no_headers_to` found for struct `TraceMiddleware`
//! error: no method named `baggage_to` found for struct `TraceMiddleware`

use hopline::reqwest::TraceMiddleware;

fn main() {
    TraceMiddleware::new().no_headers_to(["api.partner.example"]);
    TraceMiddleware::new().baggage_to(["billing.example.com"]);
}
