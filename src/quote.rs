//! A quote: a text known to be fit to be kept. No I/O and no clock.

use chrono::{DateTime, FixedOffset};

use crate::text;

/// The longest quote, in bytes of UTF-8.
pub const MAX_BYTES: usize = 64 * 1024;

/// A text that may be saved: something in it can be seen, it has at most [`MAX_BYTES`], and no control characters but line breaks
/// and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote(String);

/// Why a text is no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// There is nothing in it that can be seen.
    #[error("the quote is empty")]
    Empty,
    /// It is longer than [`MAX_BYTES`]; `bytes` is its length.
    #[error("the quote is {} long; the limit is {}", text::bytes(*bytes), text::bytes(MAX_BYTES))]
    TooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// It holds a control character, which a terminal would obey and PostgreSQL may refuse (U+0000).
    #[error("the quote contains the control character U+{code:04X} in line {line}")]
    Control {
        /// The character's code point.
        code: u32,
        /// The line it is in, counted from 1.
        line: usize,
    },
}

impl Quote {
    /// Checks a text and makes it a quote. Line ends become `\n`; nothing else is changed.
    ///
    /// # Errors
    /// When nothing in the text can be seen, it is too long, or it holds a control character other than line break and tab.
    pub fn new(text: &str) -> Result<Self, QuoteError> {
        let text = text::line_ends(text);
        if text.chars().all(is_unseen) {
            return Err(QuoteError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(QuoteError::TooLong { bytes: text.len() });
        }
        for (number, line) in text.split('\n').enumerate() {
            if let Some(c) = line.chars().find(|c| c.is_control() && *c != '\t') {
                return Err(QuoteError::Control {
                    code: c.into(),
                    line: number + 1,
                });
            }
        }
        Ok(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says whether a character leaves no mark on any screen: white space, and what is there to join, part and turn others.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// A quote as the database holds it. Other programs write to the same table, so the text may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The text, byte for byte.
    pub text: String,
    /// When it was saved, in the local time zone of this machine.
    pub saved_at: DateTime<FixedOffset>,
}

/// How a save ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// The row now holds the text.
    Saved(Saved),
    /// The row is not what the text was based on: nothing was written. `None` means that it was deleted.
    Conflict(Option<Saved>),
}

/// How a delete ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The row is gone (also when it was gone before).
    Deleted,
    /// The row is not what was on the screen: nothing was deleted.
    Conflict(Saved),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_keeps_its_text_and_only_its_line_ends_are_made_one() {
        assert_eq!(
            Quote::new("  a\r\nb\rc\td ").map(|q| q.as_str().to_owned()),
            Ok("  a\nb\nc\td ".into())
        );
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_reason() {
        let too_long = "x".repeat(MAX_BYTES + 1);
        for (text, error) in [
            ("", QuoteError::Empty),
            (" \n\t\u{2003}", QuoteError::Empty),
            ("\u{200b}", QuoteError::Empty),
            ("\u{feff}\u{2060} \u{ad}\u{200f}", QuoteError::Empty),
            ("\u{3164}\u{2800}\u{fe0f}", QuoteError::Empty),
            (
                too_long.as_str(),
                QuoteError::TooLong {
                    bytes: MAX_BYTES + 1,
                },
            ),
            ("a\0b", QuoteError::Control { code: 0, line: 1 }),
            ("\0", QuoteError::Control { code: 0, line: 1 }),
            (
                "a\n\x1b[31mb",
                QuoteError::Control {
                    code: 0x1b,
                    line: 2,
                },
            ),
            (
                "\u{9b}31m",
                QuoteError::Control {
                    code: 0x9b,
                    line: 1,
                },
            ),
        ] {
            assert_eq!(Quote::new(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_longest_quote_is_taken() {
        assert!(Quote::new(&"x".repeat(MAX_BYTES)).is_ok());
    }
}
