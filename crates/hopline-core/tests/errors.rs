//! Errors printed by `Debug`, as `main` and `unwrap` do: they show their message.

use std::error::Error;

use hopline_core::{
    Baggage, InstallError, SamplingPlan, SpanContext, TraceId, Tracer, export::FlushError,
    propagation::TraceState,
};

#[test]
fn an_error_prints_its_sentence_also_by_debug() {
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(already_installed()),
        Box::new(FlushError::timed_out()),
        Box::new(FlushError::failed()),
        Box::new(TraceId::from_hex("0").unwrap_err()),
        Box::new("nonsense".parse::<SpanContext>().unwrap_err()),
        Box::new(TraceState::default().with("no key", "").unwrap_err()),
        Box::new(Baggage::default().with("no token", "").unwrap_err()),
        Box::new("most of it".parse::<SamplingPlan>().unwrap_err()),
    ];
    for error in errors {
        let sentence = error.to_string();
        assert!(sentence.contains(' '), "{sentence}");
        assert_eq!(format!("{error:?}"), sentence);
        assert_eq!(format!("{error:#?}"), sentence);
    }
}

fn already_installed() -> InstallError {
    let tracer = Tracer::builder().build();
    tracer.install().unwrap();
    tracer.install().unwrap_err()
}
