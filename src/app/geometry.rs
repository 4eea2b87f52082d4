//! How much room everything has. Decided here once, for scrolling as well as for drawing.

use super::{
    model::{Conflict, Model, Pane, Screen, SignIn, Tone},
    words,
};
use crate::{
    keymap::Scroll,
    text,
    typeset::{Typeset, typeset},
};

/// The widest that running text gets: longer rows are hard to read.
const WIDEST: usize = 72;

/// The rows of the screen, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The user bar.
    pub bar: u16,
    /// The rule under it.
    pub rule: u16,
    /// What it is all about.
    pub body: u16,
    /// Notice and activity.
    pub status: u16,
    /// The hint line.
    pub hints: u16,
}

impl Layout {
    /// Divides the rows of the screen. What is less important goes first where there is little room.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let rows = model.size.rows;
        let wanted = u16::try_from(status_rows(model).len()).unwrap_or(u16::MAX);
        let signed_in = matches!(model.screen, Screen::SignedIn { .. });
        // On a very small screen, what must be told or asked comes before who is signed in.
        let small = rows < 8;
        let hints = u16::from(rows >= 3);
        let crowded = small && (wanted > 1 || is_conflict(model));
        let bar = u16::from(signed_in && rows >= 4 && !crowded);
        let rule = u16::from(signed_in && rows >= 10);
        let least_body = match &model.screen {
            // Without code and address, nothing else is of use.
            Screen::SignedOut {
                sign_in: SignIn::Waiting(_),
                ..
            } if model.notice.is_none() => 6,
            _ if small => 1,
            _ => 2,
        };
        let room = rows.saturating_sub(hints + bar + rule + least_body);
        let status = wanted.max(u16::from(!small)).min(room);
        Self {
            bar,
            rule,
            body: rows.saturating_sub(bar + rule + status + hints),
            status,
            hints,
        }
    }
}

fn is_conflict(model: &Model) -> bool {
    matches!(
        &model.screen,
        Screen::SignedIn {
            pane: Pane::Choice(_),
            ..
        }
    )
}

/// Returns the blank columns at either side of the chrome.
#[must_use]
pub fn margin(model: &Model) -> usize {
    usize::from(model.size.columns >= 30)
}

/// Returns the columns between the margins.
#[must_use]
pub fn columns(model: &Model) -> usize {
    usize::from(model.size.columns).saturating_sub(2 * margin(model))
}

/// Returns the rows of the status line, wrapped.
#[must_use]
pub fn status_rows(model: &Model) -> Vec<(Tone, String)> {
    let columns = columns(model);
    words::status(model)
        .into_iter()
        .flat_map(|(tone, line)| {
            text::wrap(&line, columns)
                .into_iter()
                .map(|row| (tone, line[row].trim_end().to_owned()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Where a text stands in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Rows over it: a heading, and perhaps a blank one.
    pub above: usize,
    /// Its columns.
    pub columns: usize,
    /// Its rows.
    pub rows: usize,
    /// Rows under it: perhaps a blank one, and one that says more about it.
    pub below: usize,
}

/// Returns the room for a quote that is read.
#[must_use]
pub fn quote_room(model: &Model) -> Room {
    let body = usize::from(Layout::of(model).body);
    let (above, below) = match body {
        0..=2 => (0, 0),
        3..=4 => (0, 1),
        5..=7 => (1, 1),
        _ => (2, 2),
    };
    Room {
        above,
        // The marks stand beside it.
        columns: columns(model).saturating_sub(2).min(WIDEST),
        rows: body - above - below,
        below,
    }
}

/// A row of a quote that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteRow<'a> {
    /// What was said.
    Words(&'a str),
    /// Between that and its author.
    Gap,
    /// Who said it.
    Author(&'a str),
}

/// Wraps a quote that is read. The gap is left out where there is little room.
pub(crate) fn quote_rows<'a>(model: &Model, set: &Typeset<'a>) -> Vec<QuoteRow<'a>> {
    let room = quote_room(model);
    let wrapped = |text: &'a str, columns| {
        let rows = text::wrap(text, columns).into_iter();
        rows.map(move |row| text[row].trim_end())
    };
    let mut rows: Vec<_> = wrapped(set.words, room.columns)
        .map(QuoteRow::Words)
        .collect();
    if let Some(author) = set.author {
        if rows.len() + 2 <= room.rows {
            rows.push(QuoteRow::Gap);
        }
        let columns = room.columns.saturating_sub(text::width(AUTHOR_DASH));
        rows.extend(wrapped(author, columns).map(QuoteRow::Author));
    }
    rows
}

/// Stands before the author of a quote.
pub(crate) const AUTHOR_DASH: &str = "— ";

/// Returns the room for a text that is written.
#[must_use]
pub fn editor_room(model: &Model) -> Room {
    let body = usize::from(Layout::of(model).body);
    let above = match body {
        0..=2 => 0,
        3..=6 => 1,
        _ => 3,
    };
    Room {
        above,
        columns: columns(model).min(WIDEST + 1),
        rows: body - above,
        below: 0,
    }
}

/// How the body is divided between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    /// Whether there are blank rows.
    pub airy: bool,
    /// The columns of both.
    pub columns: usize,
    /// The rows of the person's own text.
    pub mine: usize,
    /// The rows of the other.
    pub theirs: usize,
}

/// Divides the body between two texts: each gets what it needs, and half of the room at least.
#[must_use]
pub fn halves(model: &Model, mine: usize, theirs: usize) -> Halves {
    let body = usize::from(Layout::of(model).body);
    let airy = body >= 9;
    let text = body.saturating_sub(if airy { 6 } else { 2 });
    let mine = mine.min(text - theirs.min(text / 2));
    Halves {
        airy,
        columns: columns(model).saturating_sub(2).min(WIDEST),
        mine,
        theirs: theirs.min(text - mine),
    }
}

/// Counts the rows of both texts of a conflict.
#[must_use]
pub fn conflict_rows(model: &Model, conflict: &Conflict) -> (usize, usize) {
    let columns = halves(model, 0, 0).columns;
    let theirs = conflict
        .theirs
        .as_ref()
        .map_or(1, |theirs| text::wrap(&theirs.text, columns).len());
    (
        text::wrap(conflict.mine.editor.text(), columns).len(),
        theirs,
    )
}

/// Returns how far down the screen can be scrolled, and how many rows a page has.
fn reach(model: &Model) -> (usize, usize) {
    if model.help.is_some() {
        let body = usize::from(Layout::of(model).body);
        let rows = words::help(model, columns(model)).len();
        return (rows.saturating_sub(body), body);
    }
    let Screen::SignedIn {
        pane, over: None, ..
    } = &model.screen
    else {
        return (0, 1);
    };
    match pane {
        Pane::Quote { desk, order: None } => {
            let room = quote_room(model);
            let rows = desk
                .saved
                .as_ref()
                .map_or(0, |saved| quote_rows(model, &typeset(&saved.text)).len());
            (rows.saturating_sub(room.rows), room.rows)
        }
        Pane::Choice(conflict) => {
            let (mine, theirs) = conflict_rows(model, conflict);
            let halves = halves(model, mine, theirs);
            let hidden = (mine - halves.mine).max(theirs - halves.theirs);
            (hidden, halves.mine.max(halves.theirs))
        }
        _ => (0, 1),
    }
}

fn offset(model: &mut Model) -> Option<&mut usize> {
    if model.help.is_some() {
        return model.help.as_mut();
    }
    let Screen::SignedIn {
        pane, over: None, ..
    } = &mut model.screen
    else {
        return None;
    };
    match pane {
        Pane::Quote { desk, order: None } => Some(&mut desk.scroll),
        Pane::Choice(conflict) => Some(&mut conflict.scroll),
        _ => None,
    }
}

/// Scrolls what can be scrolled.
pub(super) fn scroll(model: &mut Model, by: Scroll) {
    let (most, page) = reach(model);
    let page = page.saturating_sub(1).max(1);
    if let Some(offset) = offset(model) {
        *offset = match by {
            Scroll::Up => offset.saturating_sub(1),
            Scroll::Down => *offset + 1,
            Scroll::PageUp => offset.saturating_sub(page),
            Scroll::PageDown => *offset + page,
            Scroll::Start => 0,
            Scroll::End => most,
        }
        .min(most);
    }
}

/// Fits everything into the room that it has now.
pub(super) fn fit(model: &mut Model) {
    let room = editor_room(model);
    if let Screen::SignedIn { pane, .. } = &mut model.screen
        && let Some(draft) = pane.in_editor()
    {
        draft.editor.fit(room.columns, room.rows);
    }
    if offset(model).is_some_and(|offset| *offset > 0) {
        let (most, _) = reach(model);
        if let Some(offset) = offset(model) {
            *offset = (*offset).min(most);
        }
    }
}
