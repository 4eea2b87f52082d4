//! The way in: the log-in screen, and the code.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{centred, inner, lifted, put, qr::Qr, quote::paragraphs, theme};
use crate::{
    app::{DeviceCode, Model, Screen, words},
    text,
};

/// The least columns that the words beside a QR code need.
const WORDS: usize = 34;

/// Draws the screen on which nobody is signed in.
pub(super) fn welcome(model: &Model, buffer: &mut Buffer, area: Rect) {
    let blank = ("", Style::new());
    let mut lines = vec![
        ("epigraph", theme::STRONG),
        blank,
        ("Your favourite quote, kept for you.", theme::QUIET),
    ];
    match &model.screen {
        Screen::SignedOut { .. } | Screen::Unrestored => {
            lines.extend([blank, ("  Log in  ", theme::BLOCK)]);
        }
        _ => lines.extend([blank, blank]),
    }
    // The blanks of the button are part of it.
    let button = lines.pop();
    paragraphs(buffer, inner(model, area), &lines);
    if let Some((label, style)) = button.filter(|(label, _)| !label.is_empty()) {
        let rows = lines.len() + 1;
        let area = inner(model, area);
        let row = (lifted(area, rows) + rows)
            .min(area.height.into())
            .saturating_sub(1);
        put(
            buffer,
            area,
            (centred(area, label.len()), row),
            label,
            style,
        );
    }
}

/// A row beside the QR code; those of the highest rank go first where there is little room.
struct Row {
    text: String,
    style: Style,
    rank: u8,
}

/// Draws the code, the address, and the QR code where it fits.
pub(super) fn code(model: &Model, code: &DeviceCode, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let (columns, height) = (usize::from(area.width), usize::from(area.height));
    let address = text::width(&code.verification_uri);
    let least = WORDS.max(address);
    // Its quiet zone is the space between it and the words.
    let qr = code
        .verification_uri_complete
        .as_deref()
        .and_then(Qr::of)
        .filter(|qr| qr.rows() <= height && least + qr.columns() <= columns + 1);

    let beside = qr.as_ref().map_or(0, Qr::columns);
    let gap = (columns + 1).saturating_sub(least + beside).min(6);
    let words = if qr.is_some() {
        least
    } else {
        least.max(60).min(columns)
    };
    let left = centred(area, words + if qr.is_some() { gap + beside } else { 0 });

    let mut rows = rows(code, words);
    while rows.len() > height {
        let rank = rows.iter().map(|row| row.rank).max().unwrap_or(0);
        match rows.iter().rposition(|row| row.rank == rank) {
            Some(at) if rank > 0 => rows.remove(at),
            _ => break,
        };
    }
    let top = lifted(area, rows.len());
    for (at, row) in rows.iter().enumerate() {
        put(buffer, area, (left, top + at), &row.text, row.style);
    }
    if let Some(qr) = qr {
        let area = Rect {
            // The right margin may be white.
            width: area.width + 1,
            ..area
        };
        qr.draw(buffer, area, (left + words + gap, lifted(area, qr.rows())));
    }
}

fn rows(code: &DeviceCode, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |text: &str, style: Style, rank: u8| {
        for row in text::wrap(text, columns) {
            rows.push(Row {
                text: text[row].to_owned(),
                style,
                rank,
            });
        }
    };
    let blank = |add: &mut dyn FnMut(&str, Style, u8)| add("", Style::new(), 6);
    let code_text = format!(
        "   {}   ",
        text::cut(&code.user_code, columns.saturating_sub(6))
    );
    let padding = " ".repeat(text::width(&code_text));

    add("Log in", theme::STRONG, 5);
    blank(&mut add);
    add("Open this address on any device:", Style::new(), 3);
    add(&code.verification_uri, theme::ADDRESS, 0);
    blank(&mut add);
    add("and approve this code:", Style::new(), 3);
    blank(&mut add);
    add(&padding, theme::BLOCK, 4);
    add(&code_text, theme::BLOCK, 0);
    add(&padding, theme::BLOCK, 4);
    blank(&mut add);
    add(&words::works_until(&code.expires_at), Style::new(), 1);
    blank(&mut add);
    add(
        "Approve only a code from your own screen. Never enter one that somebody sent you.",
        theme::QUIET,
        2,
    );
    rows
}
