//! URLs and hosts of any kind.

use hopline_http::{Host, SpanName, is_internal_host, redact_query, redact_url};
use proptest::prelude::*;

proptest! {
    #[test]
    fn anything_is_answered(text in any::<String>()) {
        let _ = (redact_query(&text), Host::parse(&text), is_internal_host(&text), SpanName::new(&text, Some(&text)));
        let once = redact_url(&text).into_owned();
        prop_assert_eq!(redact_url(&once), once.as_str(), "what is redacted stays so");
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
        let redacted = redact_url(&url);
        prop_assert!(!redacted.contains("SECRETMARKER"), "{}", redacted);
        prop_assert!(redacted.ends_with("#top") && redacted.contains(&host));
    }
}
