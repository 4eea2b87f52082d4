//! The table of keys.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centred, inner, put, theme};
use crate::app::{
    Model, geometry,
    words::{self, HelpLine},
};

pub(super) fn draw(model: &Model, scroll: usize, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let columns = geometry::columns(model);
    // Long rows would part the keys from their meaning.
    let left = centred(area, columns.min(80));
    let keys_wide = words::help_keys(columns);
    let lines = words::help(model, columns);
    for (row, line) in lines
        .iter()
        .skip(scroll)
        .take(area.height.into())
        .enumerate()
    {
        match line {
            HelpLine::Blank => {}
            HelpLine::Title(title) => put(buffer, area, (left, row), title, theme::STRONG),
            HelpLine::Keys(keys, words) => {
                put(buffer, area, (left, row), keys, Style::new());
                put(buffer, area, (left + keys_wide, row), words, theme::QUIET);
            }
        }
    }
}
