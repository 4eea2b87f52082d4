//! The quote, or the place for one.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centre, centred, inner, lifted, measure, paragraph, put, theme};
use crate::{
    app::{
        Desk, Model,
        geometry::{self, QuoteRow},
        words,
    },
    failure::Failure,
    quote::Saved,
    text,
    typeset::typeset,
};

pub(super) fn draw(model: &Model, desk: &Desk, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    match &desk.saved {
        Some(saved) => draw_saved(model, desk, saved, buffer, area),
        None => draw_place(desk, buffer, area),
    }
}

fn draw_saved(model: &Model, desk: &Desk, saved: &Saved, buffer: &mut Buffer, area: Rect) {
    let room = geometry::quote_room(model);
    let set = typeset(&saved.text);
    let rows = geometry::quote_rows(model, &set);
    let last = rows.len() - 1;
    let seen = &rows[desk.scroll.min(last)..(desk.scroll + room.rows).min(rows.len())];
    // The block stands in the middle, its rows one under the other: verse stays verse.
    let width = rows.iter().map(width_of).max().unwrap_or(0);
    let left = centred(area, width);
    let mut top = lifted(area, room.above + seen.len() + room.below);

    if room.above > 0 {
        let column = centred(area, words::WONDERFUL.len());
        put(buffer, area, (column, top), words::WONDERFUL, theme::QUIET);
        top += room.above;
    }
    let is_words = |row: &QuoteRow<'_>| matches!(row, QuoteRow::Words(_));
    let last_words = rows.iter().rposition(is_words);
    for (at, row) in seen.iter().enumerate() {
        let number = desk.scroll + at;
        let mut write =
            |column, part: &str, style| put(buffer, area, (column, top + at), part, style);
        match row {
            QuoteRow::Words(words) => {
                write(left, words, theme::STRONG);
                let before = left
                    .checked_sub(text::width(set.open))
                    .filter(|_| number == 0);
                if let Some(before) = before {
                    write(before, set.open, theme::STRONG);
                }
                if Some(number) == last_words {
                    write(left + text::width(words), set.close, theme::STRONG);
                }
            }
            QuoteRow::Gap => {}
            QuoteRow::Author(name) => {
                let dash = geometry::AUTHOR_DASH;
                write(left, dash, theme::QUIET);
                write(left + text::width(dash), name, theme::QUIET);
            }
        }
    }
    if room.below > 0 {
        let mut about = words::saved_at(&saved.saved_at);
        if rows.len() > room.rows {
            let (first, last) = (desk.scroll + 1, desk.scroll + seen.len());
            about = format!("{about} · rows {first} to {last} of {}", rows.len());
        }
        if desk.draft.is_some() {
            about.push_str(" · a draft is waiting");
        }
        if text::width(&about) > area.width.into() {
            about = words::saved_on(&saved.saved_at);
        }
        let about = text::cut(&about, area.width.into());
        let row = top + seen.len() + room.below - 1;
        put(
            buffer,
            area,
            (centred(area, text::width(&about)), row),
            &about,
            theme::QUIET,
        );
    }
}

fn width_of(row: &QuoteRow<'_>) -> usize {
    match row {
        QuoteRow::Words(words) => text::width(words),
        QuoteRow::Gap => 0,
        QuoteRow::Author(name) => text::width(geometry::AUTHOR_DASH) + text::width(name),
    }
}

fn draw_place(desk: &Desk, buffer: &mut Buffer, area: Rect) {
    let columns = measure(area);
    let mut rows = Vec::new();
    rows.extend(paragraph(words::INVITATION, columns, theme::STRONG, 0));
    rows.extend(paragraph("", columns, Style::new(), 3));
    rows.extend(paragraph(words::PLACEHOLDER, columns, theme::QUIET, 2));
    if desk.draft.is_some() {
        rows.extend(paragraph("", columns, Style::new(), 3));
        rows.extend(paragraph("A draft is waiting.", columns, Style::new(), 1));
    }
    centre(buffer, area, rows);
}

/// Says why there is no quote on the screen.
pub(super) fn unread(
    model: &Model,
    failure: &Failure,
    draft: bool,
    buffer: &mut Buffer,
    area: Rect,
) {
    let area = inner(model, area);
    let columns = measure(area);
    let mut rows = Vec::new();
    rows.extend(paragraph(
        "Your quote could not be read.",
        columns,
        theme::STRONG,
        2,
    ));
    rows.extend(paragraph("", columns, Style::new(), 4));
    rows.extend(paragraph(&failure.what, columns, Style::new(), 0));
    if let Some(cure) = &failure.cure {
        rows.extend(paragraph(cure, columns, Style::new(), 1));
    }
    if draft {
        rows.extend(paragraph("", columns, Style::new(), 4));
        rows.extend(paragraph(
            "Your unsaved text is kept.",
            columns,
            Style::new(),
            3,
        ));
    }
    centre(buffer, area, rows);
}
