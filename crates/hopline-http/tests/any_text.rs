//! Hosts and names of any kind.

use hopline_http::{Host, SpanName, grpc};
use proptest::prelude::*;

proptest! {
    #[test]
    fn anything_is_answered(text in any::<String>()) {
        let host = Host::parse(&text).map(|host| host.is_internal());
        let _ = (grpc::method(&text), host, SpanName::new(&text, Some(&text)));
    }
}
