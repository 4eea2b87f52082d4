//! Two texts, one over the other.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centred, inner, put, theme};
use crate::{
    app::{Conflict, Model, geometry, words},
    text,
};

pub(super) fn draw(model: &Model, conflict: &Conflict, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let (mine, theirs) = geometry::conflict_rows(model, conflict);
    let halves = geometry::halves(model, mine, theirs);
    let left = centred(area, halves.columns + 2);
    let mut row = 0;

    if halves.airy {
        let question = match (&conflict.mine.based_on, &conflict.theirs) {
            (Some(_), Some(_)) => {
                "Your quote was changed elsewhere. Which one do you want to keep?"
            }
            (None, Some(_)) => "There is already a quote. Which one do you want to keep?",
            (_, None) => "Your quote was deleted elsewhere. Do you want to keep your text?",
        };
        put(buffer, area, (left, 1), question, theme::STRONG);
        row = 3;
    }
    let mut block = |heading: &str, body: &str, height: usize, style: Style| {
        put(buffer, area, (left, row), heading, theme::QUIET);
        let rows = text::wrap(body, halves.columns);
        // Both are scrolled together; the shorter one stops at its end.
        let first = conflict.scroll.min(rows.len().saturating_sub(height));
        for (at, range) in rows.into_iter().skip(first).take(height).enumerate() {
            put(
                buffer,
                area,
                (left + 2, row + 1 + at),
                body[range].trim_end(),
                style,
            );
        }
        row += 1 + height + usize::from(halves.airy);
    };
    block(
        "Yours, not saved:",
        conflict.mine.editor.text(),
        halves.mine,
        theme::STRONG,
    );
    match &conflict.theirs {
        Some(theirs) => {
            let heading = format!("The other, {}:", words::saved_at(&theirs.saved_at));
            block(&heading, &theirs.text, halves.theirs, theme::STRONG);
        }
        None => block("The other:", "(none)", halves.theirs, theme::QUIET),
    }
}
