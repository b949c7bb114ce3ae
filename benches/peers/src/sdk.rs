//! Providers of the OpenTelemetry SDK, of the version of most peers and of that which two of them still want.

/// A module with the same functions for one version: the types of two versions are strangers to each other.
macro_rules! sdk {
    ($version:ident, $api:ident, $sdk:ident) => {
        pub(crate) mod $version {
            use hopline_gate::Work;
            use $sdk::error::OTelSdkResult;
            use $sdk::propagation::TraceContextPropagator;
            use $sdk::trace::{
                BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData,
                SpanExporter,
            };

            /// Takes spans and lets them go.
            #[derive(Debug)]
            struct Discard;

            impl SpanExporter for Discard {
                async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
                    Ok(())
                }
            }

            /// A provider as in a service, parents deciding first, which the process has from now on.
            ///
            /// Its queue is large enough that nothing is dropped, and made cheap by that.
            pub(crate) fn provider(sampled: bool) -> SdkTracerProvider {
                let sampler = if sampled {
                    Sampler::AlwaysOn
                } else {
                    Sampler::AlwaysOff
                };
                let config = BatchConfigBuilder::default()
                    .with_max_queue_size(16384)
                    .build();
                let processor = BatchSpanProcessor::builder(Discard)
                    .with_batch_config(config)
                    .build();
                let provider = SdkTracerProvider::builder()
                    .with_sampler(Sampler::ParentBased(Box::new(sampler)))
                    .with_span_processor(processor)
                    .build();
                $api::global::set_tracer_provider(provider.clone());
                $api::global::set_text_map_propagator(TraceContextPropagator::new());
                provider
            }

            /// Waits for the thread that exports.
            pub(crate) fn flushed(work: Work, provider: SdkTracerProvider) -> Work {
                work.settled_by(move || {
                    let flushed = provider.force_flush();
                    assert!(flushed.is_ok(), "{flushed:?}");
                })
            }
        }
    };
}

sdk!(current, opentelemetry, opentelemetry_sdk);
sdk!(older, opentelemetry_0_32, opentelemetry_sdk_0_32);
