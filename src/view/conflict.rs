//! Two texts, side by side where there is room. The key stands on what it keeps, and the words that differ are marked.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    frame::{self, Edge, Foot},
    hints, put,
    quote::rows_in_sight,
    theme, told,
};
use crate::{
    app::{
        Conflict, Model,
        geometry::{self, Halves, Layout},
        words::{self, Weight},
    },
    keymap::{self, Action, Context},
    text,
};

/// A text, and what is said of it.
struct Side<'a> {
    area: Rect,
    keeps: Action,
    heading: &'a str,
    about: &'a str,
    text: &'a str,
    style: Style,
    differing: &'a [Range<usize>],
}

pub(super) fn draw(model: &Model, title: &str, conflict: &Conflict, buffer: &mut Buffer) {
    let layout = Layout::of(model);
    let halves = geometry::halves(model);
    let question = words::choice(conflict.theirs.is_some());
    draw_question(&layout, halves.question, title, question, buffer);
    let [mine, theirs] = &conflict.differing;
    draw_side(
        model,
        &layout,
        conflict.scroll,
        &Side {
            area: halves.mine,
            keeps: Action::KeepMine,
            heading: "Yours, not saved",
            about: "",
            text: conflict.mine.editor.text(),
            style: Style::new(),
            differing: mine,
        },
        buffer,
    );
    let (about, text, style) = match &conflict.theirs {
        Some(theirs) => (
            words::saved_lately(&theirs.saved_at),
            theirs.text.as_str(),
            Style::new(),
        ),
        None => (String::new(), "(none)", theme::QUIET),
    };
    draw_side(
        model,
        &layout,
        conflict.scroll,
        &Side {
            area: halves.theirs,
            keeps: Action::TakeTheirs,
            heading: "The other",
            about: &about,
            text,
            style,
            differing: theirs,
        },
        buffer,
    );
    let rows = geometry::said_rows(&words::said(model), halves.told.width.saturating_sub(2));
    let told = Rect {
        x: halves.told.x + 1,
        width: halves.told.width.saturating_sub(2),
        ..halves.told
    };
    told::draw(model, &rows, buffer, told);
}

fn draw_question(layout: &Layout, area: Rect, what: &str, question: &str, buffer: &mut Buffer) {
    let margin = usize::from(layout.margin());
    let room = usize::from(area.width).saturating_sub(2 * margin);
    let both = what.len() + 1 + question.len() <= room;
    let what = text::cut(what, room);
    put(buffer, area, (margin, 0), &what, theme::STRONG);
    if both {
        let column = margin + what.len() + 1;
        put(buffer, area, (column, 0), question, Style::new());
    }
}

fn draw_side(model: &Model, layout: &Layout, scroll: usize, side: &Side<'_>, buffer: &mut Buffer) {
    let room = Halves::room(layout, side.area);
    let rows = text::wrap(side.text, room.width.into());
    let height = usize::from(room.height);
    // Both are scrolled together; the shorter one stops at its end.
    let first = scroll.min(rows.len().saturating_sub(height));
    let shown = rows.len().min(height);
    let in_sight = rows_in_sight(first, shown, rows.len(), room.width);

    let keeps = keymap::bindings(Context::Conflict).find(|binding| binding.action == side.keeps);
    let (key, word) = keeps.map_or_else(Default::default, |binding| {
        (binding.keys[0].to_string(), binding.hint)
    });
    let key = (key, word, Weight::Next);
    if layout.framed && side.area.height >= 3 {
        let edge = Edge {
            title: side.heading,
            title_style: theme::STRONG,
            right: side.about,
            foot: Foot {
                right: vec![in_sight],
                ..Foot::default()
            },
            ..Edge::default()
        };
        frame::draw(model, buffer, side.area, &edge);
        let last = usize::from(side.area.height) - 1;
        hints::block(model, buffer, side.area, (2, last), &key);
    } else {
        let columns = usize::from(side.area.width);
        let block = hints::block(model, buffer, side.area, (0, 0), &key);
        let heading = match side.about {
            "" => side.heading.to_owned(),
            about => format!("{}, {about}", side.heading),
        };
        let heading = if in_sight.is_empty() {
            heading
        } else {
            in_sight
        };
        let heading = text::cut(&heading, columns.saturating_sub(block + 2));
        put(buffer, side.area, (block + 1, 0), &heading, theme::STRONG);
    }
    for (at, row) in rows.into_iter().skip(first).take(height).enumerate() {
        draw_row(side, row, buffer, room, at);
    }
}

/// Writes a row, with the words marked that the other text has not.
fn draw_row(side: &Side<'_>, row: Range<usize>, buffer: &mut Buffer, area: Rect, at: usize) {
    let mut column = 0;
    let mut write = |range: Range<usize>, style| {
        let part = &side.text[range];
        put(buffer, area, (column, at), part, style);
        column += text::width(part);
    };
    let mut from = row.start;
    let words_end = from + side.text[row.clone()].trim_end().len();
    for marked in side.differing {
        let (start, end) = (
            marked.start.clamp(from, words_end.max(from)),
            marked.end.clamp(from, words_end.max(from)),
        );
        write(from..start, side.style);
        write(start..end, theme::DIFFERS);
        from = end;
    }
    write(from..row.end, side.style);
}
