//! A text, a cursor on a grapheme, and undo. Pure.
