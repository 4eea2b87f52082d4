//! Frames as bytes. It remembers the terminal's cursor and style from frame to frame, so that a key that types a letter
//! costs about one byte: over a slow line that is felt. It never asks the terminal for anything.

use std::io;

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

/// Collects what a frame changes.
#[derive(Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Where the terminal's cursor is, where that is certain.
    cursor: Option<Position>,
    cursor_shown: Option<bool>,
    /// How the terminal writes now, where that is certain.
    look: Option<Look>,
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

    /// Forgets how the terminal was left: somebody else had it.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
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

impl Backend for Frames {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let columns = self.size().map_or(0, |size| size.width);
        for (x, y, cell) in content {
            self.move_to(Position { x, y })?;
            self.look(Look {
                foreground: cell.fg,
                background: cell.bg,
                modifiers: cell.modifier,
            })?;
            queue!(self.bytes, Print(cell.symbol()))?;
            // Terminals differ about the width of anything else, and about the last column.
            let certain = matches!(cell.symbol().as_bytes(), [b' '..=b'~']);
            self.cursor = (certain && x + 1 < columns).then_some(Position { x: x + 1, y });
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
        queue!(self.bytes, Clear(region))
    }

    fn size(&self) -> io::Result<Size> {
        terminal::size().map(Size::from)
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
