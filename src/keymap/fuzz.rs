//! Any key of any terminal.

use crossterm::event::{KeyCode, KeyEventState, MediaKeyCode, ModifierKeyCode};
use proptest::prelude::*;

use super::*;
use crate::fuzz;

fn key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        4 => any::<char>().prop_map(KeyCode::Char),
        4 => (0_u8..128).prop_map(|byte| KeyCode::Char(byte.into())),
        1 => any::<u8>().prop_map(KeyCode::F),
        3 => prop::sample::select(vec![
            KeyCode::Backspace, KeyCode::Enter, KeyCode::Left, KeyCode::Right, KeyCode::Up, KeyCode::Down, KeyCode::Home,
            KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Tab, KeyCode::BackTab, KeyCode::Delete, KeyCode::Insert,
            KeyCode::Null, KeyCode::Esc, KeyCode::CapsLock, KeyCode::ScrollLock, KeyCode::NumLock, KeyCode::PrintScreen,
            KeyCode::Pause, KeyCode::Menu, KeyCode::KeypadBegin, KeyCode::Media(MediaKeyCode::Play),
            KeyCode::Modifier(ModifierKeyCode::LeftShift),
        ]),
    ];
    let kind = prop::sample::select(vec![
        KeyEventKind::Press,
        KeyEventKind::Repeat,
        KeyEventKind::Release,
    ]);
    (code, any::<u8>(), kind, any::<u8>()).prop_map(|(code, modifiers, kind, state)| KeyEvent {
        code,
        modifiers: KeyModifiers::from_bits_truncate(modifiers),
        kind,
        state: KeyEventState::from_bits_truncate(state),
    })
}

#[test]
fn every_key_means_one_thing_or_types_one_character() {
    fuzz::run("keys", &key(), |event| {
        let Some(chord) = Chord::of(event) else {
            let of_the_desktop = KeyModifiers::SUPER | KeyModifiers::HYPER;
            prop_assert!(
                event.kind == KeyEventKind::Release || event.modifiers.intersects(of_the_desktop)
            );
            return Ok(());
        };
        prop_assert_ne!(event.kind, KeyEventKind::Release);
        prop_assert_eq!(Chord::of(chord.event()), Some(chord));
        prop_assert!(!chord.to_string().is_empty());
        let typed = chord.typed();
        prop_assert!(
            typed.is_none_or(|c| !c.is_control() || c == '\t'),
            "types {:?}",
            typed
        );
        if let Some(c) = typed
            && c != '\t'
        {
            prop_assert!(event.code == KeyCode::Char(c) || !event.modifiers.is_empty());
        }
        for context in Context::ALL {
            let meant = bindings(context)
                .filter(|binding| binding.keys.contains(&chord))
                .count();
            prop_assert!(meant <= 1);
            prop_assert!(meant == 0 || action(context, chord).is_some());
        }
        // Where one writes, a key of the table never is a letter as well.
        prop_assert!(action(Context::Writing, chord).is_none() || typed.is_none());
        Ok(())
    });
}
