use super::*;
use crate::keymap::{Chord, Section};
use crossterm::event::{KeyCode, KeyEventKind};

/// A key as the tables write it, without its kind.
fn key(code: KeyCode, modifiers: KeyModifiers) -> Decoded {
    Decoded::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

/// Feeds pieces with a pause before each, as a terminal on a slow line does, and then nothing for long.
pub(super) fn decoded(pieces: &[&[u8]], pause: Duration) -> Vec<Decoded> {
    let mut decoder = Decoder::default();
    decoder.expect_cursor();
    let mut now = Instant::now();
    for piece in pieces {
        now += pause;
        wait_until(&mut decoder, now);
        decoder.feed(piece, now);
    }
    wait_until(&mut decoder, now + Duration::from_secs(9));
    std::iter::from_fn(|| decoder.next()).collect()
}

/// Lets time pass, as the reader does.
pub(super) fn wait_until(decoder: &mut Decoder, now: Instant) {
    while decoder.deadline().is_some_and(|deadline| deadline <= now) {
        decoder.give_up();
    }
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

/// What terminals send for keys: xterm (also with modifyOtherKeys), VTE, urxvt, tmux, screen, the Linux console, Terminal.app,
/// Windows Terminal, and those with kitty's protocol.
const KEYS: &[(&str, KeyCode, KeyModifiers)] = &[
    ("a", KeyCode::Char('a'), NONE),
    ("A", KeyCode::Char('A'), NONE),
    ("é", KeyCode::Char('é'), NONE),
    ("日", KeyCode::Char('日'), NONE),
    ("🙂", KeyCode::Char('🙂'), NONE),
    ("\r", KeyCode::Enter, NONE),
    ("\n", KeyCode::Char('j'), CTRL),
    ("\t", KeyCode::Tab, NONE),
    ("\x7f", KeyCode::Backspace, NONE),
    ("\x08", KeyCode::Char('h'), CTRL),
    ("\0", KeyCode::Char(' '), CTRL),
    ("\x03", KeyCode::Char('c'), CTRL),
    ("\x1a", KeyCode::Char('z'), CTRL),
    ("\x1c", KeyCode::Char('\\'), CTRL),
    ("\x1f", KeyCode::Char('_'), CTRL),
    ("\x1b", KeyCode::Esc, NONE),
    ("\x1b\r", KeyCode::Enter, ALT),
    ("\x1bb", KeyCode::Char('b'), ALT),
    ("\x1b<", KeyCode::Char('<'), ALT),
    ("\x1bé", KeyCode::Char('é'), ALT),
    ("\x1b\x7f", KeyCode::Backspace, ALT),
    ("\x1b[A", KeyCode::Up, NONE),
    ("\x1bOB", KeyCode::Down, NONE),
    ("\x1b[C", KeyCode::Right, NONE),
    ("\x1bOD", KeyCode::Left, NONE),
    ("\x1b[E", KeyCode::KeypadBegin, NONE),
    ("\x1b[H", KeyCode::Home, NONE),
    ("\x1bOH", KeyCode::Home, NONE),
    ("\x1b[1~", KeyCode::Home, NONE),
    ("\x1b[7~", KeyCode::Home, NONE),
    ("\x1b[F", KeyCode::End, NONE),
    ("\x1b[4~", KeyCode::End, NONE),
    ("\x1b[8~", KeyCode::End, NONE),
    ("\x1b[2~", KeyCode::Insert, NONE),
    ("\x1b[3~", KeyCode::Delete, NONE),
    ("\x1b[5~", KeyCode::PageUp, NONE),
    ("\x1b[6~", KeyCode::PageDown, NONE),
    ("\x1b[Z", KeyCode::BackTab, SHIFT),
    // Modified, as xterm tells it, in its three ways.
    ("\x1b[1;2D", KeyCode::Left, SHIFT),
    ("\x1b[1;5C", KeyCode::Right, CTRL),
    ("\x1b[1;3D", KeyCode::Left, ALT),
    ("\x1b[1;9D", KeyCode::Left, KeyModifiers::SUPER),
    ("\x1b[1;6H", KeyCode::Home, CTRL.union(SHIFT)),
    ("\x1b[3;5~", KeyCode::Delete, CTRL),
    ("\x1b[5D", KeyCode::Left, CTRL),
    ("\x1bO5D", KeyCode::Left, CTRL),
    ("\x1bO1;2P", KeyCode::F(1), SHIFT),
    ("\x1b[27;2;72~", KeyCode::Char('H'), SHIFT),
    ("\x1b[27;5;99~", KeyCode::Char('c'), CTRL),
    ("\x1b[27;2;13~", KeyCode::Enter, SHIFT),
    // Function keys.
    ("\x1bOP", KeyCode::F(1), NONE),
    ("\x1b[P", KeyCode::F(1), NONE),
    ("\x1b[11~", KeyCode::F(1), NONE),
    ("\x1b[[A", KeyCode::F(1), NONE),
    ("\x1b[[E", KeyCode::F(5), NONE),
    ("\x1b[15~", KeyCode::F(5), NONE),
    ("\x1b[17~", KeyCode::F(6), NONE),
    ("\x1b[24~", KeyCode::F(12), NONE),
    ("\x1b[29~", KeyCode::F(16), NONE),
    ("\x1b[34~", KeyCode::F(20), NONE),
    // The keypad of a terminal that was left in application mode.
    ("\x1bOM", KeyCode::Enter, NONE),
    ("\x1bOp", KeyCode::Char('0'), NONE),
    ("\x1bOy", KeyCode::Char('9'), NONE),
    ("\x1bOk", KeyCode::Char('+'), NONE),
    ("\x1bOX", KeyCode::Char('='), NONE),
    // urxvt.
    ("\x1b[d", KeyCode::Left, SHIFT),
    ("\x1bOd", KeyCode::Left, CTRL),
    ("\x1b\x1b[D", KeyCode::Left, ALT),
    ("\x1b\x1bOD", KeyCode::Left, ALT),
    ("\x1b[7$", KeyCode::Home, SHIFT),
    ("\x1b[3^", KeyCode::Delete, CTRL),
    ("\x1b[8@", KeyCode::End, CTRL.union(SHIFT)),
    ("\x1b\x1b[3~", KeyCode::Delete, ALT),
    // Kitty's protocol.
    ("\x1b[27u", KeyCode::Esc, NONE),
    ("\x1b[13;2u", KeyCode::Enter, SHIFT),
    ("\x1b[99;5u", KeyCode::Char('c'), CTRL),
    ("\x1b[1089::99;5u", KeyCode::Char('c'), CTRL),
    ("\x1b[97:65;2u", KeyCode::Char('A'), SHIFT),
    ("\x1b[44:60;4u", KeyCode::Char('<'), ALT.union(SHIFT)),
    ("\x1b[45:95;6u", KeyCode::Char('_'), CTRL.union(SHIFT)),
    ("\x1b[105;5u", KeyCode::Tab, NONE),
    ("\x1b[109;5u", KeyCode::Enter, NONE),
    ("\x1b[91;5u", KeyCode::Esc, NONE),
    ("\x1b[9;2u", KeyCode::BackTab, SHIFT),
    ("\x1b[127;5u", KeyCode::Backspace, CTRL),
    ("\x1b[57414u", KeyCode::Enter, NONE),
    ("\x1b[57400u", KeyCode::Char('1'), NONE),
    ("\x1b[57423u", KeyCode::Home, NONE),
    ("\x1b[1;1:1A", KeyCode::Up, NONE),
    ("\x1b[113;9u", KeyCode::Char('q'), KeyModifiers::SUPER),
    ("\x1b[97;65u", KeyCode::Char('a'), NONE),
    // The answer about the cursor was expected once; this is F3 with Shift.
    ("\x1b[5;1R\x1b[1;2R", KeyCode::F(3), SHIFT),
];

/// What is no key, and whole: answers, the mouse, the focus, and what no one knows.
pub(super) const NO_KEYS: &[&str] = &[
    "\x1b[?997;1n",
    "\x1b[?2026;2$y",
    "\x1b[12;2$y",
    "\x1b[?62;4c",
    "\x1b[>41;380;0c",
    "\x1b[=0c",
    "\x1b[0n",
    "\x1b[8;24;80t",
    "\x1b[48;24;80;480;800t",
    "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
    "\x1b]11;rgb:1e1e/1e1e/2e2e\x07",
    "\x1b]52;c;cXVpdA==\x07",
    "\x1bP>|XTerm(380)\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x1bP1+r544e=787465726d\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b^a private message\x1b\\",
    "\x1bXa string\x1b\\",
    "\x1b[I",
    "\x1b[O",
    "\x1b[<0;12;7M",
    "\x1b[<0;12;7m",
    "\x1b[32;12;7M",
    "\x1b[M !q",
    "\x1b[Mdéq",
    "\x1b[201~",
    "\x1b[99~",
    "\x1b[57441u",
    "\x1b[97;1:3u",
    "\x1b[1;1:3A",
    "\x1b[1;5W",
    "\x1b[ q",
    "\x1b[>1;2;3 p",
    "\x1b[?1u\x1b[?1u",
    "\x1b\x1b]0;title\x07",
    "\u{9b}?1;2c",
];

/// Returns a text cut between any two bytes, and between all of them.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let in_two = (0..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    in_two.chain([bytes.chunks(1).collect()])
}

/// Every way in which a slow line may hand bytes over: the longest pause is shorter than what an ESC is given.
fn ways(text: &str) -> Vec<Vec<Decoded>> {
    let pauses = [0, 20, 60, 140].map(Duration::from_millis);
    let mut ways = Vec::new();
    for pieces in cuts(text.as_bytes()) {
        let pieces: Vec<&[u8]> = pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        ways.extend(pauses.map(|pause| decoded(&pieces, pause)));
    }
    ways
}

fn keys_of(decoded: &[Decoded]) -> Vec<Decoded> {
    let is_event = |decoded: &&Decoded| matches!(decoded, Decoded::Event(_));
    decoded.iter().filter(is_event).cloned().collect()
}

#[test]
fn a_key_is_the_same_key_in_whatever_pieces_it_comes() {
    for (bytes, code, modifiers) in KEYS {
        for decoded in ways(bytes) {
            assert_eq!(keys_of(&decoded), [key(*code, *modifiers)], "{bytes:?}");
        }
    }
}

/// What a terminal sends for a chord of the table: as most have always done, where that is told apart at all, and in kitty's protocol.
fn sent(chord: &KeyEvent) -> [Option<String>; 2] {
    let mask = 1
        + u8::from(chord.modifiers.contains(SHIFT))
        + 2 * u8::from(chord.modifiers.contains(ALT))
        + 4 * u8::from(chord.modifiers.contains(CTRL));
    let lettered = |letter: char| match mask {
        1 => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{mask}{letter}"),
    };
    let numbered = |number: u8| match mask {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{mask}~"),
    };
    let byte = |byte: u8| match chord.modifiers {
        NONE => Some(char::from(byte).to_string()),
        ALT => Some(format!("\x1b{}", char::from(byte))),
        _ => None,
    };
    let kitty = |code: u32| Some(format!("\x1b[{code};{mask}u"));
    let both = |sequence: String| [Some(sequence.clone()), Some(sequence)];
    match chord.code {
        KeyCode::Up => both(lettered('A')),
        KeyCode::Down => both(lettered('B')),
        KeyCode::Right => both(lettered('C')),
        KeyCode::Left => both(lettered('D')),
        KeyCode::End => both(lettered('F')),
        KeyCode::Home => both(lettered('H')),
        KeyCode::F(1) => both("\x1bOP".into()),
        KeyCode::Insert => both(numbered(2)),
        KeyCode::Delete => both(numbered(3)),
        KeyCode::PageUp => both(numbered(5)),
        KeyCode::PageDown => both(numbered(6)),
        KeyCode::Enter => [byte(b'\r'), kitty(13)],
        KeyCode::Esc => [byte(0x1b), kitty(27)],
        KeyCode::Backspace => [byte(0x7f), kitty(127)],
        KeyCode::Char(c) if chord.modifiers == CTRL => {
            let control = u8::try_from(u32::from(c)).expect("ASCII") & 0x1f;
            [Some(char::from(control).to_string()), kitty(c.into())]
        }
        KeyCode::Char(c) if chord.modifiers.contains(CTRL) => [None, kitty(c.into())],
        KeyCode::Char(c) => [
            byte(u8::try_from(u32::from(c)).expect("ASCII")),
            kitty(c.into()),
        ],
        other => panic!("no terminal sends {other:?}"),
    }
}

#[test]
fn every_key_of_the_table_is_what_terminals_send_for_it() {
    let bindings = Section::ALL.into_iter().flat_map(Section::bindings);
    let mut count = 0;
    for chord in bindings.flat_map(|binding| binding.keys) {
        let ways = sent(&chord.event());
        assert!(ways.iter().any(Option::is_some), "{chord}");
        for bytes in ways.into_iter().flatten() {
            let came = decoded(&[bytes.as_bytes()], Duration::ZERO);
            let [Decoded::Event(Event::Key(key))] = came.as_slice() else {
                panic!("{chord} by {bytes:?} is {came:?}");
            };
            assert_eq!(Chord::of(*key), Some(*chord), "{bytes:?}");
            count += 1;
        }
    }
    assert!(count > 120, "{count}");
}

#[test]
fn what_is_no_key_is_dropped_whole_in_whatever_pieces_it_comes() {
    for bytes in NO_KEYS {
        for decoded in ways(bytes) {
            assert_eq!(keys_of(&decoded), [], "{bytes:?}");
        }
        let between = decoded(&[format!("a{bytes}b").as_bytes()], Duration::ZERO);
        let typed = ['a', 'b'].map(|c| key(KeyCode::Char(c), NONE));
        assert_eq!(keys_of(&between), typed, "around {bytes:?}");
    }
}

#[test]
fn a_paste_is_one_text_in_whatever_pieces_it_comes() {
    for text in [
        "",
        "q",
        "one\r\ntwo\tthree",
        "日本 \x1b[31m red \x1b",
        "\x1b[200~",
        "\x03\x1a",
    ] {
        let bytes = format!("\x1b[200~{text}\x1b[201~");
        let expected = Decoded::Event(Event::Paste(text.into()));
        let all = bytes.as_bytes();
        // Ctrl-C alone is a person's.
        for decoded in ways(&bytes).into_iter().filter(|_| !text.contains('\x03')) {
            assert_eq!(decoded, std::slice::from_ref(&expected), "{text:?}");
        }
        assert_eq!(decoded(&[all], Duration::ZERO), [expected]);
    }
}

#[test]
fn answers_are_told_from_keys() {
    let answers = decoded(&[b"\x1b[?5u\x1b[1;3R"], Duration::ZERO);
    let expected = [Decoded::HasKeyboardProtocol, Decoded::CursorColumn(3)];
    assert_eq!(answers, expected);
}

/// What begins and never ends, and what is typed after it.
#[test]
fn nothing_makes_it_deaf() {
    let q = key(KeyCode::Char('q'), NONE);
    let ctrl_c = key(KeyCode::Char('c'), CTRL);
    for begun in [
        "\x1b",
        "\x1b\x1b",
        "\x1b[",
        "\x1b[1;5",
        "\x1b[[",
        "\x1bO",
        "\x1bO5",
        "\x1b[M",
        "\x1b[M!",
        "\x1b[?997;1",
        "\x1b]11;rgb:1e",
        "\x1b]11;rgb:1e\x1b",
        "\x1bP+r",
        "\x1b_G",
        "\x1b^",
        "\x1bX",
        "\x1b[200~",
        "\x1b[200~text\x1b[20",
        "\u{e9}\x1b[200~\r",
    ] {
        // Ctrl-C at once, in a piece of its own.
        let now = decoded(&[begun.as_bytes(), b"\x03"], Duration::from_millis(1));
        assert_eq!(now.last(), Some(&ctrl_c), "Ctrl-C behind {begun:?}");
        // A letter once it has been given up, which takes half a second at most.
        let late = decoded(&[begun.as_bytes(), b"q"], Duration::from_millis(501));
        assert_eq!(late.last(), Some(&q), "q behind {begun:?}");
    }
    // Half of a character, and bytes that are none.
    for begun in [
        &b"\xe6"[..],
        b"\xe6\x97",
        b"\xf0\x9f\x99",
        b"\xff",
        b"\x80",
        b"\xc0\xaf",
    ] {
        let typed = decoded(&[begun, b"q"], Duration::ZERO);
        assert_eq!(typed.last(), Some(&q), "{begun:?}");
        let replaced = key(KeyCode::Char(char::REPLACEMENT_CHARACTER), NONE);
        assert_eq!(typed.first(), Some(&replaced), "{begun:?}");
    }
}

#[test]
fn what_a_person_types_into_a_string_without_an_end_is_kept() {
    let mut pieces = vec![&b"\x1b]11;rgb:1e1e"[..]];
    pieces.extend("Yes.\r".as_bytes().chunks(1));
    let typed = decoded(&pieces, Duration::from_millis(120));
    let expected = ['Y', 'e', 's', '.'].map(|c| key(KeyCode::Char(c), NONE));
    assert_eq!(typed[..4], expected);
    assert_eq!(typed[4..], [key(KeyCode::Enter, NONE)]);
}

#[test]
fn a_paste_without_an_end_is_given_up_and_kept() {
    let begun = &b"\x1b[200~one\rtwo"[..];
    let pasted = |text: &str| Decoded::Event(Event::Paste(text.into()));
    let pause = Duration::from_millis(600);
    assert_eq!(decoded(&[begun], pause), [pasted("one\rtwo")]);
    // What goes on after a long pause is still no key, and neither is its end.
    let more = &b" three\rfour\r\x1b[201~"[..];
    let both = [pasted("one\rtwo"), pasted(" three\rfour\r")];
    assert_eq!(decoded(&[begun, more], pause), both);
    // What a person presses is.
    let pressed = [pasted("one\rtwo"), key(KeyCode::Enter, NONE)];
    for pause in [pause, Duration::from_millis(200)] {
        assert_eq!(decoded(&[begun, b"\r"], pause), pressed);
    }
}

#[test]
fn a_string_that_is_broken_off_leaves_what_breaks_it() {
    for (bytes, last) in [
        ("\x1b]11;rgb:1e\x1b[D", key(KeyCode::Left, NONE)),
        ("\x1bP1$r\x1bb", key(KeyCode::Char('b'), ALT)),
        ("\x1b[1;5\x1b[A", key(KeyCode::Up, NONE)),
        ("\x1b[12\x03", key(KeyCode::Char('c'), CTRL)),
        ("\x1b\x03", key(KeyCode::Char('c'), CTRL)),
        ("\x1b[1é", key(KeyCode::Char('é'), NONE)),
        ("\x1bO\x1b[A", key(KeyCode::Up, NONE)),
    ] {
        let decoded = decoded(&[bytes.as_bytes()], Duration::ZERO);
        assert_eq!(decoded, [last], "{bytes:?}");
    }
}

#[test]
fn a_key_that_repeats_is_pressed_again() {
    let repeated = decoded(&[b"\x1b[1;1:2C"], Duration::ZERO);
    let [Decoded::Event(Event::Key(key))] = repeated.as_slice() else {
        panic!("{repeated:?}")
    };
    assert_eq!((key.code, key.kind), (KeyCode::Right, KeyEventKind::Repeat));
}
