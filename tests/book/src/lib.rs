//! Compiles the code of every page: the blocks marked `rust` are documentation examples of these modules.
//!
//! `tests/pages.rs` checks that no page is missing here.

use hopline::Tracer;
use hopline::lapin::Channel;
use hopline::prelude::*;

/// A traced channel to the broker at this URL.
///
/// # Errors
///
/// The broker cannot be reached, or opens no channel.
pub async fn channel(url: &str, tracer: Tracer) -> lapin::Result<Channel> {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(url, properties).await?;
    Ok(connection.create_channel().await?.traced().tracer(tracer))
}

/// One module for each page, with the page as its documentation.
#[cfg(doctest)]
macro_rules! pages {
    ($($name:ident $path:literal)*) => {
        $(
            #[doc = include_str!(concat!("../../../", $path))]
            mod $name {}
        )*
    };
}

// below a module, since pages have the names of crates
#[cfg(doctest)]
mod pages {
    pages! {
        readme "README.md"
        axum "docs/guide/axum.md"
        comparison "docs/guide/comparison.md"
        lapin "docs/guide/lapin.md"
        logs "docs/guide/logs.md"
        metrics "docs/guide/metrics.md"
        performance "docs/guide/performance.md"
        production "docs/guide/production.md"
        reqwest "docs/guide/reqwest.md"
        sampling "docs/guide/sampling.md"
        secrets "docs/guide/secrets.md"
        sqlx "docs/guide/sqlx.md"
        start "docs/guide/start.md"
        testing "docs/guide/testing.md"
        tower "docs/guide/tower.md"
        troubleshooting "docs/guide/troubleshooting.md"
        trust "docs/guide/trust.md"
        viewing "docs/guide/viewing.md"
        from_amqp_by_hand "docs/migration/amqp-by-hand.md"
        from_axum_tracing_opentelemetry "docs/migration/axum-tracing-opentelemetry.md"
        from_fastrace "docs/migration/fastrace.md"
        from_opentelemetry_instrumentation_tower "docs/migration/opentelemetry-instrumentation-tower.md"
        from_reqwest_tracing "docs/migration/reqwest-tracing.md"
        from_sqlx_otel "docs/migration/sqlx-otel.md"
        from_tower_http "docs/migration/tower-http.md"
        from_tracing_opentelemetry "docs/migration/tracing-opentelemetry.md"
        methods_of_sqlx "docs/parity/sqlx.md"
    }
}
