//! The callsites that the layer enables. A process of its own: the maximum level is that of all subscribers in it.

use hopline_tracing::layer;
use tracing::Level;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

#[test]
fn the_layer_enables_no_callsite_that_nothing_wants() {
    with_default(registry().with(layer()), || {
        assert_eq!(tracing::level_filters::LevelFilter::current(), Level::INFO);
        assert!(tracing::enabled!(Level::INFO));
        assert!(!tracing::enabled!(Level::DEBUG));
        assert!(!tracing::enabled!(target: "sqlx::query", Level::ERROR));
    });
}
