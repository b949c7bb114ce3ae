//! A redirect policy of reqwest's own, which cannot be asked from outside.
//! error: expected `hopline::reqwest::redirect::Policy`, found `reqwest::redirect::Policy`
//! error: `hopline::reqwest::redirect::Policy` is defined in crate `hopline_reqwest`

fn main() {
    hopline::reqwest::ClientBuilder::new().redirect(reqwest::redirect::Policy::none());
}
