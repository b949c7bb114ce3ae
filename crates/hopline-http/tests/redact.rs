//! URLs and hosts of any kind.

use hopline_http::{Host, Redaction, SpanName, grpc, is_internal_host};
use proptest::prelude::*;

proptest! {
    #[test]
    fn anything_is_answered(text in any::<String>()) {
        let usual = Redaction::default();
        let _ = (usual.query(&text), grpc::method(&text), Host::parse(&text), is_internal_host(&text), SpanName::new(&text, Some(&text)));
        let once = usual.url(&text).into_owned();
        prop_assert_eq!(usual.url(&once), once.as_str(), "what is redacted stays so");
        let path = usual.path(&text).into_owned();
        prop_assert_eq!(usual.path(&path), path.as_str());
    }

    #[test]
    fn no_user_and_no_secret_value_survives(
        user in "[a-z:@%]{0,8}",
        host in "[a-z.]{1,12}",
        path in "(/[a-z@]{0,5}){0,3}",
        key in "(access_token|sig|user\\[password\\]|X-Amz-Signature|api_key|code)",
        other in "[a-z]{1,3}=[a-z0-9]{1,5}",
    ) {
        let url = format!("https://{user}SECRETMARKER@{host}{path}?{other}&{key}=SECRETMARKER#top");
        let redacted = Redaction::default();
        let redacted = redacted.url(&url);
        prop_assert!(!redacted.contains("SECRETMARKER"), "{}", redacted);
        prop_assert!(redacted.ends_with("#top") && redacted.contains(&host));
    }
}
