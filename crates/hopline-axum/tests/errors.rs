//! Errors of an application's own type, as handlers answer with them.

mod support;

use std::error::Error;
use std::fmt;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hopline_axum::CausedBy;
use hopline_testing::tracer;
use support::{integer, layer, one, serve};

#[derive(Debug)]
struct Timeout;

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database did not answer in time")
    }
}

impl Error for Timeout {}

#[derive(Debug)]
enum AppError {
    NotFound,
    Database(Timeout),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such order"),
            Self::Database(_) => f.write_str("try later"),
        }
    }
}

impl Error for AppError {}

impl From<Timeout> for AppError {
    fn from(timeout: Timeout) -> Self {
        Self::Database(timeout)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let answer = (status, self.to_string());
        match &self {
            Self::Database(cause) => answer.caused_by(cause),
            Self::NotFound => answer.caused_by(&self),
        }
    }
}

async fn find(id: u32) -> Result<String, Timeout> {
    if id == 7 {
        Ok("order".to_owned())
    } else {
        Err(Timeout)
    }
}

async fn order() -> Result<String, AppError> {
    Ok(find(8).await?)
}

async fn none() -> Result<String, AppError> {
    Err(AppError::NotFound)
}

#[tokio::test]
async fn the_error_behind_an_answer_of_5xx_is_recorded_and_the_answer_is_unchanged() {
    let (tracer, all) = tracer("orders");
    let app = Router::new().route("/", get(order)).layer(layer(&tracer));
    let address = serve(app).await;
    let answer = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.text().await.unwrap(), "try later");
    let span = one(&all).await;
    assert!(span.is_error());
    assert_eq!(span.text("error.type"), Some("errors::Timeout"));
    assert_eq!(integer(&span, "http.response.status_code"), Some(503));
}

#[tokio::test]
async fn the_error_behind_an_answer_of_4xx_is_the_caller_s() {
    let (tracer, all) = tracer("orders");
    let app = Router::new().route("/", get(none)).layer(layer(&tracer));
    let address = serve(app).await;
    let answer = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(answer.status(), 404);
    let span = one(&all).await;
    assert_eq!((span.text("error.type"), span.is_error()), (None, false));
}

#[tokio::test]
async fn an_error_whose_type_is_erased_is_recorded_as_other() {
    let (tracer, all) = tracer("orders");
    let erased = || async {
        let error: Box<dyn Error + Send + Sync> = Box::new(Timeout);
        StatusCode::INTERNAL_SERVER_ERROR.caused_by(&*error)
    };
    let app = Router::new().route("/", get(erased)).layer(layer(&tracer));
    let address = serve(app).await;
    reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(one(&all).await.text("error.type"), Some("_OTHER"));
}
