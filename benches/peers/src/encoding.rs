//! Finished spans to OTLP bytes.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use hopline_gate::encoding::{BATCH, encoding};
use hopline_gate::trace::Values;
use hopline_gate::{Case, Work};
use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use prost::Message;

use crate::names::{OTLP, name};
use crate::otel::child_in;
use crate::ours::clocks;

pub(crate) const PROST: &str = "opentelemetry-proto, prost";
const CLONES: &str = "OTLP encoding/clones of opentelemetry_sdk's spans";

pub(crate) fn cases() -> Vec<Case> {
    let (who, clock) = clocks().swap_remove(0);
    vec![
        Case::new(name(OTLP, who), move |_| encoding(&clock)).times(2 * BATCH),
        Case::new(CLONES, |_| theirs(false)).times(2 * BATCH),
        Case::new(name(OTLP, PROST), |_| theirs(true))
            .over(CLONES)
            .times(2 * BATCH),
    ]
}

/// Takes spans and keeps them.
// a plain lock: one thread fills it, and then reads it
#[derive(Clone, Debug, Default)]
struct Capture(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Capture {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(batch);
        Ok(())
    }
}

/// The way of opentelemetry-otlp: transformed to messages, which takes the spans by value, and encoded by prost.
fn theirs(encode: bool) -> Work {
    let capture = Capture::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(capture.clone())
        .build();
    let (tracer, values) = (provider.tracer("bench"), Values::unknown());
    (0..BATCH).for_each(|_| child_in(&tracer, &values, &Context::new()));
    let spans = capture
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    assert_eq!(spans.len() as u64, BATCH);
    let resource = ResourceAttributesWithSchema::default();
    Work::new(move |times| {
        for _ in 0..times / BATCH {
            let spans = black_box(spans.clone());
            if encode {
                let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
                black_box(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
            }
        }
    })
}
