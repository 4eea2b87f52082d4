//! The screen as a function of the model: how it looks, and what is left out where there is little room.
//!
//! ```text
//! ╭─ epigraph ──────────────── neondb · direct ─╮
//! │ Welcome, James Joyce!            s Sign out │   user_bar
//! ╰─────────────────────────────────────────────╯
//! ╭─ Your quote is wonderful... ────────────────╮   frame
//! │    ▄▀ ▄▀  Mistakes are the portals          │
//! │    ██ ██  of discovery.                     │   quote, editor, conflict,
//! │                                             │   sign_in, help
//! │           ▌ Delete your quote?              │   told
//! ╰─────────────────── saved 3 May 2026, 14:02 ─╯
//!   y Delete Quote   n no                           hints
//! ```

use std::borrow::Cow;

use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};

use crate::{
    app::{
        Ahead, Model, Pane, Screen, SignIn,
        geometry::{self, Layout, Place},
        words,
    },
    keymap::Context,
    text,
};

use frame::Edge;

mod conflict;
mod editor;
mod frame;
mod help;
mod hints;
mod large;
mod qr;
mod quote;
mod sign_in;
mod theme;
mod told;
mod user_bar;

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let layout = Layout::of(model);
    let buffer = frame.buffer_mut();
    if let Screen::SignedIn { user, .. } = &model.screen {
        user_bar::draw(model, &layout, user, buffer);
    }
    hints::draw(model, &layout, buffer);
    if let Some(cursor) = draw_body(model, &layout, buffer) {
        frame.set_cursor_position(cursor);
    }
}

/// Draws the main part. Returns where the cursor is, where there is one.
fn draw_body(model: &Model, layout: &Layout, buffer: &mut Buffer) -> Option<(u16, u16)> {
    if let Some(scroll) = model.help {
        help::draw(model, layout, scroll, buffer);
        return None;
    }
    match &model.screen {
        Screen::SignedIn { pane, .. } => return draw_pane(model, layout, pane, buffer),
        Screen::SignedOut {
            sign_in: SignIn::Waiting(code),
            ..
        } => sign_in::code(model, layout, code, buffer),
        _ => sign_in::welcome(model, layout, buffer),
    }
    None
}

fn draw_pane(
    model: &Model,
    layout: &Layout,
    pane: &Pane,
    buffer: &mut Buffer,
) -> Option<(u16, u16)> {
    let (place, mut foot, cursor) = match pane {
        Pane::Unread {
            ahead: Ahead::Looking(_),
            seen,
            ..
        } => with_no_cursor(quote::unread(model, seen.as_ref(), buffer)),
        Pane::Unread {
            ahead: Ahead::Writing(draft),
            ..
        } => editor::draw(model, None, draft, false, buffer),
        Pane::Unread {
            ahead: Ahead::ToSave(draft),
            ..
        } => editor::draw(model, None, draft, true, buffer),
        Pane::Quote { desk, .. } => with_no_cursor(quote::draw(model, desk, buffer)),
        Pane::Editor { sheet, saving } => {
            editor::draw(model, sheet.saved.as_ref(), &sheet.draft, *saving, buffer)
        }
        Pane::Choice(conflict) => {
            conflict::draw(model, words::title(pane), conflict, buffer);
            return None;
        }
    };
    let takes_typing = model.context() == Context::Writing;
    if let Some(news) = geometry::news_in_foot(model, layout) {
        foot.left = news.to_string();
        foot.left_style = theme::STRONG;
    }
    let edge = Edge {
        title: words::title(pane),
        title_style: if takes_typing {
            theme::STRONG
        } else {
            Style::new()
        },
        right: if layout.bar.height < 3 {
            &model.about.database
        } else {
            ""
        },
        foot,
        takes_typing,
    };
    draw_edge(model, layout, &place, &edge, buffer);
    cursor.filter(|_| takes_typing)
}

fn with_no_cursor<P, F>((place, foot): (P, F)) -> (P, F, Option<(u16, u16)>) {
    (place, foot, None)
}

/// Draws the frame of the pane, or in rows of its own what would stand in it.
fn draw_edge(model: &Model, layout: &Layout, place: &Place, edge: &Edge<'_>, buffer: &mut Buffer) {
    if layout.framed {
        frame::draw(model, buffer, layout.pane, edge);
        return;
    }
    let inside = layout.inside();
    if place.top > inside.y {
        let margin = usize::from(layout.margin());
        let room = usize::from(inside.width).saturating_sub(margin);
        let title = text::cut(edge.title, room);
        put(buffer, inside, (margin, 0), &title, edge.title_style);
    }
    if place.has_foot {
        edge.foot.draw(buffer, quote::last_row(layout));
    }
}

/// Draws the large quotation mark before a text, where there is room for it.
fn draw_mark(model: &Model, place: &Place, buffer: &mut Buffer) {
    const MARK: [&str; 2] = ["▄▀ ▄▀", "██ ██"];
    let layout = Layout::of(model);
    if !place.has_mark(&layout) {
        return;
    }
    let area = layout.inside();
    for (row, part) in MARK.into_iter().enumerate() {
        let at = is_in(area, (place.left - 8, usize::from(place.top) + row));
        put(buffer, area, at, part, theme::mark(model));
    }
}

/// Returns where text is drawn: the pane within its frame.
fn pane_area(model: &Model) -> Rect {
    Layout::of(model).inside()
}

/// Counts a place on the screen from the corner of an area.
fn is_in(area: Rect, (column, row): (u16, usize)) -> (usize, usize) {
    let column = column.saturating_sub(area.x);
    (column.into(), row.saturating_sub(area.y.into()))
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
    for (grapheme, width) in text::graphemes(&text::harmless(text)) {
        let width = u16::try_from(width).unwrap_or(u16::MAX);
        let end = x.saturating_add(width);
        if end > area.right() {
            return;
        }
        for (at, x) in (x..end).enumerate() {
            let cell = &mut buffer[(x, y)];
            // What is behind a wide character is hidden by it.
            cell.reset();
            if at == 0 {
                cell.set_symbol(grapheme).set_style(style);
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
    text::rows(text, columns).map(move |row| Row {
        text: Cow::Borrowed(row),
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

#[cfg(test)]
mod tests;
