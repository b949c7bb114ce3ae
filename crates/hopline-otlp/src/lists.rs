//! Lists of `key=value` in variables: resource attributes and headers.
//!
//! The format is that of W3C baggage without properties, as the OpenTelemetry specification defines it for both.
//!
//! Read by the resource (`OTEL_RESOURCE_ATTRIBUTES`) and by the exporter's settings (`OTEL_EXPORTER_OTLP_HEADERS`).

use crate::bytes_text::percent_decoded;

/// The members of `key=value,key=value`, percent-decoded; `None` for a member that is malformed.
///
/// Keys are decoded as well, as the resource specification asks. A `,` or `=` in a value is written `%2C` or `%3D`.
pub(crate) fn pairs(list: &str) -> impl Iterator<Item = Option<(String, String)>> {
    members(list).map(|member| {
        let (key, value) = member?;
        let key = percent_decoded(key)?;
        Some((key, percent_decoded(value)?))
    })
}

/// The members of `key=value,key=value`, trimmed and not decoded; `None` for a member that is malformed.
///
/// Malformed is a member without `=` or with an empty key. Empty members, such as after a trailing comma, are skipped.
/// The first `=` separates, so a value may hold more of them, as base64 does.
pub(crate) fn members(list: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    let members = list
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty());
    members.map(|member| {
        let (key, value) = member.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then_some((key, value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_trimmed_and_malformed_ones_are_reported() {
        let read: Vec<_> = members("a=1, b = x=y ,,=1,c").collect();
        assert_eq!(read, [Some(("a", "1")), Some(("b", "x=y")), None, None]);
        let decoded: Vec<_> = pairs("a%20b=c%2C,d=%zz").collect();
        assert_eq!(decoded, [Some(("a b".to_owned(), "c,".to_owned())), None]);
    }
}
