//! Instruments of the application, reported to the meter of the current context's tracer.

use hopline_core::Attr;
use hopline_core::metrics::{self, Instrument};

macro_rules! instrument {
    ($(#[$doc:meta])* $type:ident, $(#[$make_doc:meta])* $make:ident, $kind:ident, $(#[$call_doc:meta])* $call:ident($value:ident)) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $type(Instrument);

        $(#[$make_doc])*
        pub const fn $make(name: &'static str, unit: &'static str) -> $type {
            $type(Instrument::$kind(name, unit))
        }

        impl $type {
            /// Sets the help text.
            #[must_use]
            pub const fn description(self, description: &'static str) -> Self {
                Self(self.0.description(description))
            }

            $(#[$call_doc])*
            #[inline]
            pub fn $call(&self, $value: f64, attributes: &[Attr<'_>]) {
                metrics::record(&self.0, $value, attributes);
            }
        }
    };
}

instrument! {
    /// A sum of increments; made by [`counter`].
    Counter,
    /// Makes a counter: declare it as a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Tracer, attr};
    /// use hopline_metrics::{Counter, Metrics, counter};
    ///
    /// static ORDERS: Counter = counter("shop.orders", "{order}").description("Orders that were placed.");
    ///
    /// let metrics = Metrics::builder().build();
    /// let tracer = Tracer::builder().meter(metrics.clone()).build();
    /// tracer.install()?;
    /// ORDERS.add(1.0, &[attr("shop.tier", "gold")]);
    /// assert!(metrics.render().contains("shop_orders_total{shop_tier=\"gold\"} 1\n"));
    /// # Ok::<(), hopline_core::InstallError>(())
    /// ```
    counter, counter,
    /// Adds to it. A negative increment is ignored, and reported by a notice.
    add(increment)
}

instrument! {
    /// A sum that may fall; made by [`up_down_counter`].
    UpDownCounter,
    /// Makes a sum that may fall, such as the number of open carts: declare it as a `static`.
    up_down_counter, up_down_counter,
    /// Adds to it; a negative increment subtracts.
    add(increment)
}

instrument! {
    /// The last value of something; made by [`gauge`].
    Gauge,
    /// Makes a gauge: declare it as a `static`.
    gauge, gauge,
    /// Replaces its value.
    set(value)
}

instrument! {
    /// A distribution; made by [`histogram`].
    Histogram,
    /// Makes a histogram: declare it as a `static`. Its bounds default to 5 ms … 10 s.
    histogram, histogram,
    /// Adds a value to it. Where it is called within a span of a trace that is certain to be kept, that span may become its
    /// bucket's exemplar.
    record(value)
}

impl Histogram {
    /// Sets the upper bounds of its buckets, in ascending order.
    #[must_use]
    pub const fn buckets(self, bounds: &'static [f64]) -> Self {
        Self(self.0.buckets(bounds))
    }
}
