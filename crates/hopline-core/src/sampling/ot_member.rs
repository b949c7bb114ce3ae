//! The `ot` member of a tracestate,
//! [TraceState handling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).

use crate::propagation::id::hex_word;
use crate::propagation::trace_state::TraceState;
use crate::sampling::threshold::Threshold;

const KEY: &str = "ot";
const MAX_BYTES: usize = 256;

/// What the samplers before this one have said. A malformed member says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// By which share the trace was sampled.
    pub(crate) threshold: Option<Threshold>,
    /// The trace's randomness, where it is not that of its id.
    pub(crate) randomness: Option<u64>,
    /// True if there is something that was not understood where these two stand.
    pub(crate) unread: bool,
}

impl Said {
    /// The threshold, unless it contradicts the randomness of a trace that it is said to have taken, or is one that no
    /// plan makes.
    pub(crate) fn believed(self, randomness: u64) -> Option<Threshold> {
        (self.threshold).filter(|threshold| threshold.takes(randomness) && threshold.is_plausible())
    }
}

#[inline]
pub(crate) fn read(state: &TraceState) -> Said {
    let mut said = Said::default();
    let Some(member) = state.get(KEY) else {
        return said;
    };
    if !is_valid(member) {
        said.unread = true;
        return said;
    }
    for (key, value) in pairs(member) {
        match key {
            "th" => {
                said.threshold = Threshold::from_hex(value);
                said.unread |= said.threshold.is_none();
            }
            "rv" => {
                let digits = Some(value.as_bytes()).filter(|digits| digits.len() == 14);
                said.randomness = digits.and_then(hex_word);
                said.unread |= said.randomness.is_none();
            }
            _ => {}
        }
    }
    said
}

/// The same tracestate saying this; what else stands in the member stays, if the member was valid.
pub(crate) fn write(state: &TraceState, said: Said) -> TraceState {
    let others = state.get(KEY).filter(|member| is_valid(member));
    let others = pairs(others.unwrap_or_default()).filter(|(key, _)| !matches!(*key, "th" | "rv"));
    let threshold = said.threshold.map(|threshold| format!("th:{threshold}"));
    let randomness = said
        .randomness
        .map(|randomness| format!("rv:{randomness:014x}"));
    let mut parts: Vec<String> = [threshold, randomness].into_iter().flatten().collect();
    parts.extend(others.map(|(key, value)| format!("{key}:{value}")));
    let mut member = parts.join(";");
    if member.len() > MAX_BYTES {
        // no room to say it: then nothing untrue may stay either
        parts.retain(|part| !part.starts_with("th:"));
        member = parts.join(";");
    }
    if member.is_empty() {
        return state.without(KEY);
    }
    // it is of the grammar; if it is still too long, what came was
    state
        .with(KEY, &member)
        .unwrap_or_else(|_| state.without(KEY))
}

fn pairs(member: &str) -> impl Iterator<Item = (&str, &str)> {
    member.split(';').filter_map(|pair| pair.split_once(':'))
}

/// Distinct keys of lower-case letters and digits, values of letters, digits, dot, underscore and dash.
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

/// At most 256 bytes, so at most 128 keys: no set is worth its allocation.
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
    fn malformed_members_say_nothing() {
        let all = state("a=1,ot=th:c;rv:9b8233f7e3a151");
        assert_eq!(
            read(&all),
            Said {
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
            let said = read(&state(text));
            assert_eq!((said.threshold, said.randomness), (None, None), "{text}");
            assert_eq!(said.unread, text != "a=1", "{text}");
        }
    }

    #[test]
    fn what_others_wrote_stays() {
        let said = Said {
            threshold: threshold("8"),
            ..Said::default()
        };
        assert_eq!(
            write(&state("a=1,ot=x1:q;th:c,b=2"), said).as_str(),
            "ot=th:8;x1:q,a=1,b=2"
        );
        assert_eq!(
            write(&state("ot=th:c,b=2"), Said::default()).as_str(),
            "b=2"
        );
        assert_eq!(write(&TraceState::EMPTY, said).as_str(), "ot=th:8");
    }

    #[test]
    fn a_member_that_is_full_takes_no_threshold() {
        let full = format!("ot=x:{}", "v".repeat(254));
        let said = Said {
            threshold: threshold("8"),
            ..Said::default()
        };
        assert_eq!(write(&state(&full), said).as_str(), full);
        let with = format!("ot=th:c;x:{}", "v".repeat(249));
        assert_eq!(
            write(
                &state(&with),
                Said {
                    threshold: threshold("c0ffee"),
                    ..Said::default()
                }
            )
            .as_str(),
            format!("ot=x:{}", "v".repeat(249))
        );
    }
}
