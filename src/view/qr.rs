//! A QR code in half blocks.

use qrcode::{Color, EcLevel, QrCode};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{put, theme};

/// The blank modules around it, without which readers fail.
const QUIET_ZONE: usize = 4;

/// A QR code, ready to be drawn. It is drawn whole or not at all.
pub(super) struct Qr {
    modules: Vec<Color>,
    side: usize,
}

impl Qr {
    /// Makes the code of an address; `None` where it is too long for one.
    pub(super) fn of(address: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
        Some(Self {
            side: code.width(),
            modules: code.into_colors(),
        })
    }

    /// Its columns on the screen.
    pub(super) fn columns(&self) -> usize {
        self.side + 2 * QUIET_ZONE
    }

    /// Its rows on the screen: each has two rows of modules.
    pub(super) fn rows(&self) -> usize {
        self.columns().div_ceil(2)
    }

    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, (column, top): (usize, usize)) {
        for row in 0..self.rows() {
            let line: String = (0..self.columns())
                .map(
                    |x| match (self.dark(x, 2 * row), self.dark(x, 2 * row + 1)) {
                        (true, true) => '█',
                        (true, false) => '▀',
                        (false, true) => '▄',
                        (false, false) => ' ',
                    },
                )
                .collect();
            put(buffer, area, (column, top + row), &line, theme::QR);
        }
    }

    fn dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.side);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.modules[y * self.side + x] == Color::Dark,
            _ => false,
        }
    }
}
