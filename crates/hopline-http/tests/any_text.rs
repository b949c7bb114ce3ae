//! Hosts and names of any kind.

use hopline_http::{Host, SpanName, grpc, is_internal_host};
use proptest::prelude::*;

proptest! {
    #[test]
    fn anything_is_answered(text in any::<String>()) {
        let _ = (grpc::method(&text), Host::parse(&text), is_internal_host(&text), SpanName::new(&text, Some(&text)));
    }
}
