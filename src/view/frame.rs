//! The frame of a pane: what it is, where one is in it, what state it is in.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{put, theme};
use crate::{app::Model, text};

/// What a frame says.
#[derive(Default)]
pub(super) struct Edge<'a> {
    /// What it is.
    pub(super) title: &'a str,
    /// How that looks.
    pub(super) title_style: Style,
    /// Where it is.
    pub(super) right: &'a str,
    /// What the lower edge says.
    pub(super) foot: Foot,
    /// Whether typing goes in here.
    pub(super) takes_typing: bool,
}

/// What the lower edge of a pane says, or its last row where it has no frame.
#[derive(Default)]
pub(super) struct Foot {
    /// News, or which rows are in sight.
    pub(super) left: String,
    /// How that looks.
    pub(super) left_style: Style,
    /// The state, in the words that are best and in those for less room. It goes where both do not fit.
    pub(super) right: Vec<String>,
}

impl Foot {
    /// Returns the state that fits beside what is on the left.
    fn state(&self, room: usize, gap: usize) -> &str {
        let taken = match text::width(&self.left) {
            0 => 0,
            width => width + gap,
        };
        let fits = |state: &&String| taken + text::width(state) <= room;
        self.right.iter().find(fits).map_or("", String::as_str)
    }

    /// Writes it into the last row of a pane without a frame.
    pub(super) fn draw(&self, buffer: &mut Buffer, row: Rect) {
        let room = usize::from(row.width);
        let state = self.state(room, 2);
        let left = text::cut(&self.left, room);
        put(buffer, row, (0, 0), &left, self.left_style);
        let column = room - text::width(state);
        put(buffer, row, (column, 0), state, theme::QUIET);
    }
}

/// Draws a frame around an area, and writes what it says into its edges.
pub(super) fn draw(model: &Model, buffer: &mut Buffer, area: Rect, edge: &Edge<'_>) {
    let width = usize::from(area.width);
    if width < 8 || area.height < 2 {
        return;
    }
    let style = theme::frame(model, edge.takes_typing);
    let corners = if model.about.without.round_corners {
        ["┌", "┐", "└", "┘"]
    } else {
        ["╭", "╮", "╰", "╯"]
    };
    outline(buffer, area, corners, style);
    let last = usize::from(area.height) - 1;
    let room = width - 6;
    let mut label = |(column, row), text: &str, style| {
        if !text.is_empty() {
            put(buffer, area, (column, row), &format!(" {text} "), style);
        }
    };
    let title = text::cut(edge.title, room);
    label((2, 0), &title, edge.title_style);
    let right = text::width(edge.right);
    if text::width(&title) + right + 4 <= room {
        label((width - 4 - right, 0), edge.right, theme::QUIET);
    }
    let state = edge.foot.state(room, 4);
    let left = text::cut(&edge.foot.left, room);
    label((2, last), &left, edge.foot.left_style);
    label((width - 4 - text::width(state), last), state, theme::QUIET);
}

/// Draws the lines. They are cells of one character each: there is nothing to be measured, and at each key they are drawn again.
fn outline(buffer: &mut Buffer, area: Rect, corners: [&str; 4], style: Style) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let mut draw = |x, y, symbol| {
        buffer[(x, y)].set_symbol(symbol).set_style(style);
    };
    for x in area.left()..area.right() {
        draw(x, area.y, "─");
        draw(x, bottom, "─");
    }
    for y in area.top()..area.bottom() {
        draw(area.x, y, "│");
        draw(right, y, "│");
    }
    let places = [
        (area.x, area.y),
        (right, area.y),
        (area.x, bottom),
        (right, bottom),
    ];
    for ((x, y), symbol) in places.into_iter().zip(corners) {
        draw(x, y, symbol);
    }
}
