//! The `ot` member of a tracestate: threshold and randomness of OpenTelemetry's probability sampling,
//! [TraceState handling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).

use crate::propagation::id::hex_word;
use crate::propagation::trace_state::TraceState;
use crate::sampling::threshold::Threshold;

const KEY: &str = "ot";
const MAX_BYTES: usize = 256;

/// The values of an `ot` member. A malformed member has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OtMember {
    /// The probability with which the trace was sampled (`th`).
    pub(crate) threshold: Option<Threshold>,
    /// The randomness of the trace (`rv`), if it is not that of its id.
    pub(crate) randomness: Option<u64>,
    /// True if `th` or `rv` was present and not understood.
    pub(crate) unread: bool,
}

impl OtMember {
    /// The threshold, unless it contradicts the randomness of its trace, or no plan can produce it.
    pub(crate) fn believed(self, randomness: u64) -> Option<Threshold> {
        (self.threshold).filter(|threshold| threshold.takes(randomness) && threshold.is_plausible())
    }
}

/// Reads the `ot` member of a tracestate. Invalid values count as absent, and are remembered as `unread`.
#[inline]
pub(crate) fn read(state: &TraceState) -> OtMember {
    let mut ot = OtMember::default();
    let Some(member) = state.get(KEY) else {
        return ot;
    };
    if !is_valid(member) {
        ot.unread = true;
        return ot;
    }
    for (key, value) in pairs(member) {
        match key {
            "th" => {
                ot.threshold = Threshold::from_hex(value);
                ot.unread |= ot.threshold.is_none();
            }
            "rv" => {
                let digits = Some(value.as_bytes()).filter(|digits| digits.len() == 14);
                ot.randomness = digits.and_then(hex_word);
                ot.unread |= ot.randomness.is_none();
            }
            _ => {}
        }
    }
    ot
}

/// Returns the tracestate with these values. Other sub-keys of the member are kept if the member was valid.
pub(crate) fn write(state: &TraceState, ot: OtMember) -> TraceState {
    let others = state.get(KEY).filter(|member| is_valid(member));
    let others = pairs(others.unwrap_or_default()).filter(|(key, _)| !matches!(*key, "th" | "rv"));
    let threshold = ot.threshold.map(|threshold| format!("th:{threshold}"));
    let randomness = ot
        .randomness
        .map(|randomness| format!("rv:{randomness:014x}"));
    let mut parts: Vec<String> = [threshold, randomness].into_iter().flatten().collect();
    parts.extend(others.map(|(key, value)| format!("{key}:{value}")));
    let mut member = parts.join(";");
    if member.len() > MAX_BYTES {
        // without room for the threshold an old one must not stay
        parts.retain(|part| !part.starts_with("th:"));
        member = parts.join(";");
    }
    if member.is_empty() {
        return state.without(KEY);
    }
    // it matches the grammar; it can only be too long if the received member was
    state
        .with(KEY, &member)
        .unwrap_or_else(|_| state.without(KEY))
}

fn pairs(member: &str) -> impl Iterator<Item = (&str, &str)> {
    member.split(';').filter_map(|pair| pair.split_once(':'))
}

/// True for distinct keys of lower-case letters and digits with values of letters, digits, dot, underscore and dash.
fn is_valid(member: &str) -> bool {
    let key = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_lowercase())
            && key
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let value = |value: &str| {
        value
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
    };
    let mut pairs = member.split(';').map(|pair| pair.split_once(':'));
    let well_formed = pairs.all(|pair| pair.is_some_and(|(k, v)| key(k) && value(v)));
    well_formed && are_distinct(member)
}

/// Quadratic, but a member has at most 128 keys: a set would cost an allocation.
fn are_distinct(member: &str) -> bool {
    let keys = || member.split(';').filter_map(|pair| pair.split(':').next());
    keys()
        .enumerate()
        .all(|(at, key)| keys().take(at).all(|before| before != key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> TraceState {
        TraceState::parse([text]).unwrap()
    }

    fn threshold(hex: &str) -> Option<Threshold> {
        Threshold::from_hex(hex)
    }

    #[test]
    fn malformed_members_have_no_values() {
        let all = state("a=1,ot=th:c;rv:9b8233f7e3a151");
        assert_eq!(
            read(&all),
            OtMember {
                threshold: threshold("c"),
                randomness: Some(0x9b_8233_f7e3_a151),
                unread: false,
            }
        );
        for text in [
            "ot=th",
            "ot=th:c;th:c",
            "ot=th:c;",
            "ot=Th:c",
            "ot=th:c;x:a b",
            "ot=th:C",
            "ot=rv:9b8233f7e3a15",
            "ot=rv:9B8233F7E3A151",
            "a=1",
        ] {
            let ot = read(&state(text));
            assert_eq!((ot.threshold, ot.randomness), (None, None), "{text}");
            assert_eq!(ot.unread, text != "a=1", "{text}");
        }
    }

    #[test]
    fn what_others_wrote_stays() {
        let ot = OtMember {
            threshold: threshold("8"),
            ..OtMember::default()
        };
        assert_eq!(
            write(&state("a=1,ot=x1:q;th:c,b=2"), ot).as_str(),
            "ot=th:8;x1:q,a=1,b=2"
        );
        assert_eq!(
            write(&state("ot=th:c,b=2"), OtMember::default()).as_str(),
            "b=2"
        );
        assert_eq!(write(&TraceState::EMPTY, ot).as_str(), "ot=th:8");
    }

    #[test]
    fn a_member_that_is_full_takes_no_threshold() {
        let full = format!("ot=x:{}", "v".repeat(254));
        let ot = OtMember {
            threshold: threshold("8"),
            ..OtMember::default()
        };
        assert_eq!(write(&state(&full), ot).as_str(), full);
        let with = format!("ot=th:c;x:{}", "v".repeat(249));
        assert_eq!(
            write(
                &state(&with),
                OtMember {
                    threshold: threshold("c0ffee"),
                    ..OtMember::default()
                }
            )
            .as_str(),
            format!("ot=x:{}", "v".repeat(249))
        );
    }
}
