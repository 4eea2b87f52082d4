//! A text, a cursor on a grapheme, a selection, and undo. Pure.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::text;

use history::{Change, History};

mod history;

/// A text that is being written. The cursor never stands inside a grapheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    text: String,
    /// Where the cursor is, in bytes.
    cursor: usize,
    /// Where the selection began, in bytes; it ends at the cursor.
    anchor: Option<usize>,
    /// The column that vertical motion aims at.
    goal: Option<usize>,
    /// The rows as they are wrapped, kept up to date line by line so that a key costs as much as its line.
    rows: Vec<Range<usize>>,
    columns: usize,
    /// Whether the rows are those of a terminal that gives ambiguous characters two cells.
    measured_wide: bool,
    height: usize,
    /// The first row that is in view.
    top: usize,
    history: History,
}

/// Where the cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One grapheme back.
    Left,
    /// One grapheme on.
    Right,
    /// One row up, in the same column.
    Up,
    /// One row down, in the same column.
    Down,
    /// To the start of the word.
    WordLeft,
    /// To the end of the word.
    WordRight,
    /// To the start of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
    /// To the start of the row on the screen; from there, to the start of the line.
    RowStart,
    /// To the end of the row on the screen; from there, to the end of the line.
    RowEnd,
    /// One screen up.
    PageUp,
    /// One screen down.
    PageDown,
    /// To the start of the text.
    TextStart,
    /// To the end of the text.
    TextEnd,
}

impl Editor {
    /// Makes an editor with the cursor at the end of a text. Line ends become `\n`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text::line_ends(text);
        let mut editor = Self {
            cursor: text.len(),
            text,
            anchor: None,
            goal: None,
            rows: Vec::new(),
            columns: usize::MAX,
            measured_wide: text::measures_wide(),
            height: usize::MAX,
            top: 0,
            history: History::default(),
        };
        editor.rows = text::wrap(&editor.text, editor.wrap_columns());
        editor
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where the cursor is, in bytes of the text.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns the rows that are in view, as ranges of the text. One that ends a line has its `\n` behind it.
    pub fn visible_rows(&self) -> impl Iterator<Item = Range<usize>> {
        self.rows.iter().skip(self.top).take(self.height).cloned()
    }

    /// Returns what is selected, where anything is.
    #[must_use]
    pub fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor.filter(|anchor| *anchor != self.cursor)?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor))
    }

    /// Returns the text that is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&str> {
        self.selection().map(|range| &self.text[range])
    }

    /// Returns the column and the row of the cursor, counted from the first row in view.
    #[must_use]
    pub fn cursor_in_view(&self) -> (usize, usize) {
        let row = self.cursor_row();
        // White space may hang over the edge; the cursor stays on the last column then.
        let column = self.column_in(row).min(self.columns.saturating_sub(1));
        (column, row.saturating_sub(self.top))
    }

    /// Says whether one more letter at the cursor stays on its row, and takes no other's place.
    #[must_use]
    pub fn row_has_room(&self) -> bool {
        self.selection().is_none() && self.cursor_in_view().0 + 2 < self.columns
    }

    /// Returns how many rows lie above and below those in view.
    #[must_use]
    pub fn hidden_rows(&self) -> (usize, usize) {
        let below = self
            .rows
            .len()
            .saturating_sub(self.top.saturating_add(self.height));
        (self.top, below)
    }

    /// Fits the text into a window and scrolls to the cursor.
    pub fn fit(&mut self, columns: usize, height: usize) {
        if columns != self.columns || self.measured_wide != text::measures_wide() {
            self.measured_wide = text::measures_wide();
            self.columns = columns;
            self.rows = text::wrap(&self.text, self.wrap_columns());
        }
        self.height = height;
        self.scroll_to_cursor();
    }

    /// Puts a text in at the cursor, in place of what is selected.
    pub fn insert(&mut self, text: &str) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        self.change(range, text);
    }

    /// Puts typed text in, in the steps of undo that its characters would make one by one.
    pub fn type_text(&mut self, text: &str) {
        for step in history::steps(text) {
            self.insert(step);
        }
    }

    /// Puts a pasted text in as one step of undo: line ends become `\n`, a byte order mark and control characters but
    /// tabs are dropped.
    pub fn paste(&mut self, pasted: &str) {
        let text: String = text::line_ends(pasted.trim_start_matches('\u{feff}'))
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        self.history.seal();
        self.insert(&text);
        self.history.seal();
    }

    /// Deletes what is selected, or from the cursor to where a motion would lead. Returns what was deleted.
    pub fn delete(&mut self, motion: Motion) -> String {
        let range = self.selection().unwrap_or_else(|| {
            let to = self.destination(motion);
            // At the edge of a line, deleting to that edge takes the line break, so that the key always does something.
            let to = match motion {
                Motion::LineStart if to == self.cursor => self.before(self.cursor),
                Motion::LineEnd if to == self.cursor => self.after(self.cursor),
                _ => to,
            };
            self.cursor.min(to)..self.cursor.max(to)
        });
        let deleted = self.text[range.clone()].to_owned();
        self.change(range, "");
        deleted
    }

    /// Deletes what is selected, and returns it.
    pub fn cut(&mut self) -> Option<String> {
        let range = self.selection()?;
        let cut = self.text[range.clone()].to_owned();
        self.change(range, "");
        Some(cut)
    }

    /// Swaps the characters before and behind the cursor, or the last two of a line.
    pub fn swap_characters(&mut self) {
        self.anchor = None;
        let line_end = self.aim(Motion::LineEnd);
        let middle = if self.cursor == line_end {
            self.before(self.cursor)
        } else {
            self.cursor
        };
        let (start, end) = (self.before(middle), self.after(middle));
        if start < self.aim(Motion::LineStart) || end > line_end || start == middle || middle == end
        {
            return;
        }
        let swapped = format!("{}{}", &self.text[middle..end], &self.text[start..middle]);
        self.history.seal();
        self.change(start..end, &swapped);
        self.history.seal();
    }

    /// Moves the cursor, and leaves the selection: to its own edge first, where the motion is one character.
    pub fn go(&mut self, motion: Motion) {
        let selection = self.selection();
        self.anchor = None;
        match (motion, selection) {
            (Motion::Left, Some(selection)) => self.put_cursor(selection.start),
            (Motion::Right, Some(selection)) => self.put_cursor(selection.end),
            _ => self.move_by(motion),
        }
    }

    /// Moves the cursor, and selects what lies between.
    pub fn select(&mut self, motion: Motion) {
        self.anchor.get_or_insert(self.cursor);
        self.move_by(motion);
    }

    /// Selects the whole text.
    pub fn select_all(&mut self) {
        self.anchor = Some(0);
        self.put_cursor(self.text.len());
    }

    fn put_cursor(&mut self, at: usize) {
        self.history.seal();
        self.cursor = at;
        self.goal = None;
        self.scroll_to_cursor();
    }

    fn move_by(&mut self, motion: Motion) {
        let goal = match motion {
            Motion::Up | Motion::Down | Motion::PageUp | Motion::PageDown => Some(
                self.goal
                    .unwrap_or_else(|| self.column_in(self.cursor_row())),
            ),
            _ => None,
        };
        self.put_cursor(self.destination(motion));
        self.goal = goal;
    }

    /// Takes the last change back. Says whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(change) = self.history.undo() else {
            return false;
        };
        self.replace(
            change.at..change.at + change.inserted.len(),
            &change.removed,
        );
        self.cursor = change.cursor;
        self.align();
        true
    }

    /// Makes the change again that was taken back last. Says whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(change) = self.history.redo() else {
            return false;
        };
        self.replace(
            change.at..change.at + change.removed.len(),
            &change.inserted,
        );
        self.cursor = change.at + change.inserted.len();
        self.align();
        true
    }

    fn change(&mut self, range: Range<usize>, inserted: &str) {
        if range.is_empty() && inserted.is_empty() {
            return;
        }
        self.history.record(Change {
            at: range.start,
            removed: self.text[range.clone()].to_owned(),
            inserted: inserted.to_owned(),
            cursor: self.cursor,
        });
        self.cursor = range.start + inserted.len();
        self.replace(range, inserted);
        self.align();
    }

    /// Replaces a part of the text and wraps anew only the rows that may change, so that a key costs the same in a long text.
    fn replace(&mut self, range: Range<usize>, inserted: &str) {
        let here = self.row_at(range.start);
        // A word that changes may move to the row before, and what was only half a word there, to the one before that.
        let mut first = here;
        while here - first < 2 && !self.starts_line(first) {
            first -= 1;
        }
        let from = self.rows[first].start;
        let line_end = self.text[range.end..]
            .find('\n')
            .map_or(self.text.len(), |at| range.end + at);

        let (removed, added) = (range.len(), inserted.len());
        let after = range.start + added;
        self.text.replace_range(range, inserted);
        let line_end = line_end - removed + added;

        let columns = self.wrap_columns();
        let old = &self.rows;
        let mut last = old.partition_point(|row| row.start <= line_end - added + removed);
        let mut fresh = Vec::new();
        let mut start = from;
        for line in self.text[from..line_end].split('\n') {
            // Behind the change, a row that starts where one did goes on as that one did.
            text::wrap_line_until(line, start, columns, &mut fresh, |at| {
                let same = (at > after)
                    .then(|| old.binary_search_by_key(&(at - added + removed), |row| row.start));
                if let Some(Ok(row)) = same {
                    last = row;
                    return true;
                }
                false
            });
            start += line.len() + 1;
        }
        let behind = first + fresh.len();
        self.rows.splice(first..last, fresh);
        if added != removed {
            for row in &mut self.rows[behind..] {
                *row = row.start - removed + added..row.end - removed + added;
            }
        }
    }

    /// Puts the cursor on a grapheme again: what was typed may have joined its neighbours.
    fn align(&mut self) {
        self.anchor = None;
        if !self.is_on_grapheme(self.cursor) {
            self.cursor = self.after(self.cursor);
        }
        self.goal = None;
        self.scroll_to_cursor();
    }

    fn scroll_to_cursor(&mut self) {
        let row = self.cursor_row();
        let height = self.height.max(1);
        let last_top = self.rows.len().saturating_sub(height);
        self.top = self
            .top
            .min(row)
            .max((row + 1).saturating_sub(height))
            .min(last_top.max((row + 1).saturating_sub(height)));
    }

    /// One column is left for the cursor behind a full row.
    fn wrap_columns(&self) -> usize {
        self.columns.saturating_sub(1)
    }

    fn cursor_row(&self) -> usize {
        self.row_at(self.cursor)
    }

    fn row_at(&self, at: usize) -> usize {
        self.rows
            .partition_point(|row| row.start <= at)
            .saturating_sub(1)
    }

    /// Says whether a row is the first one of its line.
    fn starts_line(&self, row: usize) -> bool {
        let start = self.rows[row].start;
        start == 0 || self.text.as_bytes()[start - 1] == b'\n'
    }

    fn column_in(&self, row: usize) -> usize {
        text::width(&self.text[self.rows[row].start..self.cursor])
    }

    /// Says whether a grapheme begins here, or the text ends. Words are divided by other rules, and may end inside one.
    fn is_on_grapheme(&self, at: usize) -> bool {
        let mut boundary = GraphemeCursor::new(at, self.text.len(), true);
        matches!(boundary.is_boundary(&self.text, 0), Ok(true))
    }

    fn before(&self, at: usize) -> usize {
        GraphemeCursor::new(at, self.text.len(), true)
            .prev_boundary(&self.text, 0)
            .ok()
            .flatten()
            .unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        GraphemeCursor::new(at, self.text.len(), true)
            .next_boundary(&self.text, 0)
            .ok()
            .flatten()
            .unwrap_or(self.text.len())
    }

    fn destination(&self, motion: Motion) -> usize {
        let at = self.aim(motion);
        match motion {
            Motion::WordLeft if !self.is_on_grapheme(at) => self.before(at),
            Motion::WordRight if !self.is_on_grapheme(at) => self.after(at),
            _ => at,
        }
    }

    fn aim(&self, motion: Motion) -> usize {
        match motion {
            Motion::Left => self.before(self.cursor),
            Motion::Right => self.after(self.cursor),
            Motion::Up => self.rows_away(1, false),
            Motion::Down => self.rows_away(1, true),
            Motion::PageUp => self.rows_away(self.height.max(2) - 1, false),
            Motion::PageDown => self.rows_away(self.height.max(2) - 1, true),
            Motion::WordLeft => self.text[..self.cursor]
                .split_word_bound_indices()
                .rev()
                .find(|(_, word)| is_word(word))
                .map_or(0, |(at, _)| at),
            Motion::WordRight => self.text[self.cursor..]
                .split_word_bound_indices()
                .find(|(_, word)| is_word(word))
                .map_or(self.text.len(), |(at, word)| self.cursor + at + word.len()),
            Motion::LineStart => self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1),
            Motion::LineEnd => self.text[self.cursor..]
                .find('\n')
                .map_or(self.text.len(), |at| self.cursor + at),
            Motion::RowStart => match self.rows[self.cursor_row()].start {
                start if start == self.cursor => self.aim(Motion::LineStart),
                start => start,
            },
            Motion::RowEnd => match self.end_of_row(self.cursor_row()) {
                end if end == self.cursor => self.aim(Motion::LineEnd),
                end => end,
            },
            Motion::TextStart => 0,
            Motion::TextEnd => self.text.len(),
        }
    }

    /// Finds the place some rows away; beyond the first and last row lie the start and the end of the text.
    fn rows_away(&self, count: usize, down: bool) -> usize {
        let row = self.cursor_row();
        let last = self.rows.len() - 1;
        let target = match (down, row) {
            (false, 0) => return 0,
            (true, _) if row == last => return self.text.len(),
            (false, _) => row.saturating_sub(count),
            (true, _) => row.saturating_add(count).min(last),
        };
        let goal = self.goal.unwrap_or_else(|| self.column_in(row));
        let range = self.rows[target].clone();
        let mut column = 0;
        for (index, grapheme) in self.text[range.clone()].grapheme_indices(true) {
            let width = text::shown(grapheme).1;
            if column + width > goal {
                return range.start + index;
            }
            column += width;
        }
        self.end_of_row(target)
    }

    /// Finds the last place of a row. The end of one that is wrapped is the start of the next one, so its last grapheme
    /// is as far as the cursor can go.
    fn end_of_row(&self, row: usize) -> usize {
        let end = self.rows[row].end;
        let wraps = self.rows.get(row + 1).is_some_and(|next| next.start == end);
        if wraps { self.before(end) } else { end }
    }
}

/// Says whether a part between two word boundaries (UAX 29) is more than blanks and marks of punctuation.
fn is_word(part: &str) -> bool {
    !part.chars().all(|c| {
        c.is_whitespace()
            || c.is_ascii_punctuation()
            || matches!(
                c,
                '\u{a1}' | '\u{ab}' | '\u{b7}' | '\u{bb}' | '\u{bf}' | '\u{2010}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{301f}'
            )
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
