//! Text that is shown to people.

use std::fmt;

use hopline_core::text::shown;
use proptest::prelude::*;

#[test]
fn what_moves_the_cursor_ends_a_line_or_hides_text_is_escaped() {
    let hostile = [
        ("\u{1b}[31m", r"\u{1b}[31m"),
        ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
        ("\u{9b}2J\u{9d}0;x\u{9c}", r"\u{9b}2J\u{9d}0;x\u{9c}"),
        ("a\r\n\tb\u{85}c", r"a\r\n\tb\u{85}c"),
        ("\u{8}\u{7f}\0", r"\u{8}\u{7f}\u{0}"),
        ("a\u{2028}b\u{2029}c", r"a\u{2028}b\u{2029}c"),
        (
            "\u{202e}\u{2066}\u{200f}\u{61c}",
            r"\u{202e}\u{2066}\u{200f}\u{61c}",
        ),
        (
            "a\u{200b}\u{200d}\u{feff}\u{2060}b",
            r"a\u{200b}\u{200d}\u{feff}\u{2060}b",
        ),
        ("\u{e0041}\u{ad}", r"\u{e0041}\u{ad}"),
    ];
    for (text, wanted) in hostile {
        assert_eq!(shown(text, 100).to_string(), wanted);
    }
}

#[test]
fn readable_text_of_any_language_stays() {
    for text in [
        "",
        "GET /orders/{id}",
        "C:\\dir \"x\"",
        "zażółć",
        "東京　駅",
        "한국어",
        "नमस्ते",
        "e\u{301}",
        "❤\u{fe0f}",
    ] {
        assert_eq!(shown(text, 100).to_string(), text);
    }
}

#[test]
fn a_length_counts_what_is_printed_and_an_escape_is_never_torn() {
    assert_eq!(shown("abcd", 4).to_string(), "abcd");
    assert_eq!(shown("abcde", 4).to_string(), "abcd…");
    assert_eq!(shown("abc\n", 4).to_string(), "abc…");
    assert_eq!(shown("ab\nc", 4).to_string(), r"ab\n…");
    assert_eq!(shown("łłł", 2).to_string(), "łł…");
    assert_eq!(shown("x", 0).to_string(), "…");
}

#[test]
fn a_value_of_endless_text_is_asked_no_longer_than_needed() {
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("ab")?;
            }
        }
    }
    assert_eq!(shown(Endless, 5).to_string(), "ababa…");
}

#[test]
fn showing_allocates_nothing() {
    struct Nowhere;
    impl fmt::Write for Nowhere {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            Ok(())
        }
    }
    let counted = allocation_counter::measure(|| {
        fmt::Write::write_fmt(
            &mut Nowhere,
            format_args!("{}", shown("a\u{1b}b\u{202e}c", 9)),
        )
        .unwrap();
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    #[test]
    fn any_text_is_one_bounded_line_and_shown_twice_the_same(text in "\\PC*|(?s).*", max in 0_usize..40) {
        let once = shown(&text, max).to_string();
        let harmful = |c: char| c.is_control() || "\u{2028}\u{202e}\u{200b}".contains(c);
        prop_assert!(!once.contains(harmful));
        prop_assert!(once.chars().count() <= max + 1);
        prop_assert_eq!(shown(&once, max + 1).to_string(), once);
    }
}
