//! Frames as bytes. It remembers the terminal's cursor and style from frame to frame, so that a key that types a letter
//! costs about one byte: over a slow line that is felt. It never asks the terminal for anything.

use std::{collections::BTreeMap, io, ops::Range};

use crossterm::{
    cursor::{Hide, MoveTo, MoveToColumn, Show},
    queue,
    terminal::{self, Clear},
};
use ratatui::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};

use unicode_width::UnicodeWidthChar;

use crate::text;

/// Collects what a frame changes.
#[derive(Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// The size that is drawn for. Asking the terminal for each frame would cost a key a tenth of its time.
    size: Size,
    /// Where the terminal's cursor is, where that is certain.
    cursor: Option<Position>,
    /// Which row it is on, where that is certain.
    row: Option<u16>,
    cursor_shown: Option<bool>,
    /// How the terminal writes now, where that is certain.
    look: Option<Look>,
    /// What the screen shows, row by row.
    rows: Vec<Vec<Cell>>,
    /// Where a letter was shown before its frame.
    echoed: Option<Position>,
    /// Whether the terminal has said how wide it draws characters of ambiguous width.
    widths_are_known: bool,
}

/// How far the terminal agrees with us about the width of a cell.
#[derive(Clone, Copy, PartialEq)]
enum Trust {
    /// It does.
    Full,
    /// It may take one column or two, as the terminal is set.
    Doubtful,
    /// Anything may come of it.
    None,
}

/// A part of a row behind which a wide enough gap begins.
struct Stretch {
    /// Its cells.
    cells: Range<usize>,
    /// How many of them may take one column or two.
    doubtful: usize,
    /// Whether some are made of several characters: anything may come of them.
    is_wild: bool,
}

/// How a cell looks.
#[derive(Clone, Copy, Default, PartialEq)]
struct Look {
    foreground: Color,
    background: Color,
    modifiers: Modifier,
}

/// What the program uses, with the parameters of SGR.
const ATTRIBUTES: [(Modifier, u8); 5] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::REVERSED, 7),
];

impl Look {
    /// Returns the sequence that sets it, whatever was set before (SGR, ECMA-48 8.3.117). Named colours are those of eight and
    /// sixteen colours (30 to 37, 90 to 97): not every terminal has more.
    fn sequence(self) -> String {
        let attributes = ATTRIBUTES
            .into_iter()
            .filter(|(modifier, _)| self.modifiers.contains(*modifier))
            .map(|(_, parameter)| format!(";{parameter}"));
        let colours = [
            parameters(self.foreground, 30),
            parameters(self.background, 40),
        ];
        let set: String = attributes.chain(colours).collect();
        // Nothing before the first semicolon is a zero, which takes all back.
        format!("\x1b[{set}m")
    }
}

/// Returns the parameters of a colour, counted from those of black.
fn parameters(color: Color, black: u8) -> String {
    let named = match color {
        Color::Reset => return String::new(),
        Color::Indexed(index) => return format!(";{};5;{index}", black + 8),
        Color::Rgb(red, green, blue) => {
            return format!(";{};2;{red};{green};{blue}", black + 8);
        }
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
    };
    format!(";{}", black + named)
}

impl Frames {
    /// Takes the bytes of the frame.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// For a terminal of this size, of which no more is known.
    pub(super) fn of(size: Size) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Forgets how the terminal was left: someone else had it, or its size is another.
    pub(super) fn forget(&mut self, size: Size) {
        *self = Self {
            size,
            widths_are_known: self.widths_are_known,
            ..Self::default()
        };
    }

    /// Starts anew where the size has changed: the screen was cleared then.
    fn fit(&mut self, size: Size) {
        let (columns, rows) = (size.width.into(), size.height.into());
        if self.rows.len() != rows || self.rows.first().is_some_and(|row| row.len() != columns) {
            self.rows = vec![vec![Cell::EMPTY; columns]; rows];
            self.cursor = None;
            self.row = None;
        }
    }

    /// Takes the terminal's word for how wide it draws characters of ambiguous width.
    pub(super) fn trust_widths(&mut self, trusted: bool) {
        self.widths_are_known = trusted;
    }

    /// Writes a cell. What comes next goes on where it ends, where the whole row flows or its width is certain.
    fn put(&mut self, at: Position, cell: &Cell, flows: bool) -> io::Result<()> {
        self.move_to(at)?;
        self.look(Look {
            foreground: cell.fg,
            background: cell.bg,
            modifiers: cell.modifier,
        });
        self.bytes.extend_from_slice(cell.symbol().as_bytes());
        let next = Position {
            x: at.x.saturating_add(width_of(cell)),
            ..at
        };
        // Terminals differ about the last column as well.
        let inside = usize::from(next.x) < self.rows[usize::from(at.y)].len();
        let goes_on = flows || self.trust_in(cell) == Trust::Full;
        self.cursor = (inside && goes_on).then_some(next);
        Ok(())
    }

    /// Writes a whole row, from left to right: where the terminal takes a character for wider than we do, it has written
    /// into cells that we take for empty, and what comes next must go over that.
    ///
    /// Where a character may take one cell or two, what follows goes on wherever it ends, so that nothing is written over.
    /// Behind a gap that is wide enough for the difference, a column is a column again.
    fn put_row(&mut self, y: u16) -> io::Result<()> {
        let row = self.rows[usize::from(y)].clone();
        // Where the terminal's cursor is may be wrong by as much as what was written before it.
        self.cursor = None;
        if !self.is_doubtful(&row) {
            let end = row.iter().rposition(|cell| *cell != Cell::EMPTY);
            let end = end.map_or(0, |last| last + 1);
            self.put_cells(y, &row, 0..end, false)?;
            if end < row.len() {
                self.clear_to_end(Position { x: column(end), y })?;
            }
            return Ok(());
        }
        self.clear_to_end(Position { x: 0, y })?;
        let stretches = self.stretches(&row);
        let starts = stretches.iter().skip(1).map(|stretch| stretch.cells.start);
        let starts: Vec<_> = starts.chain([row.len()]).collect();
        for (stretch, next) in stretches.into_iter().zip(starts) {
            self.cursor = None;
            let end = stretch.cells.end;
            self.put_cells(y, &row, stretch.cells, stretch.doubtful > 0)?;
            if stretch.is_wild && stretch.doubtful == 0 {
                // It may reach into the gap behind it.
                self.put_cells(y, &row, end..next, false)?;
            }
        }
        self.cursor = None;
        Ok(())
    }

    /// Writes cells of a row, one after the other.
    fn put_cells(
        &mut self,
        y: u16,
        row: &[Cell],
        cells: Range<usize>,
        flows: bool,
    ) -> io::Result<()> {
        let mut x = cells.start;
        while x < cells.end {
            self.put(Position { x: column(x), y }, &row[x], flows)?;
            x += usize::from(width_of(&row[x]));
        }
        Ok(())
    }

    /// Divides a row where a gap is wide enough for all that the terminal may have taken for wider before it: behind it, a
    /// column is a column again.
    fn stretches(&self, row: &[Cell]) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let mut x = 0;
        while x < row.len() {
            if row[x] == Cell::EMPTY {
                x += 1;
                continue;
            }
            let mut stretch = Stretch {
                cells: x..x,
                doubtful: 0,
                is_wild: false,
            };
            while x < row.len() {
                let blanks = row[x..].iter().take_while(|cell| **cell == Cell::EMPTY);
                let blanks = blanks.count();
                if blanks > stretch.doubtful || x + blanks == row.len() {
                    break;
                }
                x += blanks;
                stretch.doubtful += usize::from(self.trust_in(&row[x]) == Trust::Doubtful);
                stretch.is_wild |= is_composed(&row[x]);
                x += usize::from(width_of(&row[x]));
                stretch.cells.end = x.min(row.len());
            }
            stretches.push(stretch);
        }
        stretches
    }

    /// Says whether cells stand where nothing beside them can be wider than it should.
    fn stand_apart(&self, row: &[Cell], columns: &[u16]) -> bool {
        let stretches = self.stretches(row);
        columns.iter().all(|x| {
            let within = stretches
                .iter()
                .find(|stretch| stretch.cells.contains(&usize::from(*x)));
            within.is_none_or(|stretch| stretch.doubtful == 0 && !stretch.is_wild)
        })
    }

    /// Clears the row from a place on.
    fn clear_to_end(&mut self, from: Position) -> io::Result<()> {
        self.move_to(from)?;
        self.look(Look::default());
        queue!(self.bytes, Clear(terminal::ClearType::UntilNewLine))
    }

    /// Says how far terminals agree with us about the width of a cell.
    fn trust_in(&self, cell: &Cell) -> Trust {
        let mut chars = cell.symbol().chars();
        match (chars.next(), chars.next()) {
            (Some(' '..='~'), None) => Trust::Full,
            // A terminal that draws these wide says so; no other is worth drawing each row of a frame anew for a letter in it.
            (Some('\u{2500}'..='\u{259f}'), None) if !text::measures_wide() => Trust::Full,
            (Some(c), None) if is_ambiguous(c) => {
                if self.widths_are_known {
                    Trust::Full
                } else {
                    Trust::Doubtful
                }
            }
            // Tables of East Asia differ about letters of Europe.
            (Some('\u{a1}'..='\u{52f}'), None) => {
                if self.widths_are_known && !text::measures_wide() {
                    Trust::Full
                } else {
                    Trust::Doubtful
                }
            }
            _ => Trust::None,
        }
    }

    /// Says whether a row has cells that may take more room than they should: one that is made of several characters, or one
    /// of ambiguous width.
    fn is_uneven(&self, row: &[Cell]) -> bool {
        // ASCII is plain everywhere, and most rows are.
        let mut others = row.iter().filter(|cell| cell.symbol().len() > 1);
        others.any(|cell| {
            let first = cell.symbol().chars().next();
            // What is hidden behind a character of two cells is not to be written, and ratatui takes it for one cell.
            let hides = text::measures_wide() && first.is_some_and(is_ambiguous);
            hides || is_composed(cell) || self.trust_in(cell) == Trust::Doubtful
        })
    }

    /// Says whether a row has cells that may take one column or two.
    fn is_doubtful(&self, row: &[Cell]) -> bool {
        row.iter()
            .any(|cell| self.trust_in(cell) == Trust::Doubtful)
    }

    /// Returns the stretch that ends with columns which lie side by side: what is written there needs no other place.
    fn stretch_ended_by(&self, y: u16, columns: &[u16]) -> Option<Stretch> {
        let row = &self.rows[usize::from(y)];
        let (first, last) = (
            usize::from(*columns.first()?),
            usize::from(*columns.last()?),
        );
        let covered: usize = columns
            .iter()
            .map(|x| usize::from(width_of(&row[usize::from(*x)])))
            .sum();
        let end = last + usize::from(width_of(&row[last]));
        let ended = |stretch: &Stretch| {
            stretch.cells.contains(&first) && stretch.cells.end <= end && covered == end - first
        };
        self.stretches(row).into_iter().find(ended)
    }

    /// Shows a letter before its frame, where the cursor is and nothing else: drawing the frame and comparing it with the one
    /// before takes ten times as long.
    pub(super) fn echo(&mut self, letter: char) -> io::Result<()> {
        let Some(at) = self.cursor.filter(|_| self.cursor_shown == Some(true)) else {
            return Ok(());
        };
        let (x, y) = (usize::from(at.x), usize::from(at.y));
        let row = self.rows.get(y).map_or(&[][..], Vec::as_slice);
        let is_free = |cells: &[Cell]| cells.iter().all(|cell| *cell == Cell::EMPTY);
        if !row.get(x..x + 2).is_some_and(is_free) || self.is_uneven(row) {
            return Ok(());
        }
        let mut cell = Cell::EMPTY;
        cell.set_char(letter);
        self.put(at, &cell, false)?;
        self.rows[y][x] = cell;
        self.echoed = Some(at);
        Ok(())
    }

    /// Writes what has changed.
    fn write<'a>(&mut self, content: impl Iterator<Item = (u16, u16, &'a Cell)>) -> io::Result<()> {
        let mut changed: BTreeMap<u16, Vec<(u16, &Cell)>> = BTreeMap::new();
        let mut echoed = self.echoed.take();
        for (x, y, cell) in content {
            let was_echoed = echoed.take_if(|at| *at == Position { x, y }).is_some();
            // The terminal may have become smaller since.
            let shown = self.rows.get(usize::from(y));
            let shown = shown.and_then(|row| row.get(usize::from(x)));
            if shown.is_some_and(|shown| !was_echoed || shown != cell) {
                changed.entry(y).or_default().push((x, cell));
            }
        }
        // What the frame leaves as it was is blank there.
        if let Some(Position { x, y }) = echoed {
            let row = changed.entry(y).or_default();
            let before = row.partition_point(|(column, _)| *column < x);
            row.insert(before, (x, &Cell::EMPTY));
        }
        for (y, cells) in changed {
            let before = self.rows[usize::from(y)].clone();
            for (x, cell) in &cells {
                self.rows[usize::from(y)][usize::from(*x)].clone_from(cell);
            }
            let columns: Vec<_> = cells.iter().map(|(x, _)| *x).collect();
            let row = &self.rows[usize::from(y)];
            let is_even = !self.is_uneven(&before) && !self.is_uneven(row)
                || self.stand_apart(&before, &columns) && self.stand_apart(row, &columns);
            let is_here = || self.cursor == columns.first().map(|x| Position { x: *x, y });
            let ended = || self.stretch_ended_by(y, &columns).filter(|_| is_here());
            let flows = if is_even {
                false
            } else if let Some(stretch) = ended().filter(|stretch| !stretch.is_wild) {
                stretch.doubtful > 0
            } else {
                self.put_row(y)?;
                continue;
            };
            for (x, cell) in cells {
                self.put(Position { x, y }, cell, flows)?;
            }
        }
        Ok(())
    }

    /// Moves the terminal's cursor in the fewest bytes.
    fn move_to(&mut self, position: Position) -> io::Result<()> {
        if self.cursor == Some(position) {
            return Ok(());
        }
        match self.row {
            Some(row) if row == position.y && position.x == 0 => self.bytes.push(b'\r'),
            Some(row) if row + 1 == position.y && position.x == 0 => self.bytes.extend(b"\r\n"),
            Some(row) if row == position.y => queue!(self.bytes, MoveToColumn(position.x))?,
            _ => queue!(self.bytes, MoveTo(position.x, position.y))?,
        }
        self.cursor = Some(position);
        self.row = Some(position.y);
        Ok(())
    }

    fn look(&mut self, look: Look) {
        if self.look != Some(look) {
            self.bytes.extend_from_slice(look.sequence().as_bytes());
            self.look = Some(look);
        }
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

/// Says whether a cell is made of several characters.
fn is_composed(cell: &Cell) -> bool {
    cell.symbol().chars().nth(1).is_some()
}

/// Says whether a character takes one cell or two, as the terminal is set.
fn is_ambiguous(c: char) -> bool {
    c.width() != c.width_cjk()
}

/// Returns the columns that a cell takes, those that it hides included.
fn width_of(cell: &Cell) -> u16 {
    if cell.symbol().len() == 1 {
        return 1;
    }
    column(text::width(cell.symbol()).max(1))
}

fn column(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

impl Backend for Frames {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.fit(self.size);
        self.write(content)
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
        let at = position.into();
        if self.cursor == Some(at) {
            return Ok(());
        }
        let row = self
            .rows
            .get(usize::from(at.y))
            .map_or(&[][..], Vec::as_slice);
        let end = usize::from(at.x);
        let reaches = |stretch: &Stretch| {
            stretch.cells.start < end && end <= stretch.cells.end + stretch.doubtful
        };
        let stretches = self.stretches(row);
        let before = stretches.into_iter().find(reaches);
        let before = before.filter(|before| before.doubtful > 0);
        let Some(before) = before else {
            return self.move_to(at);
        };
        // Only the terminal knows where that is: behind what stands before it.
        let row = row.to_vec();
        self.put_cells(at.y, &row, before.cells.start..end.min(row.len()), true)?;
        self.cursor = Some(at);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        // A terminal clears with the colours that it writes with.
        self.look(Look::default());
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
        Ok(self.size)
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

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;

    /// A row of a terminal that gives some characters two cells, and blanks whichever half of one is written over.
    fn shown(bytes: &[u8], wide: impl Fn(char) -> bool) -> (String, usize) {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let mut cells = vec![' '; 120];
        let mut x = 0;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '\x1b' {
                let rest = chars.as_str();
                let end = rest
                    .find(|c: char| c.is_ascii_alphabetic())
                    .expect("an end");
                match &rest[end..=end] {
                    "H" => {
                        let column = rest[1..end].split(';').nth(1).expect("a column");
                        x = column.parse::<usize>().expect("a number") - 1;
                    }
                    "G" => x = rest[1..end].parse::<usize>().expect("a number") - 1,
                    "K" => cells[x..].fill(' '),
                    _ => {}
                }
                chars = rest[end + 1..].chars();
                continue;
            }
            if c == '\r' {
                x = 0;
                continue;
            }
            let width = if wide(c) { 2 } else { 1 };
            for at in x..x + width {
                if cells[at] == '\0' {
                    cells[at - 1] = ' ';
                }
                if cells[at + 1] == '\0' {
                    cells[at + 1] = ' ';
                }
            }
            cells[x] = c;
            if width == 2 {
                cells[x + 1] = '\0';
            }
            x += width;
        }
        let row: String = cells.into_iter().filter(|c| *c != '\0').collect();
        (row.trim_end().to_owned(), x)
    }

    fn row_of(text: &str) -> Vec<Cell> {
        let buffer = Buffer::with_lines([format!("{text:<100}")]);
        let mut cells = buffer.content().to_vec();
        for cell in &mut cells {
            if cell.symbol() == " " {
                *cell = Cell::EMPTY;
            }
        }
        cells
    }

    fn of_row(row: Vec<Cell>) -> Frames {
        Frames {
            rows: vec![row],
            ..Frames::default()
        }
    }

    #[test]
    fn nothing_is_written_over_by_what_takes_two_cells() {
        for text in [
            "“Über” — café…",
            "①※·° “x”",
            "“日本” x",
            "Любовь и кровь",
            "plain",
            "é",
        ] {
            for (what, wide) in [
                ("narrow", (|c| c > '\u{2fff}') as fn(char) -> bool),
                ("as Unicode says", |c| is_ambiguous(c) || c > '\u{2fff}'),
                ("as old tables say", |c| c > '\u{a0}'),
            ] {
                let mut frames = of_row(row_of(&format!("  {text}")));
                frames.put_row(0).expect("bytes");
                let (last, _) = text.char_indices().next_back().expect("a text");
                let before = 2 + text::width(&text[..last]);
                let at = Position {
                    x: column(before),
                    y: 0,
                };
                frames.set_cursor_position(at).expect("bytes");
                let (row, cursor) = shown(&frames.take(), wide);
                assert_eq!(row.trim(), text, "{what}");
                let behind: usize = text
                    .chars()
                    .rev()
                    .skip(1)
                    .map(|c| 1 + usize::from(wide(c)))
                    .sum();
                assert_eq!(cursor, 2 + behind, "the cursor in {text:?}, {what}");
            }
        }
    }

    #[test]
    fn a_cell_outside_the_screen_is_left_out() {
        let mut frames = of_row(row_of("one"));
        let cell = Cell::new("x");
        let outside = [(100, 0, &cell), (0, 1, &cell), (u16::MAX, u16::MAX, &cell)];
        frames.write(outside.into_iter()).expect("bytes");
        assert_eq!(frames.take(), b"");
    }

    #[test]
    fn what_is_far_enough_away_stays_in_its_column() {
        let mut frames = of_row(row_of("“a”          quit"));
        frames.put_row(0).expect("bytes");
        let (row, _) = shown(&frames.take(), is_ambiguous);
        assert_eq!(row, "“a”        quit");
    }

    /// Writes a row of a screen of 40 columns, the second of three.
    fn write_row(frames: &mut Frames, text: &str) {
        frames.fit(Size::new(40, 3));
        let row = Buffer::with_lines([format!("{text:<40}")]);
        let shown = frames.rows[1].clone();
        let cells = row.content().iter().zip(shown).zip(0..);
        let changed = cells.filter(|((new, old), _)| **new != *old);
        let changed: Vec<_> = changed.map(|((cell, _), x)| (x, 1, cell)).collect();
        frames.write(changed.into_iter()).expect("written");
    }

    /// Frames of which this was written to the terminal.
    fn showing(row: &str) -> Frames {
        let mut frames = Frames::default();
        write_row(&mut frames, row);
        taken(&mut frames);
        frames
    }

    fn taken(frames: &mut Frames) -> String {
        String::from_utf8(frames.take()).expect("UTF-8")
    }

    #[test]
    fn the_cursor_moves_without_a_letter_where_widths_are_certain() {
        let mut frames = showing("│ é   ab    │");
        frames.set_cursor_position((8, 1)).expect("moved");
        assert_eq!(taken(&mut frames), "\x1b[9G");
        // Only the terminal knows where that is.
        frames.set_cursor_position((3, 1)).expect("moved");
        assert!(taken(&mut frames).contains('é'));
    }

    #[test]
    fn what_comes_behind_a_composed_character_goes_over_it() {
        let mut frames = Frames::default();
        write_row(&mut frames, "é   👨‍👩‍👧      z");
        let written = taken(&mut frames);
        let (_, behind) = written.split_once('👧').expect("a family");
        assert!(behind.contains("      "), "{written:?}");
        write_row(&mut frames, "é   👨‍👩‍👧");
        frames.set_cursor_position((6, 1)).expect("moved");
        taken(&mut frames);
        write_row(&mut frames, "é   👨‍👩‍👧a");
        let written = taken(&mut frames);
        assert!(written.contains("👨‍👩‍👧"), "{written:?}");
    }

    /// Whether the frame has it or not, the screen is as the frame says, and a letter is one byte.
    #[test]
    fn a_letter_before_its_frame_is_taken_at_its_word_or_away() {
        for (before, at, letter, after, echoes) in [
            ("│ ab      │", 4, 'c', "│ abc     │", true),
            ("│ ab      │", 4, 'c', "│ ab      │", true),
            ("│ ab      │", 4, 'c', "│ abz     │", true),
            ("│ ab      │", 4, 'c', "│         │", true),
            ("│ ab      │", 3, 'c', "│ acb     │", false),
            ("│ ab│", 4, 'c', "│ abc│", false),
            ("│ éb      │", 4, 'c', "│ ébc     │", false),
        ] {
            let mut frames = Frames::default();
            write_row(&mut frames, before);
            frames.show_cursor().expect("shown");
            frames.set_cursor_position((at, 1)).expect("moved");
            let mut bytes = frames.take();
            frames.echo(letter).expect("echoed");
            let echoed = frames.take();
            assert_eq!(echoed, &b"c"[..usize::from(echoes)], "{after:?}");
            bytes.extend(&echoed);
            // The frame is compared with the one before, which knows nothing of it.
            let cells = |text: &str| {
                let row = Buffer::with_lines([format!("{text:<40}")]);
                row.content().to_vec()
            };
            let (old, new) = (cells(before), cells(after));
            let changed = old.iter().zip(&new).zip(0..);
            let changed = changed.filter(|((old, new), _)| old != new);
            frames
                .write(changed.map(|((_, new), x)| (x, 1, new)))
                .expect("written");
            if after == "│ abc     │" {
                assert_eq!(frames.bytes, b"");
            }
            bytes.extend(frames.take());
            let [rows, columns] = [3, 40].map(|size: u16| size.try_into().expect("a size"));
            let mut terminal = vt100::Parser::new(rows, columns, 0);
            terminal.process(&bytes);
            let shown = terminal.screen().contents();
            assert_eq!(shown.trim(), after.trim(), "{before:?}");
        }
    }

    #[test]
    fn after_a_new_size_no_place_is_certain() {
        let mut frames = showing("one");
        frames.fit(Size::new(30, 3));
        let cell = Cell::new("x");
        frames.write([(0, 2, &cell)].into_iter()).expect("written");
        assert!(taken(&mut frames).starts_with("\x1b[3;1H"));
    }

    #[test]
    fn what_stands_apart_in_a_row_is_written_by_itself() {
        for (before, after, most) in [
            // Within a frame, beside a letter that may take two cells, and behind one that may take any number.
            ("│   ab      │", "│   abc     │", 8),
            ("│ é   ab    │", "│ é   abc   │", 8),
            ("│ 👨‍👩‍👧   ab    │", "│ 👨‍👩‍👧   abc   │", 8),
            // In one stretch with it, the whole row.
            ("│ éab       │", "│ éabc      │", 40),
            ("│ é ab      │", "│ é abc     │", 40),
            ("│ 👨‍👩‍👧ab       │", "│ 👨‍👩‍👧abc      │", 80),
            // It was in one, and has left a gap behind.
            ("│ éabc      │", "│ é  c      │", 40),
        ] {
            let mut frames = showing(before);
            write_row(&mut frames, after);
            let written = taken(&mut frames);
            assert_eq!(written.contains('│'), most > 8, "{after}: {written:?}");
            assert!(written.len() <= most, "{after}: {} bytes", written.len());
        }
    }
}
