//! Where texts and panes stand. Decided here once, for scrolling as well as for drawing. Reading, writing, saving, asked, failed:
//! the text stays in its cells.

use ratatui::layout::Rect;

use super::{
    model::{Conflict, Model, Notice, Pane, Screen, SignIn, Size, Tone},
    words,
};
use crate::{
    text::{self, wrap},
    typeset::{Typeset, typeset},
};

/// The columns of running text: longer rows are hard to read.
const MEASURE: u16 = 52;

/// The columns of a text that would not fit otherwise.
const WIDE_MEASURE: u16 = 72;

/// What is drawn on is no larger than this; it stands in the middle of a larger terminal.
const CARD: (u16, u16) = (96, 28);

/// The least columns and rows that frames leave enough room on.
const FRAMED: (u16, u16) = (44, 12);

/// The least rows on which the user bar has a frame of its own.
const FRAMED_BAR: u16 = 18;

/// The least columns from which two texts stand side by side.
const SIDE_BY_SIDE: u16 = 72;

/// The parts of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether there are frames.
    pub framed: bool,
    /// The user bar, with its frame where it has three rows.
    pub bar: Rect,
    /// What it is all about, with its frame.
    pub pane: Rect,
    /// The hint line.
    pub hints: Rect,
}

impl Layout {
    /// Divides the screen. Where there is little room, what is less important disappears first.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let Size { columns, rows } = model.size;
        let (width, height) = (columns.min(CARD.0), rows.min(CARD.1));
        let (x, y) = ((columns - width) / 2, (rows - height) * 2 / 5);
        // Where the glyphs of a frame take two cells, it would be twice as wide as what it is to hold.
        let framed = width >= FRAMED.0
            && height >= FRAMED.1
            && !model.about.without.frames
            && !text::measures_wide();
        let hints = u16::from(height >= 3);
        let bar = match &model.screen {
            Screen::SignedIn { .. } if framed && height >= FRAMED_BAR => 3,
            Screen::SignedIn { .. } if framed => 1,
            // On a very small screen, what must be told or asked comes before who is signed in.
            Screen::SignedIn { pane, .. } if height < 8 => {
                let crowded = matches!(pane, Pane::Choice(_))
                    || said_rows(&words::said(model), measures(width, framed).0).len() > 1;
                u16::from(height >= 4 && !crowded)
            }
            Screen::SignedIn { .. } => 1,
            _ => 0,
        };
        let rows = |from: u16, height| Rect::new(x, y + from, width, height);
        Self {
            framed,
            bar: rows(0, bar),
            pane: rows(bar, height - bar - hints),
            hints: rows(height - hints, hints),
        }
    }

    /// Returns the columns before a text that is not set in the middle, the frame left out.
    #[must_use]
    pub fn margin(&self) -> u16 {
        match (self.framed, self.pane.width) {
            (true, _) => 2,
            (false, 30..) => 1,
            (false, _) => 0,
        }
    }

    /// Returns the pane within its frame.
    #[must_use]
    pub fn inside(&self) -> Rect {
        within(self.pane, self.framed)
    }

    /// Returns the columns for what is not set in the middle.
    #[must_use]
    pub fn columns(&self) -> usize {
        let inside = self.inside();
        usize::from(inside.width.saturating_sub(2 * self.margin()))
    }
}

fn within(area: Rect, framed: bool) -> Rect {
    let edge = u16::from(framed);
    Rect {
        x: area.x + edge,
        y: area.y + edge,
        width: area.width.saturating_sub(2 * edge),
        height: area.height.saturating_sub(2 * edge),
    }
}

/// Returns the usual columns of a text, and those of one that needs more.
fn measures(width: u16, framed: bool) -> (u16, u16) {
    let spare = match width {
        70.. => 8,
        _ if framed => 6,
        30.. => 2,
        // The cursor may stand behind the last character.
        _ => 1,
    };
    let room = width.saturating_sub(spare);
    (MEASURE.min(room), WIDE_MEASURE.min(room))
}

/// Where a text stands, and what the person is told under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The column of its first character on the screen.
    pub left: u16,
    /// The row of its first line on the screen.
    pub top: u16,
    /// Its columns.
    pub columns: u16,
    /// The rows that it may take.
    pub rows: u16,
    /// Blank rows between it and what is told.
    pub gap: u16,
    /// The rows for what is told.
    pub told: u16,
    /// Whether the last row of the pane says more about the text: there is no frame for that.
    pub has_foot: bool,
}

impl Place {
    /// Says whether the large quotation mark stands before the text.
    #[must_use]
    pub fn has_mark(&self, layout: &Layout) -> bool {
        self.left >= layout.pane.x + 10 && !text::measures_wide()
    }
}

/// Returns where a text stands that is read or written.
#[must_use]
pub fn text_place(model: &Model, text: &str) -> Place {
    place(model, |columns| rows_needed(text, columns))
}

/// Returns where something stands that needs so many rows in so many columns.
#[must_use]
pub fn place(model: &Model, needed: impl Fn(usize) -> usize) -> Place {
    let layout = Layout::of(model);
    let inside = layout.inside();
    let (narrow, wide) = measures(layout.pane.width, layout.framed);
    let said = words::said(model);
    let said = unless_in_foot(model, &layout, said);
    let full = usize::from(inside.height);
    let preferred = match full {
        9.. => (full - 3) * 2 / 5,
        5.. => 1,
        _ => 0,
    };
    let foot = usize::from(!layout.framed && full >= 5);
    let usual = needed(narrow.into());
    let (columns, above, needed) = if usual + preferred + foot <= full {
        (narrow, preferred, usual)
    } else {
        let above = usize::from(layout.framed && full >= 8);
        (wide, above, needed(wide.into()))
    };
    let told = said_rows(&said, columns).len();
    // On the smallest screens it is marked all the same that a text goes on.
    let overflows = needed + above > full && full > 1 && told == 0;
    let foot = foot.max(usize::from(!layout.framed && overflows));
    let room = full.saturating_sub(above + foot);
    let gap = usize::from(told > 0 && needed > 0 && room >= 5);
    let least = needed.min(if room >= 6 { 2 } else { 1 });
    let told = told.min(room.saturating_sub(least + gap));
    let rows = room - told - if told > 0 { gap } else { 0 };
    let left = if layout.pane.width >= 70 {
        (layout.pane.width - columns) / 2
    } else {
        u16::from(layout.framed) + layout.margin()
    };
    Place {
        left: layout.pane.x + left,
        top: inside.y + cells(above),
        columns,
        rows: cells(rows),
        gap: cells(gap),
        told: cells(told),
        has_foot: foot > 0,
    }
}

fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Counts the rows that a text takes, whether it is read or written. More than any screen has count as endless.
fn rows_needed(text: &str, columns: usize) -> usize {
    if text.len() > usize::from(CARD.1) * columns * 4 {
        return usize::from(u16::MAX);
    }
    let read = quote_rows(&typeset(text), columns, true).len();
    wrap(text, columns).len().max(read)
}

/// A row of what the person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidRow {
    /// Whether it is bad news.
    pub tone: Tone,
    /// What stands first and in bold.
    pub outcome: String,
    /// What follows on this row.
    pub rest: String,
}

/// Wraps what the person is told. A bar and a blank stand before each row.
#[must_use]
pub fn said_rows(said: &[Notice], columns: u16) -> Vec<SaidRow> {
    let columns = usize::from(columns.saturating_sub(2));
    let mut rows = Vec::new();
    for notice in said {
        let words = notice.to_string();
        let bold = notice.outcome.len();
        for row in wrap(&words, columns) {
            let end = row.end.min(bold).max(row.start);
            rows.push(SaidRow {
                tone: notice.tone,
                outcome: words[row.start..end].trim_end_matches('\n').to_owned(),
                rest: words[end..row.end].trim_end().to_owned(),
            });
        }
    }
    rows
}

/// Returns what the person is told, without what the frame or the last row says.
#[must_use]
pub fn said(model: &Model) -> Vec<Notice> {
    unless_in_foot(model, &Layout::of(model), words::said(model))
}

fn unless_in_foot(model: &Model, layout: &Layout, mut said: Vec<Notice>) -> Vec<Notice> {
    if let Some(news) = news_in_foot(model, layout) {
        said.retain(|notice| *notice != news);
    }
    said
}

/// Returns good news that fits into the frame, or into the last row where there is none.
#[must_use]
pub fn news_in_foot(model: &Model, layout: &Layout) -> Option<Notice> {
    let has_foot = layout.framed || layout.inside().height >= 5;
    let is_code = matches!(
        model.screen,
        Screen::SignedOut {
            sign_in: SignIn::Waiting(_),
            ..
        }
    );
    let notice = model
        .notice
        .clone()
        .or_else(|| words::reading_again(model))?;
    let fits = text::width(&notice.to_string()) <= layout.columns();
    (notice.tone == Tone::Info && fits && has_foot && !is_code && model.help.is_none())
        .then_some(notice)
}

/// A row of a quote that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteRow<'a> {
    /// What was said.
    Words(&'a str),
    /// Between that and its author.
    Gap,
    /// Who said it, from the first row on or further down.
    Author { name: &'a str, is_first: bool },
}

/// Wraps a quote that is read. The gap before the author is left out where there is little room.
pub(crate) fn quote_rows<'a>(set: &Typeset<'a>, columns: usize, airy: bool) -> Vec<QuoteRow<'a>> {
    let words = text::rows(set.words, columns);
    let mut rows: Vec<_> = words.map(QuoteRow::Words).collect();
    if let Some(author) = set.author {
        if airy {
            rows.push(QuoteRow::Gap);
        }
        let columns = columns.saturating_sub(text::width(AUTHOR_DASH));
        let names = text::rows(author, columns).enumerate();
        rows.extend(names.map(|(at, name)| QuoteRow::Author {
            name,
            is_first: at == 0,
        }));
    }
    rows
}

/// Stands before the author of a quote.
pub(crate) const AUTHOR_DASH: &str = "— ";

/// Wraps the quote that is on the screen.
pub(crate) fn rows_of_quote<'a>(
    model: &Model,
    place: &Place,
    set: &Typeset<'a>,
) -> Vec<QuoteRow<'a>> {
    let airy = Layout::of(model).inside().height >= 6;
    quote_rows(set, place.columns.into(), airy)
}

/// Two texts, and where each stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    /// The question above them; it may have no row.
    pub question: Rect,
    /// Where the person's own text stands, with its frame or its heading.
    pub mine: Rect,
    /// Where the other stands.
    pub theirs: Rect,
    /// What the person is told below them.
    pub told: Rect,
}

impl Halves {
    /// Returns the room for a text within its frame or under its heading.
    #[must_use]
    pub fn room(layout: &Layout, half: Rect) -> Rect {
        if layout.framed && half.height >= 3 {
            let inside = within(half, true);
            let airy = u16::from(inside.height >= 4);
            return Rect {
                x: inside.x + 2,
                y: inside.y + airy,
                width: inside.width.saturating_sub(4),
                height: inside.height - airy,
            };
        }
        let margin = layout.margin() + u16::from(layout.pane.width >= 30);
        Rect {
            x: half.x + margin,
            y: half.y + half.height.min(1),
            width: half.width.saturating_sub(margin + layout.margin()),
            height: half.height.saturating_sub(1),
        }
    }
}

/// Divides the pane between two texts: side by side where there is room, else one over the other.
#[must_use]
pub fn halves(model: &Model) -> Halves {
    let layout = Layout::of(model);
    let Rect {
        x,
        y,
        width,
        height,
    } = layout.pane;
    let told = said_rows(&words::said(model), width.saturating_sub(2)).len();
    let told = cells(told).min(height.saturating_sub(4));
    let question = match height - told {
        10.. => 2,
        7.. => 1,
        _ => 0,
    };
    let rest = height - told - question;
    let top = y + question;
    let (mine, theirs) = if width >= SIDE_BY_SIDE {
        let half = width / 2;
        (
            Rect::new(x, top, half, rest),
            Rect::new(x + half, top, width - half, rest),
        )
    } else {
        let half = rest.div_ceil(2);
        (
            Rect::new(x, top, width, half),
            Rect::new(x, top + half, width, rest - half),
        )
    };
    Halves {
        question: Rect::new(x, y, width, question),
        mine,
        theirs,
        told: Rect::new(x, y + height - told, width, told),
    }
}

/// Counts the rows of both texts of a conflict, and those that there is room for.
fn conflict_rows(model: &Model, conflict: &Conflict) -> [(usize, usize); 2] {
    let (layout, halves) = (Layout::of(model), halves(model));
    let theirs = conflict.theirs.as_ref().map_or("", |theirs| &theirs.text);
    [
        (conflict.mine.editor.text(), halves.mine),
        (theirs, halves.theirs),
    ]
    .map(|(text, half)| {
        let room = Halves::room(&layout, half);
        (wrap(text, room.width.into()).len(), room.height.into())
    })
}

/// Returns the columns and rows of the help.
#[must_use]
pub fn help_room(model: &Model) -> (usize, usize) {
    let layout = Layout::of(model);
    let inside = layout.inside();
    // A blank row within a frame, or the one that says which rows are in sight.
    let other = u16::from(inside.height > 1);
    (layout.columns(), usize::from(inside.height - other))
}

/// Returns how far down the screen can be scrolled, and how many rows a page has.
pub(super) fn reach(model: &Model) -> (usize, usize) {
    if model.help.is_some() {
        let (columns, page) = help_room(model);
        let rows = words::help(model, columns).len();
        return (rows.saturating_sub(page), page);
    }
    let Screen::SignedIn {
        pane, over: None, ..
    } = &model.screen
    else {
        return (0, 1);
    };
    match pane {
        Pane::Quote { desk, order: None } => {
            let Some(saved) = &desk.saved else {
                return (0, 1);
            };
            let place = text_place(model, &saved.text);
            let rows = rows_of_quote(model, &place, &typeset(&saved.text)).len();
            let page = usize::from(place.rows);
            (rows.saturating_sub(page), page)
        }
        Pane::Choice(conflict) => {
            let both = conflict_rows(model, conflict);
            let hidden = both.map(|(rows, room)| rows.saturating_sub(room));
            let page = both.map(|(_, room)| room);
            (hidden[0].max(hidden[1]), page[0].min(page[1]))
        }
        _ => (0, 1),
    }
}

/// Returns where the text stands that is being written; `None` where none is.
pub(super) fn editor_place(model: &Model) -> Option<Place> {
    let Screen::SignedIn { pane, .. } = &model.screen else {
        return None;
    };
    Some(text_place(model, pane.in_editor()?.editor.text()))
}
