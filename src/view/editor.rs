//! The text that is being written.

use ratatui::{buffer::Buffer, layout::Rect};

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
        let row = row.trim_end_matches('\n');
        put(
            buffer,
            area,
            (left, room.above + at),
            row,
            ratatui::style::Style::new(),
        );
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
