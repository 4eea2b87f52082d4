//! The few styles there are: the terminal's own colours, and never a meaning by colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::app::{Model, Tone};

/// What a person looks for first.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// What stands back.
pub(super) const QUIET: Style = Style::new().add_modifier(Modifier::DIM);

/// What is selected.
pub(super) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// An address.
pub(super) const ADDRESS: Style = Style::new().add_modifier(Modifier::UNDERLINED);

/// A button, and the code that is to be compared.
pub(super) const BLOCK: Style = Style::new()
    .add_modifier(Modifier::REVERSED)
    .add_modifier(Modifier::BOLD);

/// Black on white whatever the theme, and also where no colours are wanted: a code for cameras.
/// Both are fixed in the palette of 256 colours.
pub(super) const QR: Style = Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(231));

/// Returns how a notice looks.
pub(super) fn notice(model: &Model, tone: Tone) -> Style {
    match tone {
        Tone::Info => Style::new(),
        Tone::Failure if model.about.no_color => STRONG,
        Tone::Failure => STRONG.fg(Color::Red),
    }
}
