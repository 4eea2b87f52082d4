//! The quote, set as a quote, or the place for one.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{draw_mark, frame::Foot, is_in, pane_area, put, theme, told};
use crate::{
    app::{
        Desk, Model,
        geometry::{self, Layout, Place, QuoteRow},
        words,
    },
    quote::Saved,
    text,
    typeset::typeset,
};

pub(super) fn draw(model: &Model, desk: &Desk, buffer: &mut Buffer) -> (Place, Foot) {
    match &desk.saved {
        Some(saved) => draw_saved(model, desk, saved, buffer),
        None => draw_place(model, desk, buffer),
    }
}

fn draw_saved(model: &Model, desk: &Desk, saved: &Saved, buffer: &mut Buffer) -> (Place, Foot) {
    let place = geometry::text_place(model, &saved.text);
    let set = typeset(&saved.text);
    let rows = geometry::rows_of_quote(model, &place, &set);
    let first = desk.scroll.min(rows.len() - 1);
    let seen = rows.iter().skip(first).take(place.rows.into());
    let shown = seen.len();
    let area = pane_area(model);
    if first == 0 {
        draw_mark(model, &place, buffer);
    }
    let layout = Layout::of(model);
    for (number, row) in seen.enumerate() {
        let at = is_in(area, (place.left, usize::from(place.top) + number));
        // No other sign says that it goes on.
        let goes_on = number + 1 == shown && first + shown < rows.len();
        let is_unmarked = goes_on && !layout.framed && !place.has_foot;
        match row {
            QuoteRow::Words(words) if is_unmarked => {
                let words = text::cut(&format!("{words}…"), place.columns.into());
                put(buffer, area, at, &words, theme::STRONG);
            }
            QuoteRow::Words(words) => put(buffer, area, at, words, theme::STRONG),
            QuoteRow::Gap => {}
            QuoteRow::Author { name, is_first } => {
                let dash = if *is_first { geometry::AUTHOR_DASH } else { "" };
                let indent = text::width(geometry::AUTHOR_DASH);
                put(buffer, area, at, dash, theme::QUIET);
                put(buffer, area, (at.0 + indent, at.1), name, theme::QUIET);
            }
        }
    }
    told::under(model, &place, shown, buffer);

    let date = words::saved(&saved.saved_at);
    let right = if desk.draft.is_some() {
        let waits = "a draft is waiting";
        vec![format!("{waits} · {}", date[1]), waits.to_owned()]
    } else {
        date.to_vec()
    };
    let foot = Foot {
        left: rows_in_sight(first, shown, rows.len(), place.columns),
        right,
        ..Foot::default()
    };
    (place, foot)
}

/// Says which rows are in sight, where others are not, and where those are.
pub(super) fn rows_in_sight(first: usize, shown: usize, all: usize, columns: u16) -> String {
    if shown >= all {
        return String::new();
    }
    let last = first + shown;
    let up = if first > 0 { "↑" } else { "" };
    let down = if last < all { "↓" } else { "" };
    let first = first + 1;
    if columns < 24 {
        return format!("{first}-{last} of {all} {up}{down}");
    }
    format!("rows {first} to {last} of {all} {up}{down}")
}

fn draw_place(model: &Model, desk: &Desk, buffer: &mut Buffer) -> (Place, Foot) {
    let mut paragraphs = Vec::new();
    if words::is_empty(model) {
        paragraphs.extend([words::NO_QUOTE_YET, words::WRITE_FIRST]);
    } else {
        paragraphs.push(words::NO_QUOTE);
    }
    if desk.draft.is_some() {
        paragraphs.push("A draft is waiting.");
    }
    let needed = |columns| -> usize {
        let rows = paragraphs
            .iter()
            .map(|text| text::wrap(text, columns).len());
        rows.sum()
    };
    let place = geometry::place(model, needed);
    let area = pane_area(model);
    let columns = place.columns.into();
    let rows = paragraphs
        .iter()
        .flat_map(|paragraph| text::rows(paragraph, columns));
    let mut shown = 0;
    for row in rows.take(place.rows.into()) {
        let at = is_in(area, (place.left, usize::from(place.top) + shown));
        put(buffer, area, at, row, Style::new());
        if row.starts_with("Enter ") {
            put(buffer, area, at, "Enter", theme::STRONG);
        }
        shown += 1;
    }
    told::under(model, &place, shown, buffer);
    (place, Foot::default())
}

/// Shows what was seen last, and that the quote is not there yet, or why it could not be read.
pub(super) fn unread(model: &Model, seen: Option<&Saved>, buffer: &mut Buffer) -> (Place, Foot) {
    if let Some(saved) = seen {
        let desk = Desk::default();
        let (place, foot) = draw_saved(model, &desk, saved, buffer);
        let right = words::saved(&saved.saved_at);
        let mut right = right
            .map(|at| format!("{} · {at}", words::LAST_SEEN))
            .to_vec();
        right.push(words::LAST_SEEN.to_owned());
        return (place, Foot { right, ..foot });
    }
    let place = geometry::place(model, |_| 0);
    told::under(model, &place, 0, buffer);
    (place, Foot::default())
}

/// Returns the last row of a pane without a frame, within its margins.
pub(super) fn last_row(layout: &Layout) -> Rect {
    let inside = layout.inside();
    Rect {
        x: inside.x + layout.margin(),
        y: inside.bottom().saturating_sub(1),
        width: inside.width.saturating_sub(2 * layout.margin()),
        height: inside.height.min(1),
    }
}
