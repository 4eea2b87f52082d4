//! The screen as a function of the model. Nothing here decides anything.
//!
//! ```text
//!  Welcome, James Joyce!                         s Sign out    user_bar
//! ──────────────────────────────────────────────────────────
//!                Your quote is wonderful...                    quote, editor, conflict,
//!        “Mistakes are the portals of discovery.”              sign_in, help
//!                 saved 3 May 2026, 14:02
//!
//!  Saving…                                                     status
//!  e edit  d delete  c copy  ? help      neondb · direct       status
//! ```

use std::borrow::Cow;

use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    app::{
        Ahead, Model, Pane, Screen, SignIn,
        geometry::{self, Layout},
    },
    text,
};

mod conflict;
mod editor;
mod help;
mod large;
mod qr;
mod quote;
mod sign_in;
mod status;
mod theme;
mod user_bar;

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let layout = Layout::of(model);
    let mut top = 0;
    let mut rows = |height| {
        let area = Rect::new(0, top, model.size.columns, height);
        top += height;
        area
    };
    let (bar, rule, body) = (rows(layout.bar), rows(layout.rule), rows(layout.body));
    let (status, hints) = (rows(layout.status), rows(layout.hints));

    let buffer = frame.buffer_mut();
    if let Screen::SignedIn { user, .. } = &model.screen {
        user_bar::draw(model, user, buffer, bar);
        user_bar::rule(buffer, rule);
    }
    status::draw(model, buffer, status);
    status::hints(model, buffer, hints);
    if let Some(cursor) = draw_body(model, buffer, body) {
        frame.set_cursor_position(cursor);
    }
}

/// Draws the main part. Returns where the cursor is, where there is one.
fn draw_body(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<(u16, u16)> {
    if let Some(scroll) = model.help {
        help::draw(model, scroll, buffer, area);
        return None;
    }
    match &model.screen {
        Screen::SignedIn { pane, .. } => return draw_pane(model, pane, buffer, area),
        Screen::SignedOut {
            sign_in: SignIn::Waiting(code),
            ..
        } => sign_in::code(model, code, buffer, area),
        _ => sign_in::welcome(model, buffer, area),
    }
    None
}

fn draw_pane(model: &Model, pane: &Pane, buffer: &mut Buffer, area: Rect) -> Option<(u16, u16)> {
    match pane {
        Pane::Unread { failure, ahead } => match (ahead, failure) {
            (Ahead::Looking(draft), Some(failure)) => {
                quote::unread(model, failure, draft.is_some(), buffer, area);
            }
            (Ahead::Looking(_), None) => {}
            (Ahead::Writing(draft), _) => return editor::draw(model, None, draft, buffer, area),
            (Ahead::ToSave(draft), _) => {
                editor::draw(model, None, draft, buffer, area);
            }
        },
        Pane::Quote { desk, .. } => quote::draw(model, desk, buffer, area),
        Pane::Editor { sheet, saving } => {
            let cursor = editor::draw(model, sheet.saved.as_ref(), &sheet.draft, buffer, area);
            return cursor.filter(|_| !saving);
        }
        Pane::Choice(conflict) => conflict::draw(model, conflict, buffer, area),
    }
    None
}

/// Writes one row of text, harmless and cut to the area. Rows and columns are counted within it.
fn put(buffer: &mut Buffer, area: Rect, (column, row): (usize, usize), text: &str, style: Style) {
    let area = area.intersection(buffer.area);
    if column >= usize::from(area.width) || row >= usize::from(area.height) {
        return;
    }
    let (Ok(x), Ok(y)) = (u16::try_from(column), u16::try_from(row)) else {
        return;
    };
    let (mut x, y) = (area.x + x, area.y + y);
    for grapheme in text::harmless(text).graphemes(true) {
        let width = u16::try_from(text::width(grapheme)).unwrap_or(u16::MAX);
        let end = x.saturating_add(width);
        if end > area.right() {
            return;
        }
        for (at, x) in (x..end).enumerate() {
            let cell = &mut buffer[(x, y)];
            if at == 0 {
                cell.set_symbol(grapheme).set_style(style);
            } else {
                // What is behind a wide character is hidden by it.
                cell.reset();
            }
        }
        x = end;
    }
}

/// A row of a page that adapts to the room there is: those of the highest rank go first, those of rank 0 stay.
struct Row<'a> {
    text: Cow<'a, str>,
    style: Style,
    rank: u8,
}

/// Wraps a paragraph into rows.
fn paragraph(text: &str, columns: usize, style: Style, rank: u8) -> impl Iterator<Item = Row<'_>> {
    text::wrap(text, columns).into_iter().map(move |row| Row {
        text: Cow::Borrowed(text[row].trim_end()),
        style,
        rank,
    })
}

/// Drops rows until the others fit, the last ones of a rank first.
fn fit(rows: &mut Vec<Row<'_>>, height: usize) {
    while rows.len() > height {
        let rank = rows.iter().map(|row| row.rank).max().unwrap_or(0);
        match rows.iter().rposition(|row| row.rank == rank) {
            Some(at) if rank > 0 => rows.remove(at),
            _ => break,
        };
    }
}

/// Sets rows in the middle, each by itself.
fn centre(buffer: &mut Buffer, area: Rect, mut rows: Vec<Row<'_>>) {
    fit(&mut rows, area.height.into());
    let top = lifted(area, rows.len());
    for (at, row) in rows.iter().enumerate() {
        let column = centred(area, text::width(&row.text));
        put(buffer, area, (column, top + at), &row.text, row.style);
    }
}

/// Returns the columns of a paragraph that is set in the middle.
fn measure(area: Rect) -> usize {
    usize::from(area.width).min(60)
}

/// Returns the column at which a text stands in the middle.
fn centred(area: Rect, width: usize) -> usize {
    usize::from(area.width).saturating_sub(width) / 2
}

/// Returns the first row of a block that is a little above the middle.
fn lifted(area: Rect, height: usize) -> usize {
    usize::from(area.height).saturating_sub(height) * 2 / 5
}

/// Returns the part of an area between the margins.
fn inner(model: &Model, area: Rect) -> Rect {
    let margin = u16::try_from(geometry::margin(model)).unwrap_or(0);
    Rect {
        x: area.x + margin,
        width: area.width.saturating_sub(2 * margin),
        ..area
    }
}

#[cfg(test)]
mod tests;
