//! Who is signed in, and the way out.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    frame::{self, Edge},
    put, theme,
};
use crate::{
    account::User,
    app::{Model, geometry::Layout},
    keymap::{self, Action},
    text,
};

/// Below this width the name has the bar for itself.
const NARROW: u16 = 30;

const SIGN_OUT: &str = "Sign out";

pub(super) fn draw(model: &Model, layout: &Layout, user: &User, buffer: &mut Buffer) {
    let bar = layout.bar;
    if bar.height >= 3 {
        let edge = Edge {
            title: "epigraph",
            title_style: theme::STRONG,
            right: &model.about.database,
            ..Edge::default()
        };
        frame::draw(model, buffer, bar, &edge);
    }
    let area = Rect {
        x: bar.x + layout.margin(),
        y: bar.y + bar.height / 2,
        width: bar.width.saturating_sub(2 * layout.margin()),
        height: bar.height.min(1),
    };
    let columns = usize::from(area.width);
    if bar.width < NARROW {
        let name = text::cut(&user.name, columns);
        put(buffer, area, (0, 0), &name, theme::STRONG);
        return;
    }
    let key = keymap::bindings(model.context())
        .find(|binding| binding.action == Action::SignOut && model.offers(binding.action))
        .map(|binding| binding.keys[0].to_string());
    let way_out = key.as_ref().map_or(0, |key| key.len() + 1 + SIGN_OUT.len());
    let (hello, end) = ("Welcome, ", "!");
    let room =
        columns.saturating_sub(hello.len() + end.len() + way_out + 2 * usize::from(way_out > 0));
    let name = text::cut(&user.name, room);
    put(buffer, area, (0, 0), hello, Style::new());
    put(buffer, area, (hello.len(), 0), &name, theme::STRONG);
    let column = hello.len() + text::width(&name);
    put(buffer, area, (column, 0), end, Style::new());
    if let Some(key) = key {
        let column = columns - way_out;
        put(buffer, area, (column, 0), &key, theme::STRONG);
        put(
            buffer,
            area,
            (column + key.len() + 1, 0),
            SIGN_OUT,
            Style::new(),
        );
    }
}
