//! Where messages go, and how that is named.

use std::borrow::Cow;

use hopline_core::SpanNames;

/// `messaging.destination.name`: exchange, routing key and queue, without those that are empty or say nothing new.
pub(crate) fn destination(exchange: &str, key: &str, queue: Option<&str>) -> String {
    let queue = queue.filter(|queue| *queue != key);
    let parts: Vec<&str> = [Some(exchange), Some(key), queue]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        "amq.default".to_owned()
    } else {
        parts.join(":")
    }
}

/// The span's name. Names that a broker made up for a queue are not in it: there would be no end of them.
pub(crate) fn span_name(
    names: SpanNames,
    operation: &'static str,
    destination: &str,
) -> Cow<'static, str> {
    match (names, operation) {
        (SpanNames::Hopline, "publish") => "publish.message".into(),
        (SpanNames::Hopline, "receive") => "receive.message".into(),
        (SpanNames::Hopline, _) => "process.message".into(),
        (SpanNames::Conventions, operation) => {
            let lasting = destination
                .split(':')
                .filter(|part| !part.starts_with("amq.gen-"))
                .collect::<Vec<_>>();
            if lasting.is_empty() {
                operation.into()
            } else {
                format!("{operation} {}", lasting.join(":")).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_no_empty_and_no_double_parts() {
        assert_eq!(destination("", "orders", None), "orders");
        assert_eq!(
            destination("shop", "order.placed", Some("mails")),
            "shop:order.placed:mails"
        );
        assert_eq!(destination("", "orders", Some("orders")), "orders");
        assert_eq!(destination("", "", None), "amq.default");
    }

    #[test]
    fn made_up_names_are_not_in_span_names() {
        let name = |destination| span_name(SpanNames::Conventions, "process", destination);
        assert_eq!(name("shop:order.placed"), "process shop:order.placed");
        assert_eq!(name("amq.gen-JzTY20BRgKO"), "process");
        assert_eq!(
            span_name(SpanNames::Hopline, "process", "x"),
            "process.message"
        );
    }
}
