//! A QR code in half blocks.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{put, theme};

/// A QR code with the quiet zone that readers need, ready to be drawn. It is drawn whole or not at all.
pub(super) struct Qr(String);

impl Qr {
    /// Makes the code of an address; `None` where it is too long for one.
    pub(super) fn of(address: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
        Some(Self(code.render::<Dense1x2>().build()))
    }

    /// Its columns on the screen.
    pub(super) fn columns(&self) -> usize {
        self.0.lines().next().map_or(0, |line| line.chars().count())
    }

    /// Its rows on the screen: each has two rows of modules.
    pub(super) fn rows(&self) -> usize {
        self.0.lines().count()
    }

    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, (column, top): (usize, usize)) {
        for (row, line) in self.0.lines().enumerate() {
            put(buffer, area, (column, top + row), line, theme::QR);
        }
    }
}
