//! Any text, on its way to a terminal.

use proptest::prelude::*;

use super::*;
use crate::{
    fuzz,
    quote::{MAX_BYTES, Quote},
};

#[test]
fn no_text_controls_the_terminal_or_overflows_its_row() {
    let texts = (
        prop_oneof![
            fuzz::odd_text(),
            prop::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter)
        ],
        0_usize..100,
    );
    fuzz::run("text", &texts, |(text, cells)| {
        let shown = harmless(&text).into_owned();
        prop_assert!(!shown.contains(char::is_control), "{:?}", shown);
        // Without line breaks, which take none, its neighbours may join.
        prop_assert!(
            text.contains('\n') || width(&shown) == width(&text),
            "{:?}",
            shown
        );

        let cut = cut(&text, cells);
        prop_assert!(
            width(&cut) <= cells && !cut.contains(char::is_control),
            "{:?}",
            cut
        );

        for line in [one_line(&text), clause(&text)] {
            prop_assert!(
                !line.contains(char::is_control) && line.trim() == line,
                "{:?}",
                line
            );
            prop_assert!(line.chars().count() <= LONGEST_WORDS);
        }

        let rows = wrap(&text, cells);
        let mut whole = String::new();
        let mut end = 0;
        for row in rows {
            prop_assert!(row.start == end || text[end..row.start] == *"\n");
            whole.push_str(&text[end..row.end]);
            end = row.end;
            let seen = text[row].trim_end();
            prop_assert!(
                width(seen) <= cells.max(1) || seen.graphemes(true).count() <= 1,
                "{:?} is too wide",
                seen
            );
        }
        prop_assert_eq!(&whole, &text);

        if let Ok(quote) = Quote::new(&text) {
            let text = quote.as_str();
            prop_assert!(!text.trim().is_empty() && text.len() <= MAX_BYTES);
            prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(Quote::new(text), Ok(quote.clone()));
        }
        Ok(())
    });
}
