//! Frames as bytes. It remembers the terminal's cursor and style from frame to frame, so that a key that types a letter
//! costs about one byte: over a slow line that is felt. It never asks the terminal for anything.

use std::{collections::BTreeSet, io};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    style::{Attribute, Colors, Print, SetAttribute, SetColors},
    terminal::{self, Clear},
};
use ratatui::{
    backend::{Backend, ClearType, IntoCrossterm, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};

use crate::text;

/// Collects what a frame changes.
#[derive(Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Where the terminal's cursor is, where that is certain.
    cursor: Option<Position>,
    cursor_shown: Option<bool>,
    /// How the terminal writes now, where that is certain.
    look: Option<Look>,
    /// What the screen shows, row by row.
    rows: Vec<Vec<Cell>>,
}

/// How a cell looks.
#[derive(Clone, Copy, Default, PartialEq)]
struct Look {
    foreground: Color,
    background: Color,
    modifiers: Modifier,
}

/// What the program uses; each has its sequence.
const ATTRIBUTES: [(Modifier, Attribute); 4] = [
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::UNDERLINED, Attribute::Underlined),
    (Modifier::REVERSED, Attribute::Reverse),
];

impl Frames {
    /// Takes the bytes of the frame.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Forgets how the terminal was left: someone else had it.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Starts anew where the size has changed: the screen was cleared then.
    fn fit(&mut self, size: Size) {
        let (columns, rows) = (size.width.into(), size.height.into());
        if self.rows.len() != rows || self.rows.first().is_some_and(|row| row.len() != columns) {
            self.rows = vec![vec![Cell::EMPTY; columns]; rows];
        }
    }

    /// Writes a cell.
    fn put(&mut self, at: Position, cell: &Cell) -> io::Result<()> {
        self.move_to(at)?;
        self.look(Look {
            foreground: cell.fg,
            background: cell.bg,
            modifiers: cell.modifier,
        })?;
        queue!(self.bytes, Print(cell.symbol()))?;
        // Terminals differ about the width of anything else, and about the last column.
        let certain = matches!(cell.symbol().as_bytes(), [b' '..=b'~']);
        let next = Position { x: at.x + 1, ..at };
        let inside = usize::from(next.x) < self.rows[usize::from(at.y)].len();
        self.cursor = (certain && inside).then_some(next);
        Ok(())
    }

    /// Writes a whole row, from left to right: where the terminal takes a character for wider than we do, it has written
    /// into cells that we take for empty, and what comes next must go over that.
    fn put_row(&mut self, y: u16) -> io::Result<()> {
        let row = self.rows[usize::from(y)].clone();
        let end = row.iter().rposition(|cell| *cell != Cell::EMPTY);
        let end = end.map_or(0, |last| last + 1);
        let mut x = 0;
        while x < end {
            let column = u16::try_from(x).unwrap_or(u16::MAX);
            self.put(Position { x: column, y }, &row[x])?;
            x += text::width(row[x].symbol()).max(1);
        }
        if let Ok(x) = u16::try_from(x)
            && usize::from(x) < row.len()
        {
            self.move_to(Position { x, y })?;
            self.look(Look::default())?;
            queue!(self.bytes, Clear(terminal::ClearType::UntilNewLine))?;
        }
        Ok(())
    }

    fn move_to(&mut self, position: Position) -> io::Result<()> {
        if self.cursor != Some(position) {
            queue!(self.bytes, MoveTo(position.x, position.y))?;
            self.cursor = Some(position);
        }
        Ok(())
    }

    fn look(&mut self, look: Look) -> io::Result<()> {
        if self.look == Some(look) {
            return Ok(());
        }
        queue!(self.bytes, SetAttribute(Attribute::Reset))?;
        for (modifier, attribute) in ATTRIBUTES {
            if look.modifiers.contains(modifier) {
                queue!(self.bytes, SetAttribute(attribute))?;
            }
        }
        if (look.foreground, look.background) != (Color::Reset, Color::Reset) {
            let colors = Colors::new(
                look.foreground.into_crossterm(),
                look.background.into_crossterm(),
            );
            queue!(self.bytes, SetColors(colors))?;
        }
        self.look = Some(look);
        Ok(())
    }

    fn show(&mut self, shown: bool) -> io::Result<()> {
        if self.cursor_shown == Some(shown) {
            return Ok(());
        }
        self.cursor_shown = Some(shown);
        if shown {
            queue!(self.bytes, Show)
        } else {
            queue!(self.bytes, Hide)
        }
    }
}

/// Says whether terminals differ about the width of a cell: a character that is made of several.
fn is_uneven(cell: &Cell) -> bool {
    cell.symbol().chars().nth(1).is_some()
}

impl Backend for Frames {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let size = self.size()?;
        self.fit(size);
        let mut changed = Vec::new();
        let mut uneven = BTreeSet::new();
        for (x, y, cell) in content {
            let Some(row) = self.rows.get_mut(usize::from(y)) else {
                continue;
            };
            if !uneven.contains(&y) && (is_uneven(cell) || row.iter().any(is_uneven)) {
                uneven.insert(y);
            }
            if let Some(place) = row.get_mut(usize::from(x)) {
                place.clone_from(cell);
                changed.push(Position { x, y });
            }
        }
        for at in changed {
            if !uneven.contains(&at.y) {
                let cell = self.rows[usize::from(at.y)][usize::from(at.x)].clone();
                self.put(at, &cell)?;
            }
        }
        for y in uneven {
            self.put_row(y)?;
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.show(false)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.show(true)
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.move_to(position.into())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        // A terminal clears with the colours that it writes with.
        self.look(Look::default())?;
        let region = match region {
            ClearType::All => terminal::ClearType::All,
            ClearType::AfterCursor => terminal::ClearType::FromCursorDown,
            ClearType::BeforeCursor => terminal::ClearType::FromCursorUp,
            ClearType::CurrentLine => terminal::ClearType::CurrentLine,
            ClearType::UntilNewLine => terminal::ClearType::UntilNewLine,
        };
        self.rows.clear();
        queue!(self.bytes, Clear(region))
    }

    fn size(&self) -> io::Result<Size> {
        super::size().map(Size::from)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        let columns_rows = self.size()?;
        Ok(WindowSize {
            columns_rows,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
