//! Text from untrusted sources, made safe to print, and cutting of text.
//!
//! Names, messages and values of spans come from requests, peers and databases. Code that prints them for people
//! (trees, tables, notices, the console) passes them through [`shown`].

use std::fmt::{self, Display, Write};

/// Makes text safe to print on a terminal or in a log: one line, in reading order, and bounded.
///
/// Escapes characters that could forge a line or hide text, in the form of Rust (`\n`, `\u{1b}`): control characters
/// (including ESC and the C1 set), line and paragraph separators, bidirectional controls, and characters without width
/// (so a joined emoji is shown in parts). Other characters are unchanged, backslashes included: the result is for
/// reading, not for parsing. Prints up to `max` characters, in which those of an escape count; `…` marks a cut.
///
/// Allocates nothing, and stops reading from the value once `max` is reached.
///
/// # Examples
///
/// ```
/// use hopline_core::text::shown;
///
/// assert_eq!(shown("orders\n2026-01-01 ok", 40).to_string(), r"orders\n2026-01-01 ok");
/// assert_eq!(shown("\u{1b}[2J\u{202e}live", 40).to_string(), r"\u{1b}[2J\u{202e}live");
/// assert_eq!(shown(format_args!("{}", "x".repeat(50)), 4).to_string(), "xxxx…");
/// assert_eq!(shown("zażółć 東京 C:\\", 40).to_string(), "zażółć 東京 C:\\");
/// ```
pub fn shown<T: Display>(text: T, max: usize) -> impl Display {
    Shown { text, max }
}

/// Shortens text to at most `max` bytes, at the boundary of a character.
///
/// # Examples
///
/// ```
/// use hopline_core::text::truncated;
///
/// assert_eq!(truncated("orders", 3), "ord");
/// assert_eq!(truncated("caf\u{e9}", 4), "caf", "the last letter has two bytes");
/// ```
#[inline]
pub fn truncated(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

struct Shown<T> {
    text: T,
    max: usize,
}

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line {
            out: f,
            left: self.max,
            cut: false,
        };
        match write!(line, "{}", self.text) {
            // the error with which the line ended the value's own formatting
            Err(_) if line.cut => f.write_char('…'),
            done => done,
        }
    }
}

/// The text written so far, and the number of characters that may follow.
struct Line<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
    cut: bool,
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        // from here on nothing is written yet
        let mut from = 0;
        for (at, c) in text.char_indices() {
            let escape = is_harmful(c).then(|| c.escape_default());
            let length = escape.as_ref().map_or(1, ExactSizeIterator::len);
            if length > self.left {
                self.cut = true;
                self.out.write_str(&text[from..at])?;
                return Err(fmt::Error);
            }
            self.left -= length;
            if let Some(escape) = escape {
                self.out.write_str(&text[from..at])?;
                escape.fmt(self.out)?;
                from = at + c.len_utf8();
            }
        }
        self.out.write_str(&text[from..])
    }
}

/// True for what moves the cursor, ends the line, turns the direction of reading or cannot be seen.
fn is_harmful(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        // zero widths and marks of direction; separators, embeddings and overrides; joiners, isolates
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // tags and the variation selectors beyond the first sixteen
        | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(truncated("a\u{e9}b", 2), "a");
        assert_eq!(truncated("a\u{e9}b", 3), "a\u{e9}");
        assert_eq!(truncated("\u{20ac}", 2), "");
    }
}
