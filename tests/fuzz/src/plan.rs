//! The text of a sampling plan.

use hopline_core::{Incoming, SamplingPlan, SpanBuilder, SpanKind, Tracer};

/// A text is a plan that prints back as it parses and that can be worked by, or an error that points into the text.
pub fn plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let plan: SamplingPlan = match text.parse() {
        Ok(plan) => plan,
        Err(error) => {
            assert!(error.to_string().contains(": expected "), "{error}");
            return;
        }
    };
    let printed = plan.to_string();
    let again = printed.parse::<SamplingPlan>();
    assert_eq!(again.as_ref(), Ok(&plan), "{printed}");
    assert_eq!(again.map(|again| again.to_string()), Ok(printed));
    // few inputs are worth the threads' and pools' start that a tracer costs
    if text.len() < 64 {
        decide(plan);
    }
}

fn decide(plan: SamplingPlan) {
    let tracer = Tracer::builder().plan(plan).build();
    for (path, kind) in [("/orders/7", SpanKind::Server), ("/", SpanKind::Consumer)] {
        let mut request = SpanBuilder::new("request")
            .kind(kind)
            .method("GET")
            .path(path)
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        request.in_scope(|| SpanBuilder::new("call").start().end());
        request.end();
    }
}
