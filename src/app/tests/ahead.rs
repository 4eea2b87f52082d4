//! Writing ahead, while the quote is still being read.

use super::*;

fn loading(draft: Option<&str>) -> Model {
    let mut model = started(80, 24);
    update(&mut model, Msg::Restored(Ok(Some(restored(draft)))));
    model
}

#[test]
fn text_typed_while_the_quote_is_read_is_shown_and_drafted() {
    for opener in ["e", "Enter"] {
        let mut model = loading(None);
        press(&mut model, opener);
        write(&mut model, "Quite so?");
        update(&mut model, Msg::Terminal(Event::Paste("\nYes.".into())));
        let effects = press(&mut model, "Backspace");
        assert_eq!(text_in_editor(&model), "Quite so?\nYes");
        assert_eq!(effects, [Effect::KeepDraft(kept("Quite so?\nYes", None))]);
        assert!(has_unsaved(&model));
        assert_eq!(update(&mut model, Msg::Loaded(Ok(None))), []);
        assert_eq!(text_in_editor(&model), "Quite so?\nYes");
        let is_first = |sheet: &Sheet| sheet.saved.is_none();
        assert!(matches!(pane(&model), Pane::Editor { sheet, saving: false } if is_first(sheet)));
    }
}

#[test]
fn an_editor_that_is_still_empty_gets_the_quote() {
    let mut model = loading(None);
    press(&mut model, "e x Backspace");
    assert_eq!(update(&mut model, Msg::Loaded(Ok(Some(saved("Yes."))))), []);
    assert_eq!(text_in_editor(&model), "Yes.");
    let effects = press(&mut model, "!");
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.!", Some("Yes.")))]);
}

#[test]
fn an_unseen_quote_is_not_replaced_without_asking() {
    for (before, after) in [("e N o .", "Enter"), ("e N o . Enter", "")] {
        let mut model = loading(None);
        press(&mut model, before);
        let mut effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
        effects.extend(press(&mut model, after));
        assert_eq!(effects, [Effect::KeepDraft(kept("No.", None))], "{before}");
        assert!(matches!(pane(&model), Pane::Choice(conflict)
            if conflict.mine.editor.text() == "No." && conflict.theirs == Some(saved("Yes."))));
        let effects = press(&mut model, "k");
        assert_eq!(effects, [save("No.", Some("Yes."))], "{before}");
    }
    // It says the same already.
    let mut model = loading(None);
    press(&mut model, "e Y e s . Enter");
    let effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(effects, [Effect::DropDraft]);
    assert!(matches!(pane(&model), Pane::Quote { order: None, .. }));
}

/// Nothing new was written, so no file holds it, until it is what someone wants in place of another text.
#[test]
fn the_old_text_that_is_to_stay_in_place_of_a_new_one_is_kept() {
    let mut model = loading(None);
    let Screen::SignedIn {
        pane: Pane::Unread { ahead, .. },
        ..
    } = &mut model.screen
    else {
        panic!("it is being read");
    };
    *ahead = Ahead::Looking(Some(Draft::from_file(kept("Old.!", Some("Old.")))));
    press(&mut model, "e");
    update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(press(&mut model, "Backspace"), [Effect::DropDraft]);
    let effects = press(&mut model, "Enter");
    assert_eq!(effects, [Effect::KeepDraft(kept("Old.", Some("Old.")))]);
    assert!(matches!(pane(&model), Pane::Choice(_)));
}

#[test]
fn a_save_pressed_early_waits_until_the_quote_is_read() {
    let mut model = loading(None);
    assert_eq!(press(&mut model, "e Y e s . Enter"), []);
    // Nothing that is typed now would be seen.
    assert_eq!(press(&mut model, "x y d"), []);
    let effects = update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(effects, [save("Yes.", None)]);
    assert!(matches!(pane(&model), Pane::Editor { saving: true, .. }));
}

/// Whatever comes while someone writes, in the middle of a word: "t" would take the other text, "k" replace it, and "s"
/// and "y" sign out.
#[test]
fn no_letter_becomes_a_key_when_a_wait_ends_mid_word() {
    for outcome in [
        Ok(None),
        Ok(Some(saved("Yes."))),
        Ok(Some(saved("Other"))),
        Err(unreachable()),
    ] {
        for draft in [None, Some(kept("Other", Some("Old")))] {
            let mut model = started(80, 24);
            let earlier = Restored {
                draft: draft.clone(),
                ..restored(None)
            };
            update(&mut model, Msg::Restored(Ok(Some(earlier))));
            press(&mut model, "e");
            write(&mut model, "thin");
            assert_eq!(update(&mut model, Msg::Loaded(outcome.clone())), []);
            let effects = write(&mut model, "ks styq");
            let text = draft.map_or(String::new(), |draft| draft.text) + "thinks styq";
            assert_eq!(text_in_editor(&model), text, "{outcome:?}");
            let is_kept = matches!(&effects[..], [Effect::KeepDraft(kept)] if kept.text == text);
            assert!(is_kept, "{outcome:?}: {effects:?}");
        }
    }
}

#[test]
fn a_text_can_be_saved_though_the_quote_could_not_be_read() {
    let unread = || {
        let mut model = loading(None);
        press(&mut model, "e x");
        update(&mut model, Msg::Loaded(Err(unreachable())));
        assert!(told(&model).contains("Your text is still here."));
        model
    };
    let mut model = unread();
    assert_eq!(press(&mut model, "y Enter"), [Effect::Load]);
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(text_in_editor(&model), "xy");
    assert!(matches!(pane(&model), Pane::Editor { saving: true, .. }));

    let mut model = unread();
    assert_eq!(press(&mut model, "Esc"), []);
    assert!(
        matches!(pane(&model), Pane::Unread { failure: Some(failure), ahead: Ahead::Looking(Some(_)), .. }
        if *failure == unreachable())
    );
    // It can be gone on with, and begun.
    assert_eq!(press(&mut model, "e y Enter"), [Effect::Load]);
    let mut model = loading(None);
    update(&mut model, Msg::Loaded(Err(unreachable())));
    assert_eq!(press(&mut model, "e z Enter"), [Effect::Load]);

    let mut model = unread();
    assert_eq!(press(&mut model, "Backspace Esc"), [Effect::DropDraft]);
    assert!(matches!(
        pane(&model),
        Pane::Unread {
            failure: Some(_),
            ahead: Ahead::Looking(None),
            ..
        }
    ));

    // An empty editor is no reason to take the keys away either.
    let mut model = loading(None);
    press(&mut model, "e");
    update(&mut model, Msg::Loaded(Err(unreachable())));
    assert_eq!(press(&mut model, "Enter"), []);
    assert_eq!(told(&model), "Nothing to save yet.");
}

#[test]
fn what_cannot_be_saved_is_told_at_once() {
    let mut model = loading(None);
    assert_eq!(press(&mut model, "e Enter"), []);
    assert_eq!(told(&model), "Nothing to save yet.");
    press(&mut model, "x");
    assert_eq!(text_in_editor(&model), "x");
}

#[test]
fn whatever_ends_the_wait_what_was_written_is_kept() {
    for (keys, again) in [("e x y", "Esc r"), ("e x y Enter", "r")] {
        let mut model = loading(None);
        press(&mut model, keys);
        update(&mut model, Msg::Loaded(Err(unreachable())));
        assert!(has_unsaved(&model), "{keys}");
        press(&mut model, again);
        update(&mut model, Msg::Loaded(Ok(None)));
        assert_eq!(text_in_editor(&model), "xy", "{keys}");

        let mut model = loading(None);
        press(&mut model, keys);
        update(&mut model, Msg::Loaded(Err(session_over())));
        let unsaved = model.unsaved().map(|draft| draft.editor.text());
        assert_eq!(unsaved, Some("xy"), "{keys}");
    }
}

#[test]
fn a_draft_of_an_earlier_run_is_gone_on_with() {
    for opener in ["e", "Enter"] {
        let mut model = loading(Some("Draft"));
        press(&mut model, opener);
        press(&mut model, "!");
        assert_eq!(text_in_editor(&model), "Draft!");
        update(&mut model, Msg::Loaded(Ok(None)));
        assert_eq!(text_in_editor(&model), "Draft!");
    }
}

/// Someone who saw this quote when they were here last.
fn seen(text: &str) -> Model {
    let mut model = started(80, 24);
    let mut restored = restored(None);
    restored.seen = Some(saved(text));
    update(&mut model, Msg::Restored(Ok(Some(restored))));
    model
}

#[test]
fn what_was_seen_last_can_be_written_on_at_once() {
    let mut model = seen("Yes.");
    let effects = press(&mut model, "e !");
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.!", Some("Yes.")))]);
    assert_eq!(update(&mut model, Msg::Loaded(Ok(Some(saved("Yes."))))), []);
    let effects = press(&mut model, "Enter");
    assert_eq!(effects, [save("Yes.!", Some("Yes."))]);

    // It was changed elsewhere since.
    let mut model = seen("Yes.");
    press(&mut model, "e !");
    update(&mut model, Msg::Loaded(Ok(Some(saved("No.")))));
    assert!(told(&model).starts_with("There is already another text."));
    press(&mut model, "Enter");
    assert!(matches!(pane(&model), Pane::Choice(conflict)
        if conflict.mine.editor.text() == "Yes.!" && conflict.theirs == Some(saved("No."))));

    // Nothing was written yet: the editor has what is saved, and the cursor stays where that is the same.
    let mut model = seen("Yes.");
    press(&mut model, "e Home");
    update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    press(&mut model, "O");
    assert_eq!(text_in_editor(&model), "OYes.");
    let mut model = seen("Yes.");
    press(&mut model, "e");
    update(&mut model, Msg::Loaded(Ok(Some(saved("No.")))));
    assert_eq!(text_in_editor(&model), "No.");
}

#[test]
fn the_editor_can_be_left_before_the_quote_is_there() {
    let mut model = loading(None);
    assert_eq!(press(&mut model, "e x Esc"), []);
    tells(
        &model,
        "Your unsaved text is kept. Press e to go on with it.",
    );
    press(&mut model, "e y");
    assert_eq!(text_in_editor(&model), "xy");
    press(&mut model, "Esc");
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(text_in_editor(&model), "xy");

    let mut model = loading(None);
    assert_eq!(press(&mut model, "e x Backspace Esc"), [Effect::DropDraft]);
    update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(model.context(), keymap::Context::Quote);
}

#[test]
fn nothing_but_writing_is_done_ahead() {
    for keys in ["d y", "s", "c", "x", "u", "r", "e Esc d y", "e Esc s"] {
        let mut model = loading(None);
        for key in keys.split_whitespace() {
            let effects = press(&mut model, key);
            let mut effects = effects.iter();
            assert!(effects.all(|it| *it == Effect::DropDraft), "{keys}");
        }
        assert_eq!(update(&mut model, Msg::Loaded(Ok(Some(saved("Yes."))))), []);
        assert_eq!(model.context(), keymap::Context::Quote, "{keys}");
    }
    let mut model = loading(None);
    update(&mut model, Msg::Terminal(Event::Paste("text".into())));
    assert_eq!(told(&model), "To paste, press e first.");
}

#[test]
fn quitting_stopping_and_the_help_do_not_wait() {
    for (keys, effect) in [
        ("q", Effect::Quit),
        ("Ctrl-C", Effect::Quit),
        ("e Ctrl-C", Effect::Quit),
        ("e x Enter Ctrl-C", Effect::Quit),
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
