//! Text as a terminal shows it: made harmless, measured in cells, wrapped to a width; and a time with its zone. Pure, but for
//! what the one terminal has said of its widths.

use std::{
    borrow::Cow,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, FixedOffset};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub(crate) mod difference;

/// A tab is shown as this.
const TAB: &str = "    ";

/// Stands for a character that must not reach a terminal and has no picture of its own.
const REPLACEMENT: &str = "\u{FFFD}";

/// What a server has to say to a person is shorter; whatever is longer is meant for someone else.
const LONGEST_WORDS: usize = 300;

/// Whether the terminal gives two cells to characters whose width Unicode calls ambiguous (UAX 11), as those of East Asia may.
static AMBIGUOUS_IS_WIDE: AtomicBool = AtomicBool::new(false);

/// Tells what the terminal has answered. There is one for the process.
pub(crate) fn ambiguous_is_wide(wide: bool) {
    AMBIGUOUS_IS_WIDE.store(wide, Ordering::Relaxed);
}

/// Says which of the two ways of measuring holds now.
pub(crate) fn measures_wide() -> bool {
    AMBIGUOUS_IS_WIDE.load(Ordering::Relaxed)
}

/// Returns what stands for a grapheme on the screen, and how many cells it takes.
///
/// Control characters become their pictures; what turns the direction of the text around becomes U+FFFD,
/// because it could make a text look like another one.
#[must_use]
pub(crate) fn shown(grapheme: &str) -> (Cow<'_, str>, usize) {
    let mut chars = grapheme.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else {
        return (Cow::Borrowed(""), 0);
    };
    match first {
        '\t' => (Cow::Borrowed(TAB), TAB.len()),
        '\n' => (Cow::Borrowed(""), 0),
        '\r' if second == Some('\n') => (Cow::Borrowed(""), 0),
        '\x7f' => (Cow::Borrowed("\u{2421}"), 1),
        '\0'..='\x1f' => {
            let picture = char::from_u32(0x2400 + u32::from(first)).unwrap_or('\u{FFFD}');
            (Cow::Owned(picture.to_string()), 1)
        }
        '\u{80}'..='\u{9f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => (Cow::Borrowed(REPLACEMENT), 1),
        _ => (Cow::Borrowed(grapheme), width_of(grapheme)),
    }
}

/// Measures one grapheme as the screen's buffer does: terminals give the halfwidth sound marks a cell of their own.
fn width_of(grapheme: &str) -> usize {
    if grapheme.len() == 1 {
        return 1;
    }
    if measures_wide() {
        return grapheme.width_cjk();
    }
    let sound_marks = grapheme
        .chars()
        .filter(|c| matches!(c, '\u{FF9E}' | '\u{FF9F}'))
        .count();
    grapheme.width() + sound_marks
}

/// Returns how many cells a text takes on one row.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    text.graphemes(true).map(|g| shown(g).1).sum()
}

/// Returns the graphemes of a text that is harmless, and how many cells each takes.
pub(crate) fn graphemes(harmless: &str) -> impl Iterator<Item = (&str, usize)> {
    // Most texts: nothing has to be looked up in tables.
    let plain = is_plain(harmless);
    let mut next = 0..harmless.len();
    let mut graphemes = harmless.graphemes(true);
    std::iter::from_fn(move || {
        if plain {
            let at = next.next()?;
            return Some((&harmless[at..=at], 1));
        }
        graphemes.next().map(|grapheme| (grapheme, width(grapheme)))
    })
}

/// Returns a row of text as it may be sent to a terminal.
#[must_use]
pub(crate) fn harmless(row: &str) -> Cow<'_, str> {
    if is_plain(row) {
        return Cow::Borrowed(row);
    }
    Cow::Owned(row.graphemes(true).map(|g| shown(g).0).collect())
}

/// Makes a stranger's words fit for a sentence: one line, nothing that a terminal obeys or that reorders or hides text,
/// and not long.
#[must_use]
pub(crate) fn one_line(words: &str) -> String {
    let harmless = |c: char| {
        // Joiners stay: names in Persian and families in emoji need them.
        let unseen = matches!(
            c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        );
        if c.is_control() || unseen { ' ' } else { c }
    };
    let start: String = words
        .chars()
        .take(4 * LONGEST_WORDS)
        .map(harmless)
        .collect();
    let line = start.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_WORDS).collect()
}

/// As [`one_line`], without the full stop: for a sentence of our own to end with.
#[must_use]
pub(crate) fn clause(words: &str) -> String {
    let mut line = one_line(words);
    line.truncate(line.trim_end_matches(['.', ' ']).len());
    line
}

/// Makes the line ends of a text those of this program, whichever system wrote it.
#[must_use]
pub(crate) fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Wraps a text as [`wrap`] does, into rows without the blanks at their ends.
pub(crate) fn rows(text: &str, cells: usize) -> impl Iterator<Item = &str> {
    let rows = wrap(text, cells).into_iter();
    rows.map(move |row| text[row].trim_end())
}

/// Begins a sentence with words.
#[must_use]
pub(crate) fn capital(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// Writes a number of bytes: "1,000 bytes".
#[must_use]
pub(crate) fn bytes(count: usize) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    format!("{} bytes", groups.join(","))
}

/// Returns a text on one row, harmless, and cut with an ellipsis where it is wider than `cells`.
#[must_use]
pub(crate) fn cut(text: &str, cells: usize) -> String {
    let text = text.replace(['\r', '\n'], " ");
    if width(&text) <= cells {
        return harmless(&text).into_owned();
    }
    let mut room = cells.saturating_sub(1);
    let mut kept: String = text
        .graphemes(true)
        .map(shown)
        .take_while(|(_, width)| {
            let fits = *width <= room;
            room = room.saturating_sub(*width);
            fits
        })
        .map(|(grapheme, _)| grapheme)
        .collect();
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// Wraps a text to rows of at most `cells` cells, as byte ranges of the text.
///
/// A row ends after white space or a wide character where it can, else between two graphemes. White space at
/// the end of a row may hang over. There is always at least one row.
#[must_use]
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap_line(line, start, cells, &mut rows);
        start += line.len() + 1;
    }
    rows
}

/// Wraps one line that starts at byte `offset` of its text, and appends its rows.
pub(crate) fn wrap_line(line: &str, offset: usize, cells: usize, rows: &mut Vec<Range<usize>>) {
    wrap_line_until(line, offset, cells, rows, |_| false);
}

/// As [`wrap_line`], but stops before a row that starts where `known` says that the rest is known. Says whether it did.
pub(crate) fn wrap_line_until(
    line: &str,
    offset: usize,
    cells: usize,
    rows: &mut Vec<Range<usize>>,
    known: impl FnMut(usize) -> bool,
) -> bool {
    let cells = cells.max(1);
    if is_plain(line) {
        // Most texts: nothing has to be looked up in tables.
        let pieces = line.bytes().enumerate().map(|(at, byte)| Piece {
            range: at..at + 1,
            width: 1,
            blank: byte == b' ',
        });
        wrap_pieces(pieces, offset, cells, rows, known)
    } else {
        let pieces = line.grapheme_indices(true).map(|(at, grapheme)| Piece {
            range: at..at + grapheme.len(),
            width: shown(grapheme).1,
            blank: grapheme.chars().all(char::is_whitespace),
        });
        wrap_pieces(pieces, offset, cells, rows, known)
    }
}

/// A grapheme, as far as wrapping is concerned.
struct Piece {
    range: Range<usize>,
    width: usize,
    blank: bool,
}

fn wrap_pieces(
    pieces: impl Iterator<Item = Piece>,
    offset: usize,
    cells: usize,
    rows: &mut Vec<Range<usize>>,
    mut known: impl FnMut(usize) -> bool,
) -> bool {
    let (mut start, mut end) = (0, 0);
    let mut used = 0;
    // The last place where the row may end, and how much of the row lies before it.
    let mut gap = None;
    for piece in pieces {
        let at = piece.range.start;
        // Twice where a wide character does not fit behind the word that goes on with it either.
        while used + piece.width > cells && !piece.blank && at > start {
            let (cut, behind) = match gap {
                Some((cut, before)) if cut > start => (cut, used - before),
                _ => (at, 0),
            };
            rows.push(offset + start..offset + cut);
            if known(offset + cut) {
                return true;
            }
            start = cut;
            used = behind;
            gap = None;
        }
        used += piece.width;
        end = piece.range.end;
        if piece.blank || piece.width > 1 {
            gap = Some((end, used));
        }
    }
    rows.push(offset + start..offset + end);
    false
}

/// Says whether every byte is one grapheme of one cell that may be shown as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Returns a time of day with its zone: over SSH that may be another one than the person's.
pub(crate) fn time_of_day(at: &DateTime<FixedOffset>) -> String {
    let time = at.format("%H:%M UTC");
    let minutes = at.offset().local_minus_utc() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => time.to_string(),
        (hours, 0) => format!("{time}{sign}{hours}"),
        (hours, rest) => format!("{time}{sign}{hours}:{rest:02}"),
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_names_its_zone() {
        for (at, told) in [
            ("2026-05-03T14:32:00+02:00", "14:32 UTC+2"),
            ("2026-05-03T09:05:00-03:30", "09:05 UTC-3:30"),
            ("2026-05-03T14:32:59+00:00", "14:32 UTC"),
        ] {
            let at = DateTime::parse_from_rfc3339(at).expect("a time");
            assert_eq!(time_of_day(&at), told);
        }
    }

    fn rows(text: &str, cells: usize) -> Vec<&str> {
        wrap(text, cells)
            .into_iter()
            .map(|row| &text[row])
            .collect()
    }

    #[test]
    fn a_text_is_wrapped_between_words_where_it_can_be() {
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("one two", 3), ["one ", "two"]);
        assert_eq!(rows("unbreakable", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(rows("a\n\nb\n", 4), ["a", "", "b", ""]);
        assert_eq!(rows("", 4), [""]);
        assert_eq!(rows("ab", 0), ["a", "b"]);
    }

    #[test]
    fn wide_characters_and_families_are_never_split() {
        assert_eq!(rows("日本語", 4), ["日本", "語"]);
        assert_eq!(rows("👨‍👩‍👧👨‍👩‍👧", 3), ["👨‍👩‍👧", "👨‍👩‍👧"]);
        assert_eq!(rows("日", 1), ["日"]);
        assert_eq!(rows("see 日本語", 7), ["see 日", "本語"]);
        assert_eq!(rows(" ab日", 3), [" ", "ab", "日"]);
        assert_eq!(rows(" word日", 5), [" ", "word", "日"]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(harmless("a\x1b[31mb"), "a␛[31mb");
        assert_eq!(harmless("\u{9b}31m\u{7f}\0"), "\u{FFFD}31m␡␀");
        assert_eq!(harmless("\u{202e}live\u{2066}"), "\u{FFFD}live\u{FFFD}");
        assert_eq!(harmless("a\tb"), "a    b");
        assert_eq!(cut("two\r\nlines", 20), "two  lines");
    }

    #[test]
    fn a_strangers_words_become_one_short_harmless_line() {
        assert_eq!(
            one_line("a\u{1b}[31m b\r\nc\u{9b}d\u{202e}e."),
            "a [31m b c d e."
        );
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), LONGEST_WORDS);
        assert_eq!(one_line("\u{7}\n"), "");
        assert_eq!(clause("a\x1b[31mb\nc. "), "a [31mb c");
    }

    #[test]
    fn what_is_too_wide_is_cut_with_an_ellipsis() {
        assert_eq!(cut("James Joyce", 11), "James Joyce");
        assert_eq!(cut("James Joyce", 6), "James…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("James", 0), "");
    }

    #[test]
    fn widths_are_those_of_the_screen_buffer() {
        use ratatui::{buffer::Buffer, layout::Rect, style::Style};

        for text in [
            "plain",
            "é",
            "日本",
            "👨‍👩‍👧",
            "🇩🇪",
            "❤️",
            "ｶﾞ",
            "👍🏽",
            "e\u{301}",
            "\u{200b}x",
            "\t|",
            "\u{ad}-",
            "\u{1b}",
            "क्षि",
            "\u{2028}",
        ] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 1));
            let (end, _) = buffer.set_stringn(0, 0, harmless(text), 40, Style::new());
            assert_eq!(width(text), usize::from(end), "{text:?}");
        }
    }
}
