//! W3C Baggage, one test a rule: what a service sends for what it got.

use hopline_core::{Baggage, Context, Incoming, Tracer};
use hopline_test_support::hop::{Lines, hop};

fn sent(lines: &[&str]) -> Option<String> {
    let lines: Vec<_> = lines.iter().map(|line| ("baggage", *line)).collect();
    hop(&Tracer::builder().build(), &lines)
        .one("baggage")
        .map(str::to_owned)
}

fn value(line: &str) -> Option<String> {
    let (baggage, _) = Baggage::parse([line.as_bytes()]);
    baggage.iter().next().map(|(_, value)| value.to_owned())
}

#[test]
fn several_baggage_lines_are_one_list_sent_under_a_lower_case_name() {
    assert_eq!(sent(&["a=1", "b=2,c=3"]).as_deref(), Some("a=1,b=2,c=3"));
    let lines = Lines::new(&[("Baggage", "a=1"), ("BAGGAGE", "b=2")]);
    assert_eq!(Incoming::extract(&lines).baggage.to_string(), "a=1,b=2");
    let many: Vec<String> = (0..1000).map(|i| format!("k{i}=1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        sent(&many).unwrap().split(',').count(),
        64,
        "limits count all lines together"
    );
}

#[test]
fn white_space_is_allowed_around_every_part() {
    assert_eq!(
        sent(&[" a\t=\t1 ; p = v\t;q , b = 2 "]).as_deref(),
        Some("a=1;p=v;q,b=2")
    );
    assert_eq!(
        sent(&["a b=1,c=d e,f=2"]).as_deref(),
        Some("f=2"),
        "but not inside"
    );
}

#[test]
fn keys_are_tokens_and_are_not_decoded() {
    assert_eq!(sent(&["%41=1"]).as_deref(), Some("%41=1"));
    let token = "!#$%&'*+-.^_`|~azAZ09";
    assert_eq!(sent(&[&format!("{token}=1")]), Some(format!("{token}=1")));
    for key in ["a b", "a(b", "a/b", "a@b", "a[b", "a\"b", "\u{e9}", ""] {
        assert_eq!(sent(&[&format!("{key}=1")]), None, "{key}");
    }
}

#[test]
fn characters_not_allowed_in_a_value_are_percent_encoded() {
    for code in 0..=0x7f_u8 {
        let text = char::from(code).to_string();
        let baggage = Baggage::default().with("k", &text).unwrap();
        let plain = matches!(code, 0x21 | 0x23..=0x24 | 0x26..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        let coded = if plain {
            text.clone()
        } else {
            format!("%{code:02X}")
        };
        assert_eq!(baggage.to_string(), format!("k={coded}"));
        assert_eq!(value(&baggage.to_string()), Some(text));
    }
    for odd in ["\"", "\\", " ", "\u{e9}", "\u{7f}"] {
        let line = format!("k=a{odd}b");
        assert_eq!(sent(&[&line]), None, "{odd}");
    }
}

#[test]
fn a_value_may_contain_equals_signs() {
    assert_eq!(value("k=a=b=c").as_deref(), Some("a=b=c"));
    assert_eq!(sent(&["k=a=b;p=c=d"]).as_deref(), Some("k=a=b;p=c=d"));
}

#[test]
fn invalid_utf8_becomes_the_replacement_character() {
    assert_eq!(value("k=%FF%41").as_deref(), Some("\u{fffd}A"));
    assert_eq!(value("k=%E2%82%AC").as_deref(), Some("\u{20ac}"));
    assert_eq!(value("k=%e2%82%ac").as_deref(), Some("\u{20ac}"));
    assert_eq!(value("k=%E2%82").as_deref(), Some("\u{fffd}"));
    assert_eq!(
        value("k=%zz%4").as_deref(),
        Some("%zz%4"),
        "no sequence, so it is itself"
    );
}

#[test]
fn plus_is_not_a_space() {
    assert_eq!(value("k=1+1").as_deref(), Some("1+1"));
    assert_eq!(sent(&["k=1+1"]).as_deref(), Some("k=1+1"));
}

#[test]
fn properties_are_kept() {
    assert_eq!(
        sent(&["k=v;p1;p2=x%20y"]).as_deref(),
        Some("k=v;p1;p2=x%20y")
    );
    assert_eq!(
        sent(&["k=v;p 1,a=1;p=\"q\",b=2;;p"]).as_deref(),
        Some("b=2;p")
    );
}

#[test]
fn baggage_of_64_members_and_8192_bytes_is_sent_whole_and_no_member_in_part() {
    let members: Vec<String> = (0..64)
        .map(|i| format!("k{i:02}={}", "v".repeat(123)))
        .collect();
    let full = members.join(",");
    assert_eq!(full.len(), 64 * 127 + 63);
    let full = format!("{full}{}", "v".repeat(8192 - full.len()));
    assert_eq!(sent(&[&full]), Some(full.clone()));
    assert_eq!(sent(&[&full, "one=more"]), Some(full.clone()), "a 65th");
    assert_eq!(
        sent(&[&format!("{full}v")]),
        Some(members[..63].join(",")),
        "a byte more"
    );
    assert!(
        Baggage::parse([full.as_bytes()])
            .0
            .with("one", "more")
            .is_err()
    );
}

#[test]
fn the_baggage_limit_counts_what_is_sent_and_not_how_it_was_encoded() {
    let members = |value: &str| -> String {
        let member = |at: usize| format!("k{at:02}={}", value.repeat(123));
        (0..64).map(member).collect::<Vec<_>>().join(",")
    };
    assert_eq!(members("v").len(), 8191);
    assert_eq!(
        sent(&[&members("%76")]),
        Some(members("v")),
        "24 kB that are 8"
    );
    let spaced = members("v").replace(',', &format!("{}, ", " ".repeat(1000)));
    assert_eq!(
        sent(&[&spaced]),
        Some(members("v")),
        "and white space does not count"
    );
}

#[test]
fn members_beyond_the_baggage_limits_are_counted() {
    let member = format!("k={}", "v".repeat(8000));
    let lines = vec![member.as_bytes(); 100];
    let (baggage, dropped) = Baggage::parse(lines);
    assert_eq!((baggage.to_string(), dropped), (member, 99));
    let empty = ",".repeat(4000);
    let (baggage, dropped) = Baggage::parse([empty.as_bytes(), b"a=1", empty.as_bytes(), b"b=2"]);
    assert_eq!((baggage.to_string().as_str(), dropped), ("a=1,b=2", 0));
}

#[test]
fn duplicate_baggage_keys_keep_their_order() {
    assert_eq!(sent(&["a=1,b=2,a=3"]).as_deref(), Some("a=1,b=2,a=3"));
    let (twice, _) = Baggage::parse([&b"a=1,b=2,a=3"[..]]);
    assert_eq!(
        twice.with("a", "4").unwrap().to_string(),
        "b=2,a=4",
        "none is made"
    );
}

#[test]
fn a_malformed_member_is_dropped_and_counted() {
    for (line, left, dropped) in [
        ("a=1,nonsense,b=2", "a=1,b=2", 1),
        (",,a=1,,", "a=1", 0),
        ("=1,a=1", "a=1", 1),
        ("\u{1b}[31m=1,a=\u{0},b=2", "b=2", 2),
        ("a=1\r\nx: y", "", 1),
    ] {
        let (baggage, count) = Baggage::parse([line.as_bytes()]);
        assert_eq!(
            (baggage.to_string().as_str(), count),
            (left, dropped),
            "{line:?}"
        );
    }
    let (baggage, count) = Baggage::parse([&b"a=\xff,b=2"[..]]);
    assert_eq!((baggage.to_string().as_str(), count), ("b=2", 1));
}

#[test]
fn baggage_can_be_stripped_from_incoming_and_outgoing_requests() {
    let lines = Lines::new(&[("baggage", "user=7")]);
    assert!(
        Incoming::extract(&lines)
            .without_baggage()
            .baggage
            .is_empty()
    );
    let mut sent = Lines::new(&[("x", "1")]);
    Context::remote(Incoming::extract(&lines)).inject_trace(&mut sent);
    assert_eq!(sent, Lines::new(&[("x", "1")]));
    assert_eq!(
        format!("{:?}", Incoming::extract(&lines).baggage),
        "{\"user\"}",
        "no value in logs"
    );
}

#[test]
fn baggage_is_a_value_that_needs_no_tracer() {
    let one = Baggage::default().with("Key", "\u{20ac}").unwrap();
    let two = one.with("key", "2").unwrap();
    assert_eq!(
        (one.len(), two.len()),
        (1, 2),
        "immutable, and keys differ in case"
    );
    assert_eq!(two.get("Key"), Some("\u{20ac}"));
    assert!(two.without("Key").without("key").is_empty());
    let context = Context::EMPTY.with_baggage(two);
    context.scope(|| assert_eq!(Context::current().baggage().len(), 2));
    assert!(
        context.with_baggage(Baggage::EMPTY).baggage().is_empty(),
        "removable"
    );
}
