//! What can be done: the next likely step in a block, the other keys beside it.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{put, theme};
use crate::{
    app::{
        Model,
        geometry::Layout,
        words::{self, Weight},
    },
    text,
};

/// Between two hints.
const GAP: usize = 2;

pub(super) fn draw(model: &Model, layout: &Layout, buffer: &mut Buffer) {
    let margin = layout.margin().min(1);
    let area = Rect {
        x: layout.hints.x + margin,
        width: layout.hints.width.saturating_sub(2 * margin),
        ..layout.hints
    };
    let hints: Vec<_> = words::hints(model)
        .into_iter()
        .map(|(key, word, weight)| (key.to_string(), word, weight))
        .collect();
    let width = |(key, word, weight): &(String, &str, Weight)| {
        let edges = if *weight == Weight::Plain { 0 } else { 2 };
        text::width(key) + 1 + word.len() + edges
    };
    // Where there is little room, the first one and the way to the others come first.
    let help = hints.iter().position(|(_, word, _)| *word == "help");
    let mut room = usize::from(area.width) + GAP;
    let mut kept = vec![false; hints.len()];
    for at in (0..1).chain(help).chain(1..hints.len()) {
        let needed = hints.get(at).map_or(usize::MAX, |hint| width(hint) + GAP);
        if needed <= room && !kept[at] {
            room -= needed;
            kept[at] = true;
        }
    }
    let mut column = 0;
    for (hint, _) in hints.iter().zip(kept).filter(|(_, kept)| *kept) {
        block(model, buffer, area, (column, 0), hint);
        column += width(hint) + GAP;
    }
}

/// Writes a key and its word: in a block, or the key in bold. Returns the columns that it takes.
pub(super) fn block(
    model: &Model,
    buffer: &mut Buffer,
    area: Rect,
    (column, row): (usize, usize),
    (key, word, weight): &(String, &str, Weight),
) -> usize {
    let style = theme::hint(model, *weight);
    if *weight == Weight::Plain {
        put(buffer, area, (column, row), key, style);
        let behind = text::width(key) + 1;
        put(buffer, area, (column + behind, row), word, Style::new());
        return behind + word.len();
    }
    let block = format!(" {key} {word} ");
    put(buffer, area, (column, row), &block, style);
    text::width(&block)
}
