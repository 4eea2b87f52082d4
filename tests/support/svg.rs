//! A screen as an SVG picture: letters as text, frames and blocks as paths, so that no font leaves gaps.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// A cell, in the units of the picture: ten to a pixel.
const WIDTH: usize = 84;
const HEIGHT: usize = 170;
/// From the top of a cell to the line on which letters stand.
const BASE: usize = 130;
/// Around the screen.
const EDGE: usize = 120;
/// How long a picture of a sequence stands, in seconds.
const STANDS: usize = 3;

/// The colours of a terminal.
#[derive(Clone, Copy)]
pub(crate) struct Palette {
    background: &'static str,
    foreground: &'static str,
    red: &'static str,
    green: &'static str,
    yellow: &'static str,
    grey: &'static str,
}

pub(crate) const DARK: Palette = Palette {
    background: "#101418",
    foreground: "#d8dee9",
    red: "#c01c28",
    green: "#4ea32a",
    yellow: "#c4a000",
    grey: "#5e6672",
};

pub(crate) const LIGHT: Palette = Palette {
    background: "#fdfcfa",
    foreground: "#24292f",
    red: "#c01c28",
    green: "#4ea32a",
    yellow: "#a07800",
    grey: "#b4b8bf",
};

impl Palette {
    fn colour(self, color: Color, usual: &'static str) -> &'static str {
        match color {
            Color::Idx(0 | 16) => "#000000",
            Color::Idx(1) => self.red,
            Color::Idx(2) => self.green,
            Color::Idx(3) => self.yellow,
            Color::Idx(8) => self.grey,
            Color::Idx(15 | 231) => "#ffffff",
            _ => usual,
        }
    }

    /// The colours of a cell: of what is written, and behind it.
    fn of(self, cell: &Cell) -> (&'static str, &'static str) {
        let foreground = self.colour(cell.fgcolor(), self.foreground);
        let background = self.colour(cell.bgcolor(), self.background);
        if cell.inverse() {
            (background, foreground)
        } else {
            (foreground, background)
        }
    }
}

/// Draws one screen.
pub(crate) fn picture(screen: &Screen, palette: Palette) -> String {
    whole(screen, palette, "", &body(screen, palette))
}

/// Draws screens that follow one another, over and over; the last one, where a person wants nothing to move.
pub(crate) fn sequence(screens: &[Screen], palette: Palette) -> String {
    let takes = screens.len() * STANDS;
    let hundredths = 10_000 / screens.len();
    let part = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let style = format!(
        "<style>\n.s{{visibility:hidden;animation:s {takes}s step-end infinite}}\n\
         @keyframes s{{0%{{visibility:visible}}{part}%{{visibility:hidden}}}}\n\
         @media (prefers-reduced-motion:reduce){{.s{{animation:none}}.s:last-child{{visibility:visible}}}}\n</style>\n"
    );
    let mut bodies = String::new();
    for (at, screen) in screens.iter().enumerate() {
        let since = at * STANDS;
        writeln!(
            bodies,
            "<g class=\"s\" style=\"animation-delay:{since}s\">\n{}</g>",
            body(screen, palette)
        )
        .expect("memory");
    }
    whole(&screens[0], palette, &style, &bodies)
}

fn whole(screen: &Screen, palette: Palette, style: &str, bodies: &str) -> String {
    let (rows, columns) = screen.size();
    let width = usize::from(columns.get()) * WIDTH + 2 * EDGE;
    let height = usize::from(rows.get()) * HEIGHT + 2 * EDGE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"140\">\n{style}\
         <rect width=\"{width}\" height=\"{height}\" rx=\"80\" fill=\"{}\"/>\n<g transform=\"translate({EDGE} {EDGE})\">\n{bodies}</g>\n</svg>\n",
        palette.background
    )
}

fn body(screen: &Screen, palette: Palette) -> String {
    let (rows, columns) = screen.size();
    let mut body = String::new();
    for row in 0..rows.get() {
        let cells: Vec<_> = (0..columns.get())
            .filter_map(|column| screen.cell(row, column))
            .collect();
        let y = usize::from(row) * HEIGHT;
        let mut x = 0;
        while x < cells.len() {
            let kind = kind(cells[x]);
            let same = |cell: &&&Cell| self::kind(cell) == kind && looks(cell) == looks(cells[x]);
            let run = cells[x..].iter().take_while(same).count();
            draw(&mut body, palette, &cells[x..x + run], kind, (x, y));
            x += run;
        }
    }
    if !screen.hide_cursor() {
        let (row, column) = screen.cursor_position();
        let (x, y) = (usize::from(column) * WIDTH, usize::from(row) * HEIGHT);
        let fill = palette.foreground;
        writeln!(
            body,
            "<rect class=\"q\" x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>"
        )
        .expect("memory");
    }
    body
}

type Looks = (Color, Color, [bool; 5]);

fn looks(cell: &Cell) -> Looks {
    let is = [
        cell.bold(),
        cell.dim(),
        cell.italic(),
        cell.underline(),
        cell.inverse(),
    ];
    (cell.fgcolor(), cell.bgcolor(), is)
}

/// How a cell is drawn.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Frame,
    Block,
}

fn kind(cell: &Cell) -> Kind {
    match cell.contents().chars().next() {
        Some('\u{2500}'..='\u{257f}') => Kind::Frame,
        Some('\u{2580}'..='\u{259f}') => Kind::Block,
        // A blank within a QR code is a part of it.
        None | Some(' ') if cell.bgcolor() == Color::Idx(231) => Kind::Block,
        _ => Kind::Text,
    }
}

/// Draws a run of cells that look alike. What differs from run to run of the program, codes, is of the class `q`.
fn draw(
    body: &mut String,
    palette: Palette,
    run: &[&Cell],
    kind: Kind,
    (column, y): (usize, usize),
) {
    let (fill, background) = palette.of(run[0]);
    let x = column * WIDTH;
    let width = run.len() * WIDTH;
    let class = if kind == Kind::Block { "q" } else { "b" };
    if background != palette.background {
        writeln!(
            body,
            "<rect class=\"{class}\" shape-rendering=\"crispEdges\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{background}\"/>"
        )
        .expect("memory");
    }
    let text: String = run
        .iter()
        .map(|cell| match cell.contents() {
            "" => " ",
            text => text,
        })
        .collect();
    if text.trim().is_empty() {
        return;
    }
    match kind {
        Kind::Text => write_text(body, run[0], &text, fill, (x, y)),
        Kind::Frame => {
            let parts: String = text
                .chars()
                .enumerate()
                .map(|(at, c)| line(c, x + at * WIDTH, y))
                .collect();
            writeln!(
                body,
                "<path class=\"f\" d=\"{parts}\" stroke=\"{fill}\" stroke-width=\"12\" fill=\"none\"/>"
            )
            .expect("memory");
        }
        Kind::Block => {
            let parts: String = text
                .chars()
                .enumerate()
                .map(|(at, c)| blocks(c, x + at * WIDTH, y))
                .collect();
            writeln!(
                body,
                "<path class=\"q\" shape-rendering=\"crispEdges\" d=\"{parts}\" fill=\"{fill}\"/>"
            )
            .expect("memory");
        }
    }
}

fn write_text(body: &mut String, cell: &Cell, text: &str, fill: &str, (x, y): (usize, usize)) {
    let indent = text.len() - text.trim_start().len();
    let text = text.trim();
    let (x, width) = (x + indent * WIDTH, text.chars().count() * WIDTH);
    let mut style = String::new();
    for (is, attribute) in [
        (cell.bold(), " font-weight=\"bold\""),
        (cell.dim(), " opacity=\"0.62\""),
        (cell.italic(), " font-style=\"italic\""),
        (cell.underline(), " text-decoration=\"underline\""),
    ] {
        if is {
            style.push_str(attribute);
        }
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let base = y + BASE;
    writeln!(
        body,
        "<text x=\"{x}\" y=\"{base}\" textLength=\"{width}\" xml:space=\"preserve\" fill=\"{fill}\"{style}>{text}</text>"
    )
    .expect("memory");
}

/// The line of a frame's character, as a path.
fn line(c: char, x: usize, y: usize) -> String {
    let (middle, half) = (x + WIDTH / 2, y + HEIGHT / 2);
    let (right, bottom) = (x + WIDTH, y + HEIGHT);
    match c {
        '─' => format!("M{x} {half}H{right}"),
        '│' => format!("M{middle} {y}V{bottom}"),
        '╭' => format!("M{right} {half}Q{middle} {half} {middle} {bottom}"),
        '╮' => format!("M{x} {half}Q{middle} {half} {middle} {bottom}"),
        '╰' => format!("M{right} {half}Q{middle} {half} {middle} {y}"),
        '╯' => format!("M{x} {half}Q{middle} {half} {middle} {y}"),
        other => panic!("no frame has {other:?}"),
    }
}

/// The quarters of a block character, as a path.
fn blocks(c: char, x: usize, y: usize) -> String {
    // The upper left, the upper right, the lower left, the lower right.
    let quarters: &[usize] = match c {
        ' ' => &[],
        '█' => &[0, 1, 2, 3],
        '▀' => &[0, 1],
        '▄' => &[2, 3],
        '▌' => &[0, 2],
        '▐' => &[1, 3],
        '▘' => &[0],
        '▝' => &[1],
        '▖' => &[2],
        '▗' => &[3],
        '▛' => &[0, 1, 2],
        '▜' => &[0, 1, 3],
        '▙' => &[0, 2, 3],
        '▟' => &[1, 2, 3],
        '▚' => &[0, 3],
        '▞' => &[1, 2],
        other => panic!("no block is {other:?}"),
    };
    let (width, height) = (WIDTH / 2, HEIGHT / 2);
    let quarter = |quarter: &usize| {
        let x = x + (quarter % 2) * width;
        let y = y + (quarter / 2) * height;
        format!("M{x} {y}h{width}v{height}h-{width}z")
    };
    quarters.iter().map(quarter).collect()
}
