//! Who is signed in, and the way out.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{inner, put, theme};
use crate::{
    account::User,
    app::Model,
    keymap::{self, Action},
    text,
};

/// Below this width the name has the bar for itself.
const NARROW: usize = 32;

pub(super) fn draw(model: &Model, user: &User, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let columns = usize::from(area.width);
    let key = keymap::bindings(model.context())
        .find(|binding| binding.action == Action::SignOut && model.offers(binding.action))
        .map(|binding| binding.keys[0].to_string())
        .filter(|_| columns >= NARROW);
    let way_out = key.as_ref().map_or(0, |key| key.len() + 1 + SIGN_OUT.len());
    let (hello, end) = ("Welcome, ", "!");
    let room =
        columns.saturating_sub(hello.len() + end.len() + way_out + 2 * usize::from(way_out > 0));
    let name = text::cut(&user.name, room);
    put(buffer, area, (0, 0), hello, ratatui::style::Style::new());
    put(buffer, area, (hello.len(), 0), &name, theme::STRONG);
    put(
        buffer,
        area,
        (hello.len() + text::width(&name), 0),
        end,
        theme::STRONG,
    );
    if let Some(key) = key {
        let column = columns - way_out;
        put(buffer, area, (column, 0), &key, theme::STRONG);
        put(
            buffer,
            area,
            (column + key.len() + 1, 0),
            SIGN_OUT,
            theme::QUIET,
        );
    }
}

const SIGN_OUT: &str = "Sign out";

pub(super) fn rule(buffer: &mut Buffer, area: Rect) {
    put(
        buffer,
        area,
        (0, 0),
        &"─".repeat(usize::from(area.width) / text::width("─")),
        theme::QUIET,
    );
}
