//! Calls of a reqwest client that is answered before the network.

use std::rc::Rc;

use async_trait::async_trait;
use hopline_core::{Clock, FutureExt, Tracer};
use hopline_reqwest::TraceMiddleware;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};

use crate::case::{Case, Work};
use crate::requests::runtime;
use crate::trace::{Fate, root};

/// The innermost middleware: answers itself, so that only what lies around it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Answer;

#[async_trait]
impl Middleware for Answer {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        Ok(http::Response::new("7 in stock").into())
    }
}

/// A client without tracing.
pub fn bare() -> ClientWithMiddleware {
    client().with(Answer).build()
}

/// A client with hopline's middleware.
pub fn traced() -> ClientWithMiddleware {
    client().with(TraceMiddleware::new()).with(Answer).build()
}

fn client() -> ClientBuilder {
    ClientBuilder::new(reqwest::Client::new())
}

/// Calls within a request's span of this tracer, a trace for each.
pub fn calls(client: ClientWithMiddleware, tracer: Tracer) -> Work {
    let (runtime, client) = (runtime(), Rc::new(client));
    Work::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                call(&client).in_span(root(&tracer)).await;
            }
        });
    })
}

/// One call.
pub async fn call(client: &ClientWithMiddleware) {
    let answer = client.get("http://inventory:4002/stock/7?page=2").send();
    assert!(
        answer
            .await
            .is_ok_and(|answer| answer.status().is_success())
    );
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (fate, below) in [
        (Fate::Kept, "reqwest/bare, kept"),
        (Fate::NotRecorded, "reqwest/bare, not recorded"),
    ] {
        let make = move |clock: &Clock| calls(bare(), fate.tracer(clock));
        cases.push(Case::new(below, make));
        let make = move |clock: &Clock| calls(traced(), fate.tracer(clock));
        cases.push(Case::new(format!("reqwest/{}", fate.name()), make).over(below));
    }
    cases
}
