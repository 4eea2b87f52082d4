//! The few styles there are: the terminal's own colours, and never a meaning by colour alone. `docs/look.md` says why.
//!
//! Green is for what goes on: the next likely step, the frame of what takes typing, the large mark, good news. Red is for what
//! destroys and what failed, yellow for questions and warnings. Letters wear no colour: none can be read on every background.

use ratatui::style::{Color, Modifier, Style};

use crate::app::{Model, Tone, words::Weight};

/// What a person looks for first.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// What stands back.
pub(super) const QUIET: Style = Style::new().add_modifier(Modifier::DIM);

/// What is selected.
pub(super) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// An address.
pub(super) const ADDRESS: Style = Style::new().add_modifier(Modifier::UNDERLINED);

/// Words that the other text has not.
pub(super) const DIFFERS: Style = Style::new()
    .add_modifier(Modifier::BOLD)
    .add_modifier(Modifier::UNDERLINED);

/// What stands in place of a text: on a white background, dim alone is nothing.
pub(super) const PLACEHOLDER: Style = Style::new()
    .add_modifier(Modifier::DIM)
    .add_modifier(Modifier::ITALIC);

/// Black on white whatever the theme, and also where no colours are wanted: a code for cameras.
/// Both are fixed in the palette of 256 colours.
pub(super) const QR: Style = Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(231));

/// A block that is told from its surroundings without a colour.
const BLOCK: Style = Style::new()
    .add_modifier(Modifier::REVERSED)
    .add_modifier(Modifier::BOLD);

/// Returns how a hint looks. With a colour nothing is bold: many terminals brighten bold colours.
pub(super) fn hint(model: &Model, weight: Weight) -> Style {
    match weight {
        Weight::Plain => STRONG,
        _ if model.about.without.colours => BLOCK,
        Weight::Next => Style::new().fg(Color::Black).bg(Color::Green),
        Weight::Destroys => Style::new().fg(Color::White).bg(Color::Red),
    }
}

/// Returns how a frame looks: that of what takes typing, or another.
pub(super) fn frame(model: &Model, takes_typing: bool) -> Style {
    match (model.about.without.colours, takes_typing) {
        (false, false) => Style::new().fg(Color::DarkGray),
        (false, true) => Style::new().fg(Color::Green),
        (true, false) => QUIET,
        (true, true) => Style::new(),
    }
}

/// Returns how the large quotation mark looks.
pub(super) fn mark(model: &Model) -> Style {
    frame(model, true)
}

/// Returns how the bar before something that is told looks.
pub(super) fn bar(model: &Model, tone: Tone) -> Style {
    if model.about.without.colours {
        return Style::new();
    }
    Style::new().fg(match tone {
        Tone::Info => Color::Green,
        Tone::Question | Tone::Warning => Color::Yellow,
        Tone::Failure => Color::Red,
    })
}
