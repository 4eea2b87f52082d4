//! Draws the help: the table of keys.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    frame::{self, Edge, Foot},
    put,
    quote::{last_row, rows_in_sight},
    theme,
};
use crate::app::{
    Model,
    geometry::{self, Layout},
    words::{self, HelpLine},
};

pub(super) fn draw(model: &Model, layout: &Layout, scroll: usize, buffer: &mut Buffer) {
    let (columns, height) = geometry::help_room(model);
    let lines = words::help(model, columns);
    let seen = lines.iter().skip(scroll).take(height);
    let left = rows_in_sight(scroll, seen.len(), lines.len(), layout.pane.width);
    let foot = Foot {
        left,
        ..Foot::default()
    };
    if layout.framed {
        let edge = Edge {
            title: "Keys",
            title_style: theme::STRONG,
            foot,
            ..Edge::default()
        };
        frame::draw(model, buffer, layout.pane, &edge);
    } else {
        foot.draw(buffer, last_row(layout));
    }
    let inside = layout.inside();
    let area = Rect {
        x: inside.x + layout.margin(),
        y: inside.y + u16::from(layout.framed),
        width: inside.width.saturating_sub(2 * layout.margin()),
        height: u16::try_from(height).unwrap_or(u16::MAX),
    };
    let keys_wide = words::help_keys(columns);
    for (row, line) in seen.enumerate() {
        match line {
            HelpLine::Blank => {}
            HelpLine::Title(title) => put(buffer, area, (0, row), title, theme::STRONG),
            HelpLine::Keys(keys, words) => {
                put(buffer, area, (0, row), keys, theme::STRONG);
                put(buffer, area, (keys_wide, row), words, Style::new());
            }
        }
    }
}
