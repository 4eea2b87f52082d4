//! Typing ahead, while the quote is still being read.

use super::*;
use crate::app::samples::key_event;

fn loading(draft: Option<&str>) -> Model {
    let mut model = started(80, 24);
    update(&mut model, Msg::Restored(Ok(Some(restored(draft)))));
    model
}

#[test]
fn who_asks_to_write_and_goes_on_typing_finds_it_in_the_editor() {
    for opener in ["e", "Enter"] {
        let mut model = loading(None);
        press(&mut model, opener);
        write(&mut model, "Quite so?");
        update(&mut model, Msg::Terminal(Event::Paste("\nYes.".into())));
        press(&mut model, "Backspace");
        let effects = update(&mut model, Msg::Loaded(Ok(None)));
        assert_eq!(text_in_editor(&model), "Quite so?\nYes");
        assert_eq!(
            effects.last(),
            Some(&Effect::KeepDraft(kept("Quite so?\nYes", None)))
        );
    }
}

#[test]
fn a_save_that_was_typed_ahead_is_one_and_replaces_what_came() {
    let mut model = loading(None);
    press(&mut model, "e ! Enter x y");
    let effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    let quote = Quote::new("Yes.!").expect("a quote");
    let based_on = Some("Yes.".to_owned());
    assert_eq!(effects.last(), Some(&Effect::Save { quote, based_on }));
}

#[test]
fn nothing_but_writing_is_done_ahead() {
    // Before the key that asks for the editor, and after the one that leaves it.
    for keys in ["d y", "s", "d y e Esc d y", "e Esc s", "e Esc d y", "c"] {
        let mut model = loading(None);
        assert_eq!(press(&mut model, keys), [], "{keys}");
        let effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
        assert!(
            effects.iter().all(|effect| *effect == Effect::DropDraft),
            "{keys}: {effects:?}"
        );
        assert_eq!(model.context(), keymap::Context::Quote, "{keys}");
    }
}

#[test]
fn a_draft_that_opens_the_editor_is_gone_on_with() {
    for opener in ["e", "Enter"] {
        let mut model = loading(Some("Draft"));
        press(&mut model, opener);
        press(&mut model, "!");
        update(&mut model, Msg::Loaded(Ok(None)));
        assert_eq!(text_in_editor(&model), "Draft!");
    }
}

#[test]
fn what_nobody_has_seen_is_not_answered_ahead() {
    let mut model = loading(Some("Draft"));
    press(&mut model, "e k");
    assert_eq!(
        update(&mut model, Msg::Loaded(Ok(Some(saved("Other."))))),
        []
    );
    assert_eq!(model.context(), keymap::Context::Conflict);

    for failure in [unreachable(), session_over()] {
        let mut model = loading(None);
        press(&mut model, "e r Enter");
        assert_eq!(update(&mut model, Msg::Loaded(Err(failure))), []);
        assert!(model.ahead.is_empty());
    }

    let mut model = loading(None);
    model.warn("The session will end in an hour.");
    press(&mut model, "e x");
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(told(&model), "The session will end in an hour.");
}

#[test]
fn quitting_stopping_and_the_help_do_not_wait() {
    for (keys, effect) in [
        ("q", Effect::Quit),
        ("Ctrl-C", Effect::Quit),
        ("e Ctrl-C", Effect::Quit),
        ("e Ctrl-Z", Effect::Suspend),
        ("e Ctrl-L", Effect::Redraw),
    ] {
        let mut model = loading(None);
        assert_eq!(press(&mut model, keys), [effect], "{keys}");
    }
    for keys in ["?", "e F1"] {
        let mut model = loading(None);
        press(&mut model, keys);
        assert_eq!(model.context(), keymap::Context::Help, "{keys}");
    }
    // The help stays open over what was typed.
    let mut model = loading(None);
    press(&mut model, "e x F1");
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(model.context(), keymap::Context::Help);
    press(&mut model, "Esc");
    assert_eq!(text_in_editor(&model), "x");
}

#[test]
fn what_is_remembered_has_a_limit() {
    let mut model = loading(None);
    press(&mut model, "e");
    let key = Msg::Terminal(Event::Key(key_event("x")));
    update(
        &mut model,
        Msg::Terminal(Event::Paste("x".repeat(crate::quote::MAX_BYTES - 2))),
    );
    for _ in 0..10 {
        update(&mut model, key.clone());
    }
    assert_eq!(model.ahead.len(), 3);
}
