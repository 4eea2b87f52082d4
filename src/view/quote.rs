//! The quote, or the place for one.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centred, inner, lifted, put, theme};
use crate::{
    app::{Desk, Model, geometry, words},
    failure::Failure,
    quote::Saved,
    text,
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
    let rows: Vec<&str> = text::wrap(&saved.text, room.columns)
        .into_iter()
        .map(|row| saved.text[row].trim_end())
        .collect();
    let last = rows.len() - 1;
    let seen = &rows[desk.scroll.min(last)..(desk.scroll + room.rows).min(rows.len())];
    // The block stands in the middle, its rows one under the other: verse stays verse.
    let width = rows.iter().map(|row| text::width(row)).max().unwrap_or(0);
    let left = centred(area, width);
    let mut top = lifted(area, room.above + seen.len() + room.below);

    if room.above > 0 {
        let column = centred(area, words::WONDERFUL.len());
        put(buffer, area, (column, top), words::WONDERFUL, theme::QUIET);
        top += room.above;
    }
    for (at, row) in seen.iter().enumerate() {
        let number = desk.scroll + at;
        put(buffer, area, (left, top + at), row, theme::STRONG);
        if number == 0 && left > 0 {
            put(buffer, area, (left - 1, top + at), "“", theme::STRONG);
        }
        if number == last {
            put(
                buffer,
                area,
                (left + text::width(row), top + at),
                "”",
                theme::STRONG,
            );
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

fn draw_place(desk: &Desk, buffer: &mut Buffer, area: Rect) {
    let mut lines = vec![
        (words::INVITATION, theme::STRONG),
        ("", Style::new()),
        (words::PLACEHOLDER, theme::QUIET),
    ];
    if desk.draft.is_some() {
        lines.extend([("", Style::new()), ("A draft is waiting.", Style::new())]);
    }
    paragraphs(buffer, area, &lines);
}

/// Says why there is no quote on the screen.
pub(super) fn unread(
    model: &Model,
    failure: &Failure,
    draft: bool,
    buffer: &mut Buffer,
    area: Rect,
) {
    let mut lines = vec![
        ("Your quote could not be read.", theme::STRONG),
        ("", Style::new()),
        (failure.what.as_str(), Style::new()),
    ];
    if let Some(cure) = &failure.cure {
        lines.push((cure, Style::new()));
    }
    if draft {
        lines.extend([
            ("", Style::new()),
            ("What you had not saved is kept.", Style::new()),
        ]);
    }
    paragraphs(buffer, inner(model, area), &lines);
}

/// Sets paragraphs in the middle, wrapped. Blank ones go first where there is little room.
pub(super) fn paragraphs(buffer: &mut Buffer, area: Rect, paragraphs: &[(&str, Style)]) {
    let columns = usize::from(area.width).min(60);
    let mut rows: Vec<(&str, Style)> = paragraphs
        .iter()
        .flat_map(|(paragraph, style)| {
            text::wrap(paragraph, columns)
                .into_iter()
                .map(|row| (paragraph[row].trim_end(), *style))
        })
        .collect();
    if rows.len() > area.height.into() {
        rows.retain(|(row, _)| !row.is_empty());
    }
    let top = lifted(area, rows.len());
    for (at, (row, style)) in rows.into_iter().enumerate() {
        put(
            buffer,
            area,
            (centred(area, text::width(row)), top + at),
            row,
            style,
        );
    }
}
