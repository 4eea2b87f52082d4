//! The text that is being written.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centred, inner, put, theme};
use crate::{
    app::{Draft, Model, geometry, words},
    editor::Editor,
    quote::{self, Saved},
    text,
};

pub(super) fn draw(
    model: &Model,
    saved: Option<&Saved>,
    draft: &Draft,
    buffer: &mut Buffer,
    area: Rect,
) -> Option<(u16, u16)> {
    let area = inner(model, area);
    let room = geometry::editor_room(model);
    let editor = &draft.editor;
    let left = centred(area, room.columns);
    if room.above > 0 {
        let heading = match saved {
            Some(_) => "Edit your quote",
            None => words::INVITATION,
        };
        let row = (room.above - 1) / 2;
        put(buffer, area, (left, row), heading, theme::STRONG);
        let about = about(editor, room.rows);
        let column = (left + room.columns).saturating_sub(text::width(&about));
        if column > left + heading.len() + 1 {
            put(buffer, area, (column, row), &about, theme::QUIET);
        }
    }
    if editor.text().is_empty() {
        let placeholder = text::cut(words::PLACEHOLDER, room.columns);
        put(buffer, area, (left, room.above), &placeholder, theme::QUIET);
    }
    for (at, row) in editor.visible_rows().take(room.rows).enumerate() {
        draw_row(editor, row, buffer, area, (left, room.above + at));
    }
    let (column, row) = editor.cursor_in_view();
    let (column, row) = (left + column, room.above + row);
    let inside = column < area.width.into() && row < area.height.into();
    let position = (u16::try_from(column), u16::try_from(row));
    match position {
        (Ok(column), Ok(row)) if inside => Some((area.x + column, area.y + row)),
        _ => None,
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

/// Says what is out of sight: rows, and how much is left where it gets tight.
fn about(editor: &Editor, height: usize) -> String {
    let (above, below) = editor.hidden_rows();
    let mut about = Vec::new();
    if above + below > 0 {
        let all = above + height + below;
        about.push(format!("rows {} to {} of {all}", above + 1, above + height));
    }
    let bytes = editor.text().len();
    if bytes > quote::MAX_BYTES / 10 * 9 {
        about.push(format!("{bytes} of {} bytes", quote::MAX_BYTES));
    }
    about.join(" · ")
}
