//! What is going on, and what can be done.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{inner, put, theme};
use crate::{
    app::{Model, geometry, words},
    text,
};

/// Between two hints.
const GAP: usize = 2;

pub(super) fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    for (row, (tone, line)) in geometry::status_rows(model).into_iter().enumerate() {
        put(buffer, area, (0, row), &line, theme::notice(model, tone));
    }
}

pub(super) fn hints(model: &Model, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let columns = usize::from(area.width);
    let hints: Vec<(String, &str)> = words::hints(model)
        .map(|(key, word)| (key.to_string(), word))
        .collect();
    // Where there is little room, the first one and the way to the others come first.
    let help = hints.iter().position(|(_, word)| *word == "help");
    let mut room = columns + GAP;
    let mut kept = vec![false; hints.len()];
    for at in (0..1).chain(help).chain(1..hints.len()) {
        let width = hints
            .get(at)
            .map_or(0, |(key, word)| text::width(key) + 1 + word.len() + GAP);
        if width > 0 && width <= room && !kept[at] {
            room -= width;
            kept[at] = true;
        }
    }
    let mut column = 0;
    for ((key, word), _) in hints.iter().zip(kept).filter(|(_, kept)| *kept) {
        put(buffer, area, (column, 0), key, theme::STRONG);
        put(
            buffer,
            area,
            (column + text::width(key) + 1, 0),
            word,
            theme::QUIET,
        );
        column += text::width(key) + 1 + word.len() + GAP;
    }
    let database = &model.about.database;
    let width = text::width(database);
    if column + 2 * GAP + width <= columns {
        put(buffer, area, (columns - width, 0), database, theme::QUIET);
    }
}
