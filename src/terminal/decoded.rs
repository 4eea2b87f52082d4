//! What the bytes from a terminal mean: events, and answers to what it was asked.

use crossterm::event::Event;

/// An event, or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A key or a paste.
    Event(Event),
    /// The terminal has another size.
    Resized,
    /// An answer: the terminal has kitty's keyboard protocol.
    #[cfg_attr(not(unix), expect(dead_code, reason = "consoles are not asked"))]
    HasKeyboardProtocol,
    #[cfg_attr(not(unix), expect(dead_code, reason = "consoles are not asked"))]
    /// An answer: in which column the cursor is, counted from 1.
    CursorColumn(u32),
}
