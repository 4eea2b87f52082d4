//! The way in: the log-in screen, and the code.

use std::borrow::Cow;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    Row, centre, centred, fit, inner, large::large, lifted, measure, paragraph, put, qr::Qr, theme,
};
use crate::{
    account::DeviceCode,
    app::{Model, words},
    keymap::Context,
    text,
};

/// The least columns that the words beside a QR code need.
const WORDS: usize = 34;

/// Draws the screen on which no one is signed in.
pub(super) fn welcome(model: &Model, buffer: &mut Buffer, area: Rect) {
    let area = inner(model, area);
    let columns = measure(area);
    let mut rows = Vec::new();
    rows.extend(paragraph("epigraph", columns, theme::STRONG, 1));
    rows.extend(paragraph("", columns, Style::new(), 3));
    rows.extend(paragraph(
        "Your favourite quote, kept for you.",
        columns,
        theme::QUIET,
        2,
    ));
    let whose = format!("Sign in with your Okta account at {}.", model.about.okta);
    if model.context_under_help() == Context::SignedOut && !model.about.okta.is_empty() {
        rows.extend(paragraph(&whose, columns, theme::QUIET, 2));
    }
    rows.extend(paragraph("", columns, Style::new(), 3));
    let (button, style) = match model.context_under_help() {
        Context::SignedOut => ("  Log in  ", theme::BLOCK),
        _ => ("", Style::new()),
    };
    // Its blanks are part of it.
    rows.push(Row {
        text: Cow::Borrowed(button),
        style,
        rank: 0,
    });
    centre(buffer, area, rows);
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
    fit(&mut rows, height);
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

fn rows(code: &DeviceCode, columns: usize) -> Vec<Row<'_>> {
    let until = words::works_until(&code.expires_at);
    let until = Row {
        text: Cow::Owned(until),
        style: Style::new(),
        rank: 1,
    };
    let blank = || paragraph("", columns, Style::new(), 6);

    let mut rows = Vec::new();
    rows.extend(paragraph("Log in", columns, theme::STRONG, 5));
    rows.extend(blank());
    rows.extend(paragraph(
        "Open this address on any device:",
        columns,
        Style::new(),
        3,
    ));
    rows.extend(paragraph(
        &code.verification_uri,
        columns,
        theme::ADDRESS,
        0,
    ));
    rows.extend(blank());
    rows.extend(paragraph(
        "and approve this code:",
        columns,
        Style::new(),
        3,
    ));
    rows.push(Row {
        text: Cow::Owned(text::cut(&code.user_code, columns)),
        style: theme::STRONG,
        rank: 0,
    });
    rows.extend(blank());
    let letters = large(&code.user_code)
        .into_iter()
        .flatten()
        .filter(|row| text::width(row) <= columns);
    rows.extend(letters.map(|row| Row {
        text: Cow::Owned(row),
        style: theme::STRONG,
        rank: 4,
    }));
    rows.extend(blank());
    rows.push(until);
    rows.extend(blank());
    rows.extend(paragraph(
        "Approve only a code from your own screen. Never enter one that was sent to you.",
        columns,
        theme::QUIET,
        2,
    ));
    rows
}
