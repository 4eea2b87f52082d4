//! What the sequences of a terminal's keyboard mean: as xterm, urxvt, VTE, the Linux console and kitty's protocol document them.

use std::str;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A control sequence (ECMA-48 5.4), without its introducer.
pub(super) struct Csi<'a> {
    /// One of `<=>?` at its start, which makes it private.
    private: Option<u8>,
    /// Numbers between `;`, each with its parts between `:`.
    parameters: &'a str,
    has_intermediates: bool,
    end: u8,
}

impl<'a> Csi<'a> {
    /// Divides what stands between the introducer and the end.
    pub(super) fn new(between: &'a [u8], end: u8) -> Self {
        let (private, rest) = match between.split_first() {
            Some((first @ b'<'..=b'?', rest)) => (Some(*first), rest),
            _ => (None, between),
        };
        let is_intermediate = |byte: &u8| (b' '..=b'/').contains(byte);
        let parameters = rest.iter().position(is_intermediate);
        let parameters = parameters.map_or(rest, |at| &rest[..at]);
        Self {
            private,
            parameters: str::from_utf8(parameters).unwrap_or_default(),
            has_intermediates: parameters.len() != rest.len(),
            end,
        }
    }

    /// Returns the first part of a parameter, where it is a number.
    fn number(&self, at: usize) -> Option<u32> {
        self.part(at, 0)
    }

    fn part(&self, at: usize, part: usize) -> Option<u32> {
        let parameter = self.parameters.split(';').nth(at)?;
        parameter.split(':').nth(part)?.parse().ok()
    }

    /// Says whether the terminal asks with it for what kitty's keyboard protocol is set to: it has the protocol.
    pub(super) fn is_keyboard_flags(&self) -> bool {
        self.private == Some(b'?') && self.end == b'u'
    }

    /// Returns row and column of a report of the cursor (CPR), counted from 1.
    pub(super) fn cursor_position(&self) -> Option<(u32, u32)> {
        if self.private.is_some() || self.has_intermediates || self.end != b'R' {
            return None;
        }
        self.number(0).zip(self.number(1))
    }

    /// Says whether it begins a bracketed paste.
    pub(super) fn begins_paste(&self) -> bool {
        self.private.is_none() && self.end == b'~' && self.parameters == "200"
    }

    /// Says whether three more characters belong to it: where and how the mouse was pressed, as X10 and xterm's mode 1000 tell it.
    pub(super) fn is_old_mouse(&self) -> bool {
        self.private.is_none() && self.end == b'M' && self.parameters.is_empty()
    }

    /// Returns the key, where it is one that is known.
    pub(super) fn key(&self) -> Option<KeyEvent> {
        if self.private.is_some() || self.has_intermediates {
            return None;
        }
        match self.end {
            b'u' => self.kitty_key(),
            b'~' if self.number(0) == Some(27) => {
                // xterm's modifyOtherKeys.
                let code = character_or_key(self.number(2)?)?;
                Some(with(code, modifiers(self.number(1)?)))
            }
            b'~' => self.modified(numbered_key(self.number(0)?)?),
            // urxvt.
            b'^' => Some(with(numbered_key(self.number(0)?)?, KeyModifiers::CONTROL)),
            b'$' => Some(with(numbered_key(self.number(0)?)?, KeyModifiers::SHIFT)),
            b'@' => Some(with(
                numbered_key(self.number(0)?)?,
                KeyModifiers::CONTROL | KeyModifiers::SHIFT,
            )),
            b'a'..=b'd' if self.parameters.is_empty() => {
                let code = lettered_key(self.end.to_ascii_uppercase())?;
                Some(with(code, KeyModifiers::SHIFT))
            }
            b'Z' => Some(with(KeyCode::BackTab, KeyModifiers::SHIFT)),
            end => self.modified(lettered_key(end)?),
        }
    }

    /// A key with the modifiers, and pressed or let go as the second parameter says.
    fn modified(&self, code: KeyCode) -> Option<KeyEvent> {
        let only = (!self.parameters.contains(';')).then(|| self.number(0));
        let mask = match self.number(1) {
            // An old xterm tells modifiers in the only parameter.
            None if self.end != b'~' => only.flatten().unwrap_or(1),
            mask => mask.unwrap_or(1),
        };
        self.pressed(with(code, modifiers(mask)))
    }

    /// A key of kitty's keyboard protocol, or of the older "fixterms" that it grew out of.
    fn kitty_key(&self) -> Option<KeyEvent> {
        let mask = self.number(1).unwrap_or(1);
        let mut modifiers = modifiers(mask);
        let mut code = character_or_key(self.number(0)?)?;
        if let KeyCode::Char(c) = code {
            let typed = self.number(2).or_else(|| self.part(0, 1));
            let typed = typed.and_then(char::from_u32);
            let base = self.part(0, 2).and_then(char::from_u32);
            if let Some(base) = base.filter(|_| !modifiers.is_empty() && !c.is_ascii()) {
                // The key of the same place, on a keyboard with Latin letters.
                code = KeyCode::Char(base);
            } else if modifiers.contains(KeyModifiers::SHIFT) {
                let upper = c.to_uppercase().next().unwrap_or(c);
                code = KeyCode::Char(typed.unwrap_or(upper));
            }
            if modifiers == KeyModifiers::CONTROL {
                // What these keys are on every other terminal.
                code = match c {
                    'i' => KeyCode::Tab,
                    'm' => KeyCode::Enter,
                    '[' => KeyCode::Esc,
                    _ => code,
                };
                if !matches!(code, KeyCode::Char(_)) {
                    modifiers = KeyModifiers::NONE;
                }
            }
        }
        if code == KeyCode::Tab && modifiers.contains(KeyModifiers::SHIFT) {
            code = KeyCode::BackTab;
        }
        self.pressed(with(code, modifiers))
    }

    fn pressed(&self, key: KeyEvent) -> Option<KeyEvent> {
        let kind = match self.part(1, 1) {
            Some(3) => return None,
            Some(2) => KeyEventKind::Repeat,
            _ => KeyEventKind::Press,
        };
        Some(KeyEvent { kind, ..key })
    }
}

/// Returns the key of a single shift (`ESC O`), with what stands before its last letter.
pub(super) fn single_shift(between: &[u8], end: u8) -> Option<KeyEvent> {
    let between = str::from_utf8(between).ok()?;
    let mask = between.rsplit(';').next()?.parse().unwrap_or(1);
    let modifiers = modifiers(mask);
    let code = match end {
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b' ' | b'X' => KeyCode::Char(if end == b'X' { '=' } else { ' ' }),
        // The keypad: its characters, moved by as much as `p` is away from `0`.
        b'j'..=b'y' => KeyCode::Char(char::from(end - (b'p' - b'0'))),
        // urxvt's arrows with Ctrl.
        b'a'..=b'd' => {
            let code = lettered_key(end.to_ascii_uppercase())?;
            return Some(with(code, KeyModifiers::CONTROL));
        }
        _ => lettered_key(end)?,
    };
    Some(with(code, modifiers))
}

/// Returns the key of `ESC [ [` and a letter: a function key of the Linux console.
pub(super) fn console_key(end: u8) -> Option<KeyEvent> {
    matches!(end, b'A'..=b'E').then(|| with(KeyCode::F(end - b'A' + 1), KeyModifiers::NONE))
}

/// Returns the key that a control character is.
pub(super) fn control(byte: u8) -> KeyEvent {
    match byte {
        b'\r' => with(KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => with(KeyCode::Tab, KeyModifiers::NONE),
        0x1b => with(KeyCode::Esc, KeyModifiers::NONE),
        0x7f => with(KeyCode::Backspace, KeyModifiers::NONE),
        0 => with(KeyCode::Char(' '), KeyModifiers::CONTROL),
        _ => {
            let c = char::from(byte | 0x40).to_ascii_lowercase();
            with(KeyCode::Char(c), KeyModifiers::CONTROL)
        }
    }
}

/// Returns the key of a character.
pub(super) fn character(c: char) -> KeyEvent {
    with(KeyCode::Char(c), KeyModifiers::NONE)
}

fn with(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
    KeyEvent::new(code, modifiers)
}

/// The modifiers of a parameter: one more than the sum of their bits.
fn modifiers(parameter: u32) -> KeyModifiers {
    const BITS: [(u32, KeyModifiers); 6] = [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::ALT),
    ];
    let bits = parameter.saturating_sub(1);
    let set = BITS.into_iter().filter(|(bit, _)| bits & bit != 0);
    set.map(|(_, modifier)| modifier).collect()
}

/// The keys that are told by a letter.
fn lettered_key(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        _ => return None,
    })
}

/// The keys that are told by a number.
fn numbered_key(number: u32) -> Option<KeyCode> {
    let number = u8::try_from(number).ok()?;
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        // The numbers of DEC's keyboards, which have gaps.
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23..=26 => KeyCode::F(number - 12),
        28 | 29 => KeyCode::F(number - 13),
        31..=34 => KeyCode::F(number - 14),
        _ => return None,
    })
}

/// The keys that are told by a code point: characters, and kitty's own ones in the private use area.
fn character_or_key(code: u32) -> Option<KeyCode> {
    Some(match code {
        9 => KeyCode::Tab,
        13 | 57_414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        57_399..=57_408 => KeyCode::Char(char::from_digit(code - 57_399, 10)?),
        57_409..=57_413 => {
            KeyCode::Char([b'.', b'/', b'*', b'-', b'+'][code as usize - 57_409].into())
        }
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        // Modifiers by themselves, keys of media players, and what is to come.
        57_344..=63_743 => return None,
        _ => KeyCode::Char(char::from_u32(code).filter(|c| !c.is_control())?),
    })
}
