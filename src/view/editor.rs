//! The text that is being written.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{draw_mark, frame::Foot, is_in, pane_area, put, quote::rows_in_sight, theme, told};
use crate::{
    app::{
        Draft, Model,
        geometry::{self, Place},
        words,
    },
    editor::Editor,
    quote::{self, Saved},
    text,
};

/// Draws the text, and returns where the cursor is.
pub(super) fn draw(
    model: &Model,
    saved: Option<&Saved>,
    draft: &Draft,
    saving: bool,
    buffer: &mut Buffer,
) -> (Place, Foot, Option<(u16, u16)>) {
    let editor = &draft.editor;
    let place = geometry::text_place(model, editor.text());
    let area = pane_area(model);
    let top = usize::from(place.top);
    let (above, below) = editor.hidden_rows();
    if above == 0 {
        draw_mark(model, &place, buffer);
    }
    if editor.text().is_empty() {
        let placeholder = text::cut(words::PLACEHOLDER, place.columns.into());
        let at = is_in(area, (place.left, top));
        put(buffer, area, at, &placeholder, theme::PLACEHOLDER);
    }
    let rows = editor.visible_rows().take(place.rows.into());
    let mut shown = 0;
    for row in rows {
        let at = is_in(area, (place.left, top + shown));
        draw_row(editor, row, buffer, area, at);
        shown += 1;
    }
    told::under(model, &place, shown, buffer);

    let (column, row) = editor.cursor_in_view();
    let cursor = (usize::from(place.left) + column, top + row);
    let inside = cursor.0 < area.right().into() && cursor.1 < area.bottom().into();
    let position = (u16::try_from(cursor.0), u16::try_from(cursor.1));
    let cursor = match position {
        (Ok(column), Ok(row)) if inside => Some((column, row)),
        _ => None,
    };
    let foot = Foot {
        left: rows_in_sight(above, shown, above + shown + below, place.columns),
        right: state(saved, draft, saving),
        ..Foot::default()
    };
    (place, foot, cursor)
}

/// Says in which state the text is: how long, where that gets tight, or whether it is saved.
fn state(saved: Option<&Saved>, draft: &Draft, saving: bool) -> Vec<String> {
    let bytes = draft.editor.text().len();
    if bytes > quote::MAX_BYTES / 10 * 9 {
        return vec![format!("{bytes} of {} bytes", quote::MAX_BYTES)];
    }
    match saved {
        _ if saving => vec!["saving".to_owned()],
        Some(saved) if !draft.is_worth_keeping() => words::saved(&saved.saved_at).to_vec(),
        _ if draft.is_worth_keeping() => vec!["not saved yet".to_owned()],
        _ => Vec::new(),
    }
}

/// Writes a row, with what is selected of it marked; also the end of a line, where that is selected.
fn draw_row(
    editor: &Editor,
    row: Range<usize>,
    buffer: &mut Buffer,
    area: Rect,
    (left, at): (usize, usize),
) {
    let text = editor.text();
    let selection = editor.selection().unwrap_or_default();
    let start = selection.start.clamp(row.start, row.end);
    let end = selection.end.clamp(start, row.end);
    let takes_line_end =
        selection.start <= row.end && row.end < selection.end && text[row.end..].starts_with('\n');
    let parts = [
        (&text[row.start..start], Style::new()),
        (&text[start..end], theme::SELECTED),
        (if takes_line_end { " " } else { "" }, theme::SELECTED),
        (&text[end..row.end], Style::new()),
    ];
    let mut column = left;
    for (part, style) in parts {
        put(buffer, area, (column, at), part, style);
        column += text::width(part);
    }
}
