//! What the person is told, beside what they look at: a bar, the outcome, and what follows from it.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{put, theme};
use crate::{
    app::{
        Model,
        geometry::{self, Place, SaidRow},
    },
    text,
};

/// Draws what is told under so many rows of text.
pub(super) fn under(model: &Model, place: &Place, rows: usize, buffer: &mut Buffer) {
    let gap = if rows > 0 { place.gap } else { 0 };
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(place.rows);
    let area = Rect {
        x: place.left,
        y: place.top + rows + gap,
        width: place.columns,
        height: place.told,
    };
    draw(
        model,
        &geometry::said_rows(&geometry::said(model), place.columns),
        buffer,
        area,
    );
}

/// Draws rows into an area. What does not fit ends in an ellipsis.
pub(super) fn draw(model: &Model, rows: &[SaidRow], buffer: &mut Buffer, area: Rect) {
    let height = usize::from(area.height);
    let bar = if text::measures_wide() { "|" } else { "▌" };
    for (at, row) in rows.iter().take(height).enumerate() {
        put(buffer, area, (0, at), bar, theme::bar(model, row.tone));
        let column = 2 + text::width(&row.outcome);
        put(buffer, area, (2, at), &row.outcome, theme::STRONG);
        let room = usize::from(area.width).saturating_sub(column);
        let goes_on = at + 1 == height && rows.len() > height;
        let rest = match goes_on {
            true if text::width(&row.rest) < room => format!("{}…", row.rest),
            true => text::cut(&format!("{}…", row.rest), room),
            false => row.rest.clone(),
        };
        put(buffer, area, (column, at), &rest, Style::new());
    }
}
