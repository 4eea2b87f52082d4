//! Any bytes, in any pieces, at any pace: alone, and with the screens and the draft behind them.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEventKind};
use proptest::prelude::*;

use super::{
    tests::{NO_KEYS, wait_until},
    *,
};
use crate::{
    app::{Effect, Model, Pane, Screen, Seen, samples, take_in},
    fuzz,
};

/// Bytes that come in one moment, and how many milliseconds after the last ones.
type Piece = (u64, Vec<u8>);

/// Parts of the grammar, and what begins without an end.
const PARTS: &[&str] = &[
    "\x1b",
    "[",
    "]",
    "P",
    "O",
    "_",
    "^",
    "\x1b[",
    "\x1b]",
    "\x1bP",
    "\x1bO",
    "\x1b[200~",
    "\x1b[201~",
    "\x1b\\",
    "\x07",
    "\x1b[M",
    "\x1b[<",
    "?",
    ";",
    "1",
    "27",
    "$",
    "~",
    "u",
    "q",
    "y",
    "d",
    "\r",
    "\x03",
    "\x18",
    "\u{9b}",
    "é",
    "日",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        5 => prop::sample::select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        2 => prop::sample::select(NO_KEYS).prop_map(|part| part.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0_u64), 3 => 0_u64..60, 2 => 60_u64..700]
}

fn feed(decoder: &mut Decoder, now: &mut Instant, (pause, bytes): &Piece) -> Vec<Event> {
    *now += Duration::from_millis(*pause);
    wait_until(decoder, *now);
    decoder.feed(bytes, *now);
    events(decoder)
}

fn events(decoder: &mut Decoder) -> Vec<Event> {
    std::iter::from_fn(|| decoder.next())
        .filter_map(|decoded| match decoded {
            Decoded::Event(event) => Some(event),
            _ => None,
        })
        .collect()
}

fn is_key(event: &Event, code: KeyCode, modifiers: KeyModifiers) -> bool {
    matches!(event, Event::Key(key) if key.code == code && key.modifiers == modifiers && key.kind == KeyEventKind::Press)
}

#[test]
fn whatever_bytes_come_keys_work_soon() {
    let pieces = prop::collection::vec((pause(), bytes()), 1..12);
    fuzz::run("decoder", &pieces, |pieces| {
        let mut decoder = Decoder::default();
        let mut now = Instant::now();
        for piece in &pieces {
            feed(&mut decoder, &mut now, piece);
        }
        let mut other = Decoder::default();
        let mut then = Instant::now();
        for piece in &pieces {
            feed(&mut other, &mut then, piece);
        }
        let stopped = feed(&mut decoder, &mut now, &(1, vec![0x03]));
        let stops = stopped
            .iter()
            .any(|event| is_key(event, KeyCode::Char('c'), KeyModifiers::CONTROL));
        prop_assert!(stops, "Ctrl-C is {:?}", stopped);
        let typed = feed(&mut other, &mut then, &(500, b"q".to_vec()));
        let quits = typed
            .last()
            .is_some_and(|event| is_key(event, KeyCode::Char('q'), KeyModifiers::NONE));
        prop_assert!(quits, "q is {:?}", typed);
        prop_assert_eq!(other.deadline(), None);
        Ok(())
    });
}

/// What a person and their terminal send while someone writes.
#[derive(Clone, Debug)]
enum Sent {
    /// Letters, a key at a time.
    Typed(String),
    /// A text in one moment, with brackets or without.
    Pasted(String, bool),
    /// A sequence that is no key.
    Sequence(&'static str),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        "[a-zäq日 ]{1,6}".prop_map(Sent::Typed),
        ("[a-z][a-z\r]{0,5}[a-z]", any::<bool>())
            .prop_map(|(text, brackets)| Sent::Pasted(text, brackets)),
        prop::sample::select(NO_KEYS).prop_map(Sent::Sequence),
    ]
}

/// Cuts bytes where `cuts` says, with its pauses between.
fn cut(bytes: &[u8], cuts: &[(prop::sample::Index, u64)]) -> Vec<Piece> {
    let mut ends: Vec<(usize, u64)> = cuts
        .iter()
        .map(|(at, pause)| (at.index(bytes.len()), *pause))
        .collect();
    ends.sort_unstable();
    let mut pieces = Vec::new();
    let (mut start, mut pause) = (0, 1);
    for (end, next) in ends {
        if end > start {
            pieces.push((pause, bytes[start..end].to_vec()));
            (start, pause) = (end, next);
        }
    }
    pieces.push((pause, bytes[start..].to_vec()));
    pieces
}

/// The text of the editor, where one is open.
fn text(model: &Model) -> Option<&str> {
    match &model.screen {
        Screen::SignedIn {
            pane: Pane::Editor { sheet, .. },
            over: None,
            ..
        } => Some(sheet.draft.editor.text()),
        _ => None,
    }
}

#[test]
fn what_is_typed_is_in_the_draft_and_no_sequence_is_a_command() {
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), 1_u64..140), 0..4);
    let script = prop::collection::vec((sent(), cuts), 1..14);
    fuzz::run("decoder, update and draft", &script, |script| {
        let mut model = samples::reading(80, 24, None);
        samples::press(&mut model, "e");
        let mut decoder = Decoder::default();
        let mut now = Instant::now();
        let (mut expected, mut draft) = (String::new(), String::new());
        for (sent, cuts) in &script {
            let pieces = match sent {
                Sent::Typed(text) => {
                    expected.push_str(text);
                    let keys = text.chars().map(|c| (30, c.to_string().into_bytes()));
                    keys.collect()
                }
                Sent::Pasted(text, brackets) => {
                    expected.push_str(&text.replace('\r', "\n"));
                    if *brackets {
                        cut(format!("\x1b[200~{text}\x1b[201~").as_bytes(), cuts)
                    } else {
                        vec![(30, text.clone().into_bytes())]
                    }
                }
                Sent::Sequence(sequence) => cut(sequence.as_bytes(), cuts),
            };
            for piece in &pieces {
                let mut events = VecDeque::from(feed(&mut decoder, &mut now, piece));
                while !events.is_empty() {
                    for effect in take_in(&mut model, &mut events, &mut Seen::Yes) {
                        match effect {
                            Effect::KeepDraft(kept) => draft = kept.text,
                            Effect::DropDraft => draft.clear(),
                            effect => prop_assert!(false, "{:?} by {:?}", effect, sent),
                        }
                    }
                }
            }
            prop_assert_eq!(text(&model), Some(expected.as_str()), "after {:?}", sent);
        }
        prop_assert_eq!(draft.trim(), expected.trim());
        Ok(())
    });
}

#[test]
fn no_sequence_is_a_command_where_letters_are() {
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), 1_u64..140), 0..6);
    let script = prop::collection::vec((prop::sample::select(NO_KEYS), cuts), 1..10);
    fuzz::run("decoder and update", &script, |script| {
        let mut model = samples::reading(80, 24, Some("Yes."));
        let before = model.clone();
        let mut decoder = Decoder::default();
        let mut now = Instant::now();
        for (sequence, cuts) in &script {
            for piece in cut(sequence.as_bytes(), cuts) {
                let mut events = VecDeque::from(feed(&mut decoder, &mut now, &piece));
                while !events.is_empty() {
                    let effects = take_in(&mut model, &mut events, &mut Seen::Yes);
                    prop_assert_eq!(effects, []);
                }
            }
            prop_assert_eq!(&model, &before, "after {:?}", sequence);
        }
        Ok(())
    });
}
