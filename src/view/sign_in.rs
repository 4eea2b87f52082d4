//! The way in: the log-in screen, and the code.

use std::borrow::Cow;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    Row, draw_edge, draw_mark, fit,
    frame::{Edge, Foot},
    is_in,
    large::large,
    paragraph, put,
    qr::Qr,
    quote::last_row,
    theme, told,
};
use crate::{
    account::DeviceCode,
    app::{
        Model, Screen, Tone,
        geometry::{self, Layout, Place},
        words::{self, Weight},
    },
    keymap::Context,
    text,
};

/// The least columns that the steps need beside a QR code.
const STEPS: usize = 34;

/// Draws the screen on which no one is signed in.
pub(super) fn welcome(model: &Model, layout: &Layout, buffer: &mut Buffer) {
    let place = geometry::place(model, |columns| welcome_rows(model, columns).len());
    let mut rows = welcome_rows(model, place.columns.into());
    fit(&mut rows, place.rows.into());
    let area = layout.inside();
    for (at, row) in rows.iter().enumerate() {
        let at = is_in(area, (place.left, usize::from(place.top) + at));
        put(buffer, area, at, &row.text, row.style);
        if row.text == BUTTON {
            put(
                buffer,
                area,
                (at.0 + BUTTON.len() + 1, at.1),
                "Enter",
                theme::STRONG,
            );
        }
    }
    told::under(model, &place, rows.len(), buffer);
    // It is there for a moment: a frame would be drawn for nothing.
    if model.screen == Screen::Restoring {
        return;
    }
    draw_mark(model, &place, buffer);
    let mut foot = Foot {
        right: vec![model.about.database.clone()],
        ..Foot::default()
    };
    if let Some(news) = geometry::news_in_foot(model, layout) {
        foot.left = news.to_string();
        foot.left_style = theme::STRONG;
    }
    let edge = edge(model, "epigraph", foot);
    draw_edge(model, layout, &place, &edge, buffer);
}

/// What the frame says before anyone is signed in: with whom the person speaks.
fn edge<'a>(model: &'a Model, title: &'a str, foot: Foot) -> Edge<'a> {
    Edge {
        title,
        title_style: theme::STRONG,
        right: &model.about.okta,
        foot,
        ..Edge::default()
    }
}

const BUTTON: &str = "  Log in  ";

fn welcome_rows(model: &Model, columns: usize) -> Vec<Row<'static>> {
    if model.screen == Screen::Restoring {
        return Vec::new();
    }
    let can_log_in = model.context_under_help() == Context::SignedOut;
    let row = |text: &'static str, style, rank| Row {
        text: Cow::Borrowed(text),
        style,
        rank,
    };
    let mut rows = vec![
        row("Your favourite quote,", theme::STRONG, 2),
        row("kept for you.", theme::STRONG, 2),
        row("", Style::new(), 4),
    ];
    if can_log_in && !model.about.okta.is_empty() {
        let whose = format!("Sign in with your Okta account at {}.", model.about.okta);
        rows.extend(text::rows(&whose, columns).map(|row| Row {
            text: Cow::Owned(row.to_owned()),
            style: theme::QUIET,
            rank: 3,
        }));
        rows.push(row("", Style::new(), 4));
    }
    if can_log_in {
        rows.push(row(BUTTON, theme::hint(model, Weight::Next), 0));
    }
    rows
}

/// Draws the code, the address, and the QR code where it fits: for that, the frame goes, and the address gets a row of its own.
pub(super) fn code(model: &Model, layout: &Layout, code: &DeviceCode, buffer: &mut Buffer) {
    let qr = code.verification_uri_complete.as_deref().and_then(Qr::of);
    let address = text::width(&code.verification_uri);
    let inside = layout.inside();
    let beside = |qr: &Qr, area: Rect, steps: usize, rows: u16| {
        qr.rows() <= usize::from(area.height.saturating_sub(rows))
            && steps + qr.columns() <= area.width.into()
    };
    let margin = usize::from(layout.margin());
    let waiting = waiting(model, layout, code);
    match qr {
        Some(qr) if beside(&qr, inside, margin + STEPS.max(address) + 1, 0) => {
            let x = usize::from(inside.width) - qr.columns() - usize::from(layout.framed);
            let y = (usize::from(inside.height) - qr.rows()) / 2;
            qr.draw(buffer, inside, (x, y));
            draw_steps(model, layout, code, &waiting, buffer);
        }
        // An address is never cut.
        Some(qr)
            if beside(&qr, layout.pane, STEPS, 1)
                && ADDRESS_AT + address <= layout.pane.width.into() =>
        {
            draw_without_frame(model, layout, code, &qr, &waiting, buffer);
        }
        _ => draw_steps(model, layout, code, &waiting, buffer),
    }
}

/// Returns what is waited for, and for how long: in a sentence, and in less room.
fn waiting(model: &Model, layout: &Layout, code: &DeviceCode) -> [String; 2] {
    let said = words::said(model);
    let waits = said
        .iter()
        .find(|notice| Some(*notice) != model.notice.as_ref());
    let waits = waits.map(ToString::to_string).unwrap_or_default();
    let until = text::time_of_day(&code.expires_at);
    let short = format!("{waits} {until}");
    let fits = text::width(&short) <= layout.columns();
    [
        format!("{waits} {}", words::works_until(&code.expires_at)),
        // The zone must not be cut; what else is waited for is more than a time.
        match waits.split_once(' ') {
            Some((waiting @ "Waiting", _)) if !fits => format!("{waiting}… {until}"),
            _ => short,
        },
    ]
}

/// Draws the steps, and the rest in the frame where there is one.
fn draw_steps(
    model: &Model,
    layout: &Layout,
    code: &DeviceCode,
    waiting: &[String; 2],
    buffer: &mut Buffer,
) {
    let inside = layout.inside();
    let margin = layout.margin();
    let columns = inside.width.saturating_sub(2 * margin);
    let mut foot = Foot::default();
    let mut height = usize::from(inside.height);
    if layout.framed {
        waiting[0].clone_into(&mut foot.left);
    } else {
        height = height.saturating_sub(1);
    }
    let notice: Vec<_> = model.notice.iter().cloned().collect();
    let told = geometry::said_rows(&notice, columns);
    let told_rows = told.len().min(height.saturating_sub(2));
    let mut rows = rows(code, columns.into(), false);
    fit(&mut rows, height - told_rows);
    let top = height.saturating_sub(told_rows + rows.len()) * 2 / 5;
    let area = Rect {
        x: inside.x + margin,
        width: columns,
        ..inside
    };
    draw_rows(model, &rows, buffer, area, top);
    let told_at = Rect {
        y: area.y + u16::try_from(top + rows.len()).unwrap_or(u16::MAX),
        height: u16::try_from(told_rows).unwrap_or(u16::MAX),
        ..area
    };
    told::draw(model, &told, buffer, told_at);
    let edge = edge(model, "Log in", foot);
    if layout.framed {
        draw_edge(model, layout, &Place::default(), &edge, buffer);
    } else {
        let row = last_row(layout);
        let columns = row.width.into();
        let fits = |waiting: &&String| text::width(waiting) <= columns;
        let waiting = waiting.iter().find(fits).unwrap_or(&waiting[1]);
        let waiting = text::cut(waiting, columns);
        put(buffer, row, (0, 0), &waiting, Style::new());
    }
}

/// Draws the steps beside a QR code that leaves no room for a frame.
fn draw_without_frame(
    model: &Model,
    layout: &Layout,
    code: &DeviceCode,
    qr: &Qr,
    waiting: &[String; 2],
    buffer: &mut Buffer,
) {
    let area = layout.pane;
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    put(buffer, area, (1, 0), "1", theme::STRONG);
    put(buffer, area, (3, 0), OPEN_SHORT, Style::new());
    let address = &code.verification_uri;
    put(buffer, area, (ADDRESS_AT, 0), address, theme::ADDRESS);
    qr.draw(buffer, area, (width - qr.columns(), 1));

    let columns = width - qr.columns() - 2;
    let left = Rect {
        x: area.x + 1,
        y: area.y + 2,
        width: u16::try_from(columns).unwrap_or(u16::MAX),
        height: area.height - 2,
    };
    let told = geometry::said_rows(
        &model.notice.iter().cloned().collect::<Vec<_>>(),
        left.width,
    );
    let waiting = &waiting[0];
    let below: Vec<_> = text::rows(waiting, columns).collect();
    let room = height - 2 - told.len().min(4) - below.len();
    let mut rows = rows(code, columns, true);
    fit(&mut rows, room);
    draw_rows(model, &rows, buffer, left, 0);
    let at = Rect {
        y: left.y + u16::try_from(room).unwrap_or(u16::MAX),
        height: 4,
        ..left
    };
    told::draw(model, &told, buffer, at);
    let first = height - 2 - below.len();
    for (at, row) in below.into_iter().enumerate() {
        put(buffer, left, (0, first + at), row, Style::new());
    }
}

const OPEN_SHORT: &str = "Open on any device:";

/// The column of the address behind these words.
const ADDRESS_AT: usize = 3 + OPEN_SHORT.len() + 1;

/// What a step starts with; it stands out.
const STEP_NUMBERS: [&str; 3] = ["1 ", "2 ", "3 "];

fn draw_rows(model: &Model, rows: &[Row<'_>], buffer: &mut Buffer, area: Rect, top: usize) {
    for (at, row) in rows.iter().enumerate() {
        let at = (0, top + at);
        put(buffer, area, at, &row.text, row.style);
        if STEP_NUMBERS
            .iter()
            .any(|number| row.text.starts_with(number))
        {
            put(buffer, area, at, &row.text[..1], theme::STRONG);
        }
        if row.rank == WARNING {
            put(buffer, area, at, BAR, theme::bar(model, Tone::Question));
        }
    }
}

/// Stands before a warning.
const BAR: &str = "▌ ";

/// The rank of a warning among the rows.
const WARNING: u8 = 2;

/// Returns the steps, without the first where that stands elsewhere.
fn rows(code: &DeviceCode, columns: usize, address_elsewhere: bool) -> Vec<Row<'_>> {
    let blank = || Row {
        text: Cow::Borrowed(""),
        style: Style::new(),
        rank: 7,
    };
    let mut rows = Vec::new();
    if !address_elsewhere {
        let open = "1 Open this address on any device:";
        rows.extend(paragraph(open, columns, Style::new(), 3));
        rows.extend(paragraph(
            &code.verification_uri,
            columns,
            theme::ADDRESS,
            0,
        ));
        rows.push(blank());
    }
    rows.extend(paragraph(
        "2 Enter this code there:",
        columns,
        Style::new(),
        3,
    ));
    rows.push(Row {
        text: Cow::Owned(text::cut(&code.user_code, columns)),
        style: theme::STRONG,
        rank: 0,
    });
    rows.push(blank());
    let letters = large(&code.user_code)
        .into_iter()
        .flatten()
        .filter(|row| text::width(row) <= columns);
    rows.extend(letters.map(|row| Row {
        text: Cow::Owned(row),
        style: theme::STRONG,
        rank: 6,
    }));
    rows.push(blank());
    rows.extend(paragraph(
        "3 Approve. This goes on by itself.",
        columns,
        Style::new(),
        4,
    ));
    rows.push(blank());
    let warning = "Approve only a code from your own screen, never one that was sent to you.";
    let narrow = columns.saturating_sub(2).min(STEPS - 4);
    rows.extend(text::rows(warning, narrow).map(|row| Row {
        text: Cow::Owned(format!("{BAR}{row}")),
        style: Style::new(),
        rank: WARNING,
    }));
    rows
}
