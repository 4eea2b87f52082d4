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
    let mut hints: Vec<(String, &str)> = words::hints(model)
        .map(|(key, word)| (key.to_string(), word))
        .collect();
    // Where there is little room, the first one and the way to the others stay.
    while width_of(&hints) > columns && hints.len() > 1 {
        let last = (1..hints.len()).rev().find(|&at| hints[at].1 != "help");
        hints.remove(last.unwrap_or(hints.len() - 1));
    }
    let mut column = 0;
    for (key, word) in &hints {
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

fn width_of(hints: &[(String, &str)]) -> usize {
    let words: usize = hints
        .iter()
        .map(|(key, word)| text::width(key) + 1 + word.len())
        .sum();
    words + GAP * hints.len().saturating_sub(1)
}
