//! Bytes of a terminal to events: keys, pastes, replies and rubbish, told apart by the grammar of ECMA-48, in whatever pieces they come.
//!
//! What has begun ends where the grammar says, and what is not known is dropped whole. Time decides only where nothing more
//! comes: an ESC alone is the Esc key, and anything else that never ends is given up, so that no bytes make the program deaf.

use std::{collections::VecDeque, mem, str, time::Duration};

use crossterm::event::{Event, KeyEvent, KeyModifiers};
use tokio::time::Instant;

use super::{
    decoded::Decoded,
    sequences::{self, Csi},
};

/// How long an ESC may stand alone before it is the Esc key: a slow line may cut a sequence behind it.
const LONE_ESC: Duration = Duration::from_millis(150);

/// How long anything else that has begun may stand still.
const UNFINISHED: Duration = Duration::from_millis(300);

/// How long a paste may stand still.
const PASTE: Duration = Duration::from_millis(500);

/// What comes so long after the beginning of a string that never ends was typed by a person.
const BREATH: Duration = Duration::from_millis(100);

const END_OF_PASTE: &[u8] = b"\x1b[201~";

const ESC: u8 = 0x1b;

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Within a character of UTF-8.
    Character,
    /// Behind ESC.
    Escape,
    /// Behind `ESC O`.
    SingleShift,
    /// Behind `ESC [`.
    Csi,
    /// Behind `ESC [ [`.
    Console,
    /// Within the three characters of a mouse that tells its place in the oldest way.
    OldMouse,
    /// Within an OSC, DCS, APC, PM or SOS, which ends at ST (`ESC \`); an OSC also at BEL.
    ControlString,
    /// Behind an ESC in one of those.
    StringEscape,
    Paste,
}

/// Tells keys, pastes and replies apart.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    /// What has come of that which is not at its end.
    begun: Vec<u8>,
    /// Where in `begun` stands what was typed into a string that does not end, or alone behind a paste that does not.
    typed_from: Option<usize>,
    /// Whether there was an ESC more in front: Alt, on some terminals.
    alt: bool,
    /// Whether a paste was given up: more of it may come yet.
    paste_lapsed: bool,
    /// Whether the terminal was asked where its cursor is: the answer looks like F3.
    expects_cursor: bool,
    last_byte: Option<Instant>,
    decoded: VecDeque<Decoded>,
}

impl Decoder {
    /// Takes in what came at a moment.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) {
        let paused = self.last_byte.is_some_and(|last| now - last >= BREATH);
        self.last_byte = Some(now);
        if mem::take(&mut self.paste_lapsed) && !is_one_key(bytes) {
            self.state = State::Paste;
        }
        // A person who wants to stop, and no part of a text that is pasted.
        while bytes == [0x03] && self.state == State::Paste {
            self.give_up();
            self.paste_lapsed = false;
        }
        match self.state {
            State::Paste => {
                let alone = paused && is_one_key(bytes);
                self.typed_from = alone.then_some(self.begun.len());
            }
            State::ControlString | State::StringEscape if paused => {
                self.typed_from.get_or_insert(self.begun.len());
            }
            _ => {}
        }
        for byte in bytes {
            self.take_byte(*byte);
        }
    }

    /// Returns the next of what was decoded.
    pub(super) fn next(&mut self) -> Option<Decoded> {
        self.decoded.pop_front()
    }

    /// Expects an answer to the question where the cursor is.
    pub(super) fn expect_cursor(&mut self) {
        self.expects_cursor = true;
    }

    /// Says whether an answer about the cursor is still to come.
    pub(super) fn expects_cursor(&self) -> bool {
        self.expects_cursor
    }

    /// Returns when what has begun is to be given up, should nothing more come.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let patience = match self.state {
            State::Ground => return None,
            State::Escape => LONE_ESC,
            State::Paste => PASTE,
            _ => UNFINISHED,
        };
        self.last_byte.map(|last| last + patience)
    }

    /// Gives up what has begun, because nothing more came.
    pub(super) fn give_up(&mut self) {
        let (state, alt) = (mem::take(&mut self.state), mem::take(&mut self.alt));
        let mut begun = mem::take(&mut self.begun);
        let mut typed = match self.typed_from.take() {
            Some(at) => begun.split_off(at),
            None => Vec::new(),
        };
        match state {
            State::Ground
            | State::Csi
            | State::Console
            | State::OldMouse
            | State::ControlString
            | State::StringEscape => {}
            State::Character => self.key(sequences::character(char::REPLACEMENT_CHARACTER), alt),
            State::Escape => {
                if alt {
                    self.key(sequences::control(ESC), false);
                }
                self.key(sequences::control(ESC), false);
            }
            State::SingleShift => {
                self.key(sequences::character('O'), true);
                typed = begun;
            }
            State::Paste => {
                self.paste(&begun);
                self.paste_lapsed = typed.is_empty();
            }
        }
        for byte in typed {
            self.take_byte(byte);
        }
    }

    fn take_byte(&mut self, byte: u8) {
        match self.state {
            State::Ground => self.in_ground(byte),
            State::Character => self.in_character(byte),
            State::Escape => self.behind_escape(byte),
            State::SingleShift => match byte {
                b'0'..=b'9' | b';' => self.begun.push(byte),
                b' '..=b'~' => {
                    let between = self.end();
                    let key = sequences::single_shift(&between, byte);
                    self.known_key(key);
                }
                _ => self.broken_off(byte),
            },
            State::Csi => self.in_csi(byte),
            State::Console => match byte {
                b' '..=b'~' => {
                    self.end();
                    self.known_key(sequences::console_key(byte));
                }
                _ => self.broken_off(byte),
            },
            State::OldMouse if byte < b' ' => self.broken_off(byte),
            State::OldMouse => {
                self.begun.push(byte);
                if str::from_utf8(&self.begun).is_ok_and(|place| place.chars().count() == 3)
                    || self.begun.len() > 6
                {
                    self.end();
                }
            }
            State::ControlString => self.in_control_string(byte),
            State::StringEscape => {
                self.end();
                if byte != b'\\' {
                    self.begin(State::Escape);
                    self.behind_escape(byte);
                }
            }
            State::Paste => {
                self.begun.push(byte);
                if self.begun.ends_with(END_OF_PASTE) {
                    let mut text = self.end();
                    text.truncate(text.len() - END_OF_PASTE.len());
                    self.paste(&text);
                }
            }
        }
    }

    fn in_ground(&mut self, byte: u8) {
        match byte {
            ESC => self.begin(State::Escape),
            0..=0x1f | 0x7f => {
                // Whatever stands before Ctrl-C, it is meant.
                let alt = mem::take(&mut self.alt) && byte != 0x03;
                self.key(sequences::control(byte), alt);
            }
            0x80..=0x9f if is_introducer(byte) => self.control_of_eight_bits(byte),
            0x20..=0x7e => self.character(char::from(byte)),
            0x80..=0xbf | 0xf8..=0xff => self.character(char::REPLACEMENT_CHARACTER),
            _ => {
                self.begin(State::Character);
                self.begun.push(byte);
            }
        }
    }

    /// What is ESC and another byte elsewhere, of a terminal that is set to 8-bit controls.
    fn control_of_eight_bits(&mut self, byte: u8) {
        if is_introducer(byte) {
            self.behind_escape(byte - 0x40);
        } else {
            self.alt = false;
        }
    }

    fn in_character(&mut self, byte: u8) {
        self.begun.push(byte);
        match str::from_utf8(&self.begun) {
            Ok(text) => {
                let c = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.state = State::Ground;
                self.begun.clear();
                match u8::try_from(u32::from(c)) {
                    Ok(control @ 0x80..=0x9f) => self.control_of_eight_bits(control),
                    _ => self.character(c),
                }
            }
            // More bytes are to come.
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                self.begun.clear();
                self.state = State::Ground;
                self.character(char::REPLACEMENT_CHARACTER);
                if !(0x80..=0xbf).contains(&byte) {
                    self.take_byte(byte);
                }
            }
        }
    }

    fn behind_escape(&mut self, byte: u8) {
        match byte {
            b'[' => self.begin(State::Csi),
            b'O' => self.begin(State::SingleShift),
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.alt = false;
                self.begin(State::ControlString);
                self.begun.push(byte);
            }
            ESC => {
                if mem::replace(&mut self.alt, true) {
                    self.key(sequences::control(ESC), false);
                }
            }
            _ => {
                if mem::replace(&mut self.alt, true) {
                    self.key(sequences::control(ESC), false);
                }
                self.state = State::Ground;
                self.in_ground(byte);
            }
        }
    }

    fn in_csi(&mut self, byte: u8) {
        match byte {
            b'[' if self.begun.is_empty() => self.begin(State::Console),
            // urxvt ends keys with Shift by what is no end in ECMA-48.
            b'$' if matches!(
                self.begun.as_slice(),
                [b'1'..=b'8'] | [b'1'..=b'3', b'0'..=b'9']
            ) =>
            {
                self.end_csi(byte);
            }
            b' '..=b'?' => self.begun.push(byte),
            b'@'..=b'~' => self.end_csi(byte),
            _ => self.broken_off(byte),
        }
    }

    fn end_csi(&mut self, end: u8) {
        let between = mem::take(&mut self.begun);
        let csi = Csi::new(&between, end);
        self.state = State::Ground;
        if csi.begins_paste() {
            self.alt = false;
            self.state = State::Paste;
        } else if csi.is_old_mouse() {
            self.alt = false;
            self.state = State::OldMouse;
        } else if csi.is_keyboard_flags() {
            self.alt = false;
            self.decoded.push_back(Decoded::HasKeyboardProtocol);
        } else if let Some((_, column)) = csi.cursor_position().filter(|_| self.expects_cursor) {
            self.alt = false;
            self.expects_cursor = false;
            self.decoded.push_back(Decoded::CursorColumn(column));
        } else {
            self.known_key(csi.key());
        }
    }

    fn in_control_string(&mut self, byte: u8) {
        let is_osc = self.begun.first() == Some(&b']');
        match byte {
            0x07 if is_osc => drop(self.end()),
            // The beginning of ST, or of what ends the string as well.
            ESC => {
                self.begun.push(byte);
                self.state = State::StringEscape;
            }
            b'\x08'..=b'\r' | b' '..=b'~' | 0x80.. => self.begun.push(byte),
            _ => self.broken_off(byte),
        }
    }

    /// Drops what has begun: a byte came that cannot be a part of it.
    fn broken_off(&mut self, byte: u8) {
        self.end();
        self.alt = false;
        self.take_byte(byte);
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.begun.clear();
        self.typed_from = None;
    }

    fn end(&mut self) -> Vec<u8> {
        self.state = State::Ground;
        self.typed_from = None;
        mem::take(&mut self.begun)
    }

    fn character(&mut self, c: char) {
        let alt = mem::take(&mut self.alt);
        self.key(sequences::character(c), alt);
    }

    fn known_key(&mut self, key: Option<KeyEvent>) {
        let alt = mem::take(&mut self.alt);
        if let Some(key) = key {
            self.key(key, alt);
        }
    }

    fn key(&mut self, mut key: KeyEvent, alt: bool) {
        if alt {
            key.modifiers |= KeyModifiers::ALT;
        }
        self.decoded.push_back(Decoded::Event(Event::Key(key)));
    }

    fn paste(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        self.decoded.push_back(Decoded::Event(Event::Paste(text)));
    }
}

/// Says whether one of the 8-bit controls begins a sequence: SS3, DCS, SOS, CSI, OSC, PM or APC.
fn is_introducer(byte: u8) -> bool {
    matches!(byte, 0x8f | 0x90 | 0x98 | 0x9b | 0x9d..=0x9f)
}

/// Says whether bytes are what one press of a key sends: one character, or one sequence.
fn is_one_key(bytes: &[u8]) -> bool {
    bytes.first() == Some(&ESC)
        || str::from_utf8(bytes).is_ok_and(|text| text.chars().nth(1).is_none())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
