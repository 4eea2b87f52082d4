use super::{
    samples::{
        code, code_on_screen, conflicted, deleted, joyce, kept, key_event, pane, press, press_key,
        reading, refused, restored, save, saved, session_over, sign_in, started, unconfirmed,
        unreachable, waiting, write, writing,
    },
    *,
};
use crate::{failure::Kind, keymap};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::VecDeque;

mod ahead;
mod fuzz;
mod messages;

fn text_in_editor(model: &Model) -> &str {
    match pane(model) {
        Pane::Editor { sheet, .. } => sheet.draft.editor.text(),
        Pane::Unread {
            ahead: Ahead::Writing(draft) | Ahead::ToSave(draft),
            ..
        } => draft.editor.text(),
        other => panic!("nothing is being written: {other:?}"),
    }
}

/// What is read, where nothing is under way.
fn read(model: &Model) -> Option<&str> {
    match pane(model) {
        Pane::Quote { desk, order: None } => Some(&desk.saved.as_ref()?.text),
        other => panic!("nothing is being read: {other:?}"),
    }
}

fn has_unsaved(model: &Model) -> bool {
    model.unsaved().is_some()
}

fn told(model: &Model) -> String {
    let notice = model.notice.as_ref();
    notice.map(ToString::to_string).unwrap_or_default()
}

#[track_caller]
fn tells(model: &Model, words: &str) {
    let told = told(model);
    assert!(told.contains(words), "{words:?} is not in {told:?}");
}

#[test]
fn a_start_reads_the_quote_of_the_person_in_the_vault() {
    let size = Size {
        columns: 80,
        rows: 24,
    };
    let (mut model, effects) = init(About::default(), size);
    assert_eq!(effects, [Effect::Restore]);
    let effects = update(&mut model, Msg::Restored(Ok(Some(restored(None)))));
    assert_eq!(effects, [Effect::Load]);
    update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(read(&model), Some("Yes."));
}

#[test]
fn a_sign_in_can_be_cancelled_and_started_again() {
    let mut model = started(80, 24);
    update(&mut model, Msg::Restored(Ok(None)));
    assert_eq!(press(&mut model, "Enter"), [Effect::RequestCode]);
    let effects = update(&mut model, Msg::CodeIssued(Ok(code())));
    assert_eq!(effects, [Effect::AwaitApproval]);
    let copy = Effect::Copy(Copied::Code, "WDJBMJHT".into());
    assert_eq!(press(&mut model, "c"), [copy]);
    let address = code().address().to_owned();
    assert_eq!(press(&mut model, "o"), [Effect::OpenBrowser(address)]);
    assert_eq!(press(&mut model, "n"), [Effect::RequestCode]);
    update(&mut model, Msg::CodeIssued(Ok(code())));
    assert_eq!(press(&mut model, "Esc"), [Effect::AbandonSignIn]);
    // The approval comes too late.
    assert_eq!(update(&mut model, Msg::SignedIn(Ok(restored(None)))), []);
    assert_eq!(model.screen, Screen::signed_out(None));
}

#[test]
fn a_sign_in_that_fails_says_why_and_can_be_tried_again() {
    let mut model = waiting(80, 24);
    let denied = Failure::new(Kind::Denied, "The code has expired.").cure("Log in again.");
    update(&mut model, Msg::SignedIn(Err(denied)));
    tells(&model, "Not signed in. The code has expired. Log in again.");
    assert_eq!(press(&mut model, "Enter"), [Effect::RequestCode]);
}

#[test]
fn a_vault_that_fails_can_be_asked_again() {
    let mut model = started(80, 24);
    let locked = Failure::new(Kind::Vault, "The keyring is waiting to be unlocked.");
    update(&mut model, Msg::Restored(Err(locked)));
    tells(
        &model,
        "Your session cannot be read. The keyring is waiting to be unlocked.",
    );
    assert_eq!(press(&mut model, "r"), [Effect::Restore]);
    update(&mut model, Msg::Restored(Ok(None)));
    assert_eq!(press(&mut model, "r"), [], "there is nothing to try again");
}

#[test]
fn an_address_that_is_not_https_is_not_opened() {
    let mut model = waiting(80, 24);
    code_on_screen(&mut model).verification_uri_complete = Some("file:///etc/passwd".into());
    assert_eq!(press(&mut model, "o"), []);
}

#[test]
fn a_save_carries_the_text_it_is_based_on() {
    let mut model = writing(None, "");
    let effects = write(&mut model, "Yes");
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes", None))]);
    assert_eq!(press(&mut model, "Enter"), [save("Yes", None)]);
    let outcome = SaveOutcome::Saved(saved("Yes"));
    let effects = update(&mut model, Msg::Saved(Ok(outcome)));
    assert_eq!(effects, [Effect::DropDraft]);

    press(&mut model, "e");
    write(&mut model, "!");
    let effects = press(&mut model, "Enter");
    assert_eq!(effects, [save("Yes!", Some("Yes"))]);
}

#[test]
fn a_file_takes_the_keyrings_place_only_when_the_person_says_so() {
    let failure = || Failure::new(Kind::Vault, "There is no keyring.").cure("Configure it.");
    let mut model = started(80, 24);
    assert_eq!(press(&mut model, "f"), []);
    update(&mut model, Msg::Restored(Ok(None)));
    assert_eq!(press(&mut model, "f"), [], "the keyring works");
    press(&mut model, "Enter");
    update(&mut model, Msg::CodeIssued(Err(failure())));
    tells(&model, "f to keep your session");
    assert!(!told(&model).contains("Configure"), "{}", told(&model));
    assert_eq!(press(&mut model, "f"), [Effect::ChooseFile]);
    let full = Failure::new(Kind::Vault, "The disk is full.");
    update(&mut model, Msg::FileChosen(Err(full)));
    assert_eq!(press(&mut model, "f"), [Effect::ChooseFile]);
    let effects = update(&mut model, Msg::FileChosen(Ok(())));
    assert_eq!(effects, [Effect::Restore]);
    update(&mut model, Msg::Restored(Ok(None)));
    tells(&model, "in a file");
    // It may fail only when the session is to be kept.
    let mut late = waiting(80, 24);
    update(&mut late, Msg::SignedIn(Err(failure())));
    assert_eq!(press(&mut late, "f"), [Effect::ChooseFile]);
    // Where the file does not work either, there is no other place.
    press(&mut model, "Enter");
    update(&mut model, Msg::CodeIssued(Err(failure())));
    tells(&model, "Configure");
    assert_eq!(press(&mut model, "f"), []);
}

#[test]
fn a_text_of_an_ended_session_outlives_the_choice_of_a_file() {
    let mut model = writing(None, "Yes.");
    press(&mut model, "Enter");
    update(&mut model, Msg::Saved(Err(session_over())));
    press(&mut model, "Enter");
    let failure = Failure::new(Kind::Vault, "There is no keyring.");
    update(&mut model, Msg::CodeIssued(Err(failure)));
    assert_eq!(press(&mut model, "r"), [], "it would be left behind");
    assert_eq!(press(&mut model, "f"), [Effect::ChooseFile]);
    assert_eq!(update(&mut model, Msg::FileChosen(Ok(()))), []);
    assert_eq!(press(&mut model, "Enter"), [Effect::RequestCode]);
    assert!(has_unsaved(&model));
}

#[test]
fn a_deleted_quote_that_cannot_be_saved_is_back_in_the_editor() {
    // Another program wrote it.
    let mut model = deleted("a\u{1b}b");
    let effects = press(&mut model, "u");
    assert_eq!(text_in_editor(&model), "a\u{1b}b");
    assert_eq!(effects, [Effect::KeepDraft(kept("a\u{1b}b", None))]);
    tells(&model, "U+001B");
}

#[test]
fn what_cannot_be_saved_stays_in_the_editor_with_the_reason() {
    let mut model = reading(80, 24, None);
    press(&mut model, "e");
    assert_eq!(press(&mut model, "Enter"), []);
    assert_eq!(told(&model), "Nothing to save yet.");

    let long = "x".repeat(crate::quote::MAX_BYTES + 1);
    update(&mut model, Msg::Terminal(Event::Paste(long.clone())));
    tells(&model, "65,537 bytes");
    assert_eq!(press(&mut model, "Enter"), []);
    tells(&model, "Not saved. It is all still here");
    assert_eq!(text_in_editor(&model), long);

    let enormous = "x".repeat(crate::quote::MAX_BYTES * 16);
    update(&mut model, Msg::Terminal(Event::Paste(enormous)));
    tells(&model, "Not pasted. ");
    assert_eq!(text_in_editor(&model), long);
}

#[test]
fn a_failed_save_leads_back_to_the_text_and_says_why() {
    let mut model = writing(None, "Yes");
    for (failure, outcome) in [
        (unreachable(), "Not saved."),
        (unconfirmed(), "Perhaps not saved."),
    ] {
        press(&mut model, "Enter");
        update(&mut model, Msg::Saved(Err(failure)));
        assert_eq!(text_in_editor(&model), "Yes");
        let rest = "Your text is still here: Enter tries again. The database does not answer.";
        assert_eq!(told(&model), format!("{outcome} {rest}"));
    }
}

#[test]
fn an_own_text_without_an_answer_is_no_conflict() {
    let unanswered = || {
        let mut model = writing(Some("Yes."), " No.");
        press(&mut model, "Enter");
        update(&mut model, Msg::Saved(Err(unconfirmed())));
        write(&mut model, "!");
        model
    };
    let sent = || Some(saved("Yes. No."));
    let keep = Effect::KeepDraft(kept("Yes. No.!", Some("Yes. No.")));

    let mut model = unanswered();
    press(&mut model, "Enter");
    let effects = update(&mut model, Msg::Saved(Ok(SaveOutcome::Conflict(sent()))));
    let save = save("Yes. No.!", Some("Yes. No."));
    assert_eq!(effects, [keep.clone(), save]);
    // From here on it is like any other save.
    update(&mut model, Msg::Saved(Ok(SaveOutcome::Conflict(sent()))));
    assert!(matches!(pane(&model), Pane::Choice(_)));

    let mut model = unanswered();
    press(&mut model, "Enter");
    let theirs = SaveOutcome::Conflict(Some(saved("Theirs.")));
    assert_eq!(update(&mut model, Msg::Saved(Ok(theirs))), []);
    assert!(matches!(pane(&model), Pane::Choice(_)));

    let mut model = unanswered();
    press(&mut model, "Esc r");
    let effects = update(&mut model, Msg::Loaded(Ok(sent())));
    assert_eq!(effects, std::slice::from_ref(&keep));
    tells(
        &model,
        "The text you sent before is saved; your changes since are kept.",
    );
    press(&mut model, "e");
    assert_eq!(text_in_editor(&model), "Yes. No.!");

    let mut model = unanswered();
    press(&mut model, "Enter");
    update(&mut model, Msg::Saved(Err(session_over())));
    sign_in(&mut model, restored(None));
    assert_eq!(update(&mut model, Msg::Loaded(Ok(sent()))), [keep]);
    assert_eq!(text_in_editor(&model), "Yes. No.!");
}

#[test]
fn an_unanswered_order_shows_when_the_quote_is_read_again() {
    let mut model = writing(Some("Yes."), " No.");
    press(&mut model, "Enter");
    update(&mut model, Msg::Saved(Err(unreachable())));
    press(&mut model, "Esc r");
    let effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes. No.")))));
    assert_eq!(effects, [Effect::DropDraft]);
    assert_eq!(told(&model), "Your text is saved.");
    assert!(!has_unsaved(&model));

    press(&mut model, "d y");
    update(&mut model, Msg::Deleted(Err(unreachable())));
    press(&mut model, "r");
    update(&mut model, Msg::Loaded(Ok(None)));
    tells(
        &model,
        "Your quote has since been deleted. Press u to bring it back.",
    );
    let effects = press(&mut model, "u");
    assert_eq!(effects[1..], [save("Yes. No.", None)]);
}

#[test]
fn leaving_the_editor_keeps_the_draft_and_going_on_finds_it() {
    let mut model = writing(Some("Yes."), " No.");
    assert_eq!(press(&mut model, "Esc"), [], "the draft file stays");
    assert!(has_unsaved(&model));
    press(&mut model, "e");
    assert_eq!(text_in_editor(&model), "Yes. No.");
}

#[test]
fn a_draft_can_be_thrown_away_after_one_question() {
    let mut model = writing(Some("Yes."), "x");
    press(&mut model, "Esc x n");
    assert!(has_unsaved(&model));
    assert_eq!(press(&mut model, "x y"), [Effect::DropDraft]);
    assert!(!has_unsaved(&model));
}

#[test]
fn deleting_asks_once_and_can_be_undone() {
    let mut model = reading(80, 24, Some("Yes."));
    assert_eq!(press(&mut model, "d"), []);
    press(&mut model, "n");
    assert!(matches!(pane(&model), Pane::Quote { order: None, .. }));
    let based_on = "Yes.".to_owned();
    assert_eq!(press(&mut model, "d y"), [Effect::Delete { based_on }]);
    update(&mut model, Msg::Deleted(Ok(DeleteOutcome::Deleted)));
    let keep = Effect::KeepDraft(kept("Yes.", None));
    assert_eq!(press(&mut model, "u"), [keep, save("Yes.", None)]);
    let outcome = SaveOutcome::Saved(saved("Yes."));
    let effects = update(&mut model, Msg::Saved(Ok(outcome)));
    assert_eq!(effects, [Effect::DropDraft]);
    assert_eq!(read(&model), Some("Yes."));
    assert!(!has_unsaved(&model));
}

#[test]
fn a_quote_that_undo_is_bringing_back_counts_as_unsaved() {
    let on_its_way = || {
        let mut model = deleted("Yes.");
        press(&mut model, "u");
        model
    };
    let model = on_its_way();
    let unsaved = model.unsaved().map(|draft| draft.editor.text());
    assert_eq!(unsaved, Some("Yes."));
    assert_eq!(model.order(), Some(Order::Save));

    let mut model = on_its_way();
    update(&mut model, Msg::Saved(Err(session_over())));
    tells(&model, "Your unsaved text is kept");
    sign_in(&mut model, restored(None));
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(text_in_editor(&model), "Yes.");

    let mut model = on_its_way();
    update(&mut model, Msg::Saved(Err(unreachable())));
    assert!(has_unsaved(&model));
    // It may have been done all the same.
    press(&mut model, "r");
    let effects = update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(effects, [Effect::DropDraft]);
    assert!(!has_unsaved(&model));

    let mut model = on_its_way();
    update(&mut model, Msg::Saved(Err(unreachable())));
    press(&mut model, "u");
    assert!(matches!(
        pane(&model),
        Pane::Quote {
            order: Some(DeskOrder::Undelete),
            ..
        }
    ));
}

#[test]
fn undoing_a_delete_overwrites_nothing() {
    let mut model = deleted("Yes.");
    press(&mut model, "u");
    let theirs = SaveOutcome::Conflict(Some(saved("No.")));
    update(&mut model, Msg::Saved(Ok(theirs)));
    assert!(matches!(pane(&model), Pane::Choice(conflict)
        if conflict.mine.editor.text() == "Yes." && conflict.theirs == Some(saved("No."))));
}

#[test]
fn a_conflict_shows_both_and_each_choice_does_what_it_says() {
    let mut model = conflicted(80, 24, "Mine.", Some("Theirs."));
    let effects = press(&mut model, "k");
    assert_eq!(effects, [save("Mine.", Some("Theirs."))]);

    let mut model = conflicted(80, 24, "Mine.", Some("Theirs."));
    assert_eq!(press(&mut model, "t"), [Effect::DropDraft]);
    assert_eq!(read(&model), Some("Theirs."));

    let mut model = conflicted(80, 24, "Mine.", Some("Theirs."));
    press(&mut model, "e");
    write(&mut model, "!");
    let effects = press(&mut model, "Enter");
    assert_eq!(effects, [save("Mine.!", Some("Theirs."))]);

    let mut model = conflicted(80, 24, "Mine.", None);
    assert_eq!(press(&mut model, "k"), [save("Mine.", None)]);
}

#[test]
fn the_draft_of_an_ended_session_is_for_its_author_only() {
    for (id, expected) in [(joyce().id, Some("Yes. No.")), ("00u2other".into(), None)] {
        let mut model = writing(Some("Yes."), " No.");
        press(&mut model, "Enter");
        update(&mut model, Msg::Saved(Err(session_over())));
        assert!(has_unsaved(&model));
        let mut back = restored(None);
        back.user.id = id;
        assert_eq!(sign_in(&mut model, back), [Effect::Load]);
        update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
        match expected {
            Some(text) => assert_eq!(text_in_editor(&model), text),
            None => assert!(
                matches!(pane(&model), Pane::Quote { desk, order: None } if desk.draft.is_none())
            ),
        }
    }
}

#[test]
fn a_draft_of_an_earlier_run_comes_back() {
    for (text, based_on, quote, context) in [
        ("Draft", None, None, keymap::Context::Writing),
        (
            "Draft",
            Some("Quote"),
            Some("Quote"),
            keymap::Context::Writing,
        ),
        (
            "Draft",
            Some("Old"),
            Some("Quote"),
            keymap::Context::Conflict,
        ),
        ("Draft", None, Some("Quote"), keymap::Context::Conflict),
        ("Draft", Some("Old"), None, keymap::Context::Conflict),
        ("Quote", Some("Old"), Some("Quote"), keymap::Context::Quote),
    ] {
        let mut model = started(80, 24);
        let earlier = Restored {
            draft: Some(kept(text, based_on)),
            ..restored(None)
        };
        update(&mut model, Msg::Restored(Ok(Some(earlier))));
        update(&mut model, Msg::Loaded(Ok(quote.map(saved))));
        let case = format!("{text} on {based_on:?}, now {quote:?}");
        assert_eq!(model.context(), context, "{case}");
        if context == keymap::Context::Writing {
            assert_eq!(press(&mut model, "Enter"), [save(text, based_on)]);
        }
    }
}

#[test]
fn the_draft_file_follows_deleting_and_undoing() {
    let mut model = reading(80, 24, Some("Yes."));
    press(&mut model, "e");
    let effects = write(&mut model, "!");
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.!", Some("Yes.")))]);
    press(&mut model, "Esc d y");
    let effects = update(&mut model, Msg::Deleted(Ok(DeleteOutcome::Deleted)));
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.!", None))]);
    press(&mut model, "u");
    let outcome = SaveOutcome::Saved(saved("Yes."));
    let effects = update(&mut model, Msg::Saved(Ok(outcome)));
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.!", Some("Yes.")))]);
}

#[test]
fn a_session_that_ends_during_a_read_keeps_the_draft() {
    let mut model = started(80, 24);
    update(&mut model, Msg::Restored(Ok(Some(restored(Some("Draft"))))));
    update(&mut model, Msg::Loaded(Err(session_over())));
    assert!(has_unsaved(&model));
    sign_in(&mut model, restored(None));
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(text_in_editor(&model), "Draft");
}

#[test]
fn signing_out_asks_once() {
    let mut model = reading(80, 24, Some("Yes."));
    assert_eq!(press(&mut model, "s"), []);
    assert_eq!(press(&mut model, "n"), []);
    assert_eq!(press(&mut model, "s y"), [Effect::SignOut]);
    update(
        &mut model,
        Msg::SignedOut(Ok(SignOutOutcome::OnlyLocally(unreachable()))),
    );
    tells(&model, "lives on until it expires");

    let mut model = writing(Some("Yes."), "x");
    assert_eq!(press(&mut model, "Esc s"), []);
    assert_eq!(press(&mut model, "y"), [Effect::SignOut]);
    assert!(!has_unsaved(&model), "it goes with the session");
    let refused = Failure::new(Kind::Vault, "The keyring refuses.");
    let effects = update(&mut model, Msg::SignedOut(Err(refused)));
    assert!(has_unsaved(&model), "it was not ended, so nothing went");
    // The file had gone first.
    assert_eq!(effects, [Effect::KeepDraft(kept("Yes.x", Some("Yes.")))]);

    // A text that another window left, and that no one has seen again.
    let mut model = started(80, 24);
    let with_more = Restored {
        more_drafts: true,
        ..restored(None)
    };
    update(&mut model, Msg::Restored(Ok(Some(with_more))));
    update(&mut model, Msg::Loaded(Ok(Some(saved("Yes.")))));
    assert_eq!(press(&mut model, "s"), []);
    assert_eq!(press(&mut model, "y"), [Effect::SignOut]);
}

#[test]
fn a_quote_that_cannot_be_read_can_be_asked_for_again() {
    let mut model = started(80, 24);
    update(&mut model, Msg::Restored(Ok(Some(restored(Some("Draft"))))));
    update(&mut model, Msg::Loaded(Err(unreachable())));
    assert_eq!(press(&mut model, "r"), [Effect::Load]);
    update(&mut model, Msg::Loaded(Ok(None)));
    assert_eq!(text_in_editor(&model), "Draft");
}

#[test]
fn reloading_keeps_the_quote_and_the_draft_whatever_comes() {
    let mut model = writing(Some("Yes."), "x");
    assert_eq!(press(&mut model, "Esc r"), [Effect::Load]);
    update(&mut model, Msg::Loaded(Err(unreachable())));
    assert!(matches!(pane(&model), Pane::Quote { desk, order: None }
        if desk.saved.is_some() && desk.draft.is_some()));
    press(&mut model, "r");
    update(&mut model, Msg::Loaded(Ok(Some(saved("No.")))));
    press(&mut model, "e");
    assert_eq!(model.context(), keymap::Context::Conflict);
}

#[test]
fn quitting_always_works_and_letters_are_text_while_writing() {
    let mut model = reading(80, 24, None);
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
    press(&mut model, "e");
    press(&mut model, "q ? s");
    assert_eq!(text_in_editor(&model), "q?s");
    assert_eq!(press(&mut model, "Ctrl-C"), [Effect::Quit]);
    press(&mut model, "Enter");
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn neither_good_nor_bad_news_pushes_bad_news_away_but_a_key() {
    const SESSION: &str = "It will end in an hour. Ask an administrator.";
    for (database, says) in [
        (None, ""),
        (Some("It is an owner's."), " It is an owner's."),
    ] {
        let mut model = started(80, 24);
        let mut restored = restored(None);
        let warning = Failure::new(Kind::Failed, "It will end in an hour.");
        restored.warnings = vec![warning.cure("Ask an administrator.")];
        update(&mut model, Msg::Restored(Ok(Some(restored))));
        if let Some(what) = database {
            let open = Activity::Unguarded(Failure::new(Kind::Database, what));
            update(&mut model, Msg::Progressed(open));
        }
        update(&mut model, Msg::Loaded(Ok(None)));
        assert_eq!(told(&model), format!("{SESSION}{says}"));
        press(&mut model, "e");
        assert_eq!(told(&model), "");
    }
}

#[test]
fn that_drafts_cannot_be_kept_is_said_once() {
    let mut model = reading(80, 24, None);
    let full = Failure::new(Kind::Failed, "The disk is full.");
    update(&mut model, Msg::DraftFailed(full.clone()));
    assert_eq!(told(&model), "No draft is kept. The disk is full.");
    press(&mut model, "e");
    update(&mut model, Msg::DraftFailed(full));
    assert_eq!(told(&model), "");
}

#[test]
fn what_keys_cut_one_after_the_other_comes_back_as_one() {
    for (keys, then, text) in [
        ("Ctrl-W Ctrl-W", "Ctrl-Y", "one two three"),
        ("Ctrl-W Left Ctrl-W", "Ctrl-Y", "one two "),
        ("Ctrl-A Alt-d Alt-d", "Ctrl-E Ctrl-Y", " threeone two"),
        (
            "Shift-Left Shift-Left Ctrl-X",
            "Ctrl-A Ctrl-Y",
            "eeone two thr",
        ),
        (
            "Shift-Home Ctrl-X",
            "Ctrl-Y Ctrl-Y",
            "one two threeone two three",
        ),
        (
            "Shift-Left Shift-Left Alt-w",
            "Ctrl-A Ctrl-Y",
            "eeone two three",
        ),
        (
            "Shift-Left Shift-Left Left Ctrl-K",
            "Ctrl-A Ctrl-Y",
            "eeone two thr",
        ),
    ] {
        let mut model = reading(80, 24, Some("one two three"));
        press(&mut model, "e");
        press(&mut model, keys);
        press(&mut model, then);
        assert_eq!(text_in_editor(&model), text, "{keys}");
    }
}

/// Lets keys come in at once.
fn at_once(model: &mut Model, keys: impl IntoIterator<Item = KeyEvent>) -> Vec<Effect> {
    let mut events: VecDeque<_> = keys.into_iter().map(Event::Key).collect();
    let mut effects = Vec::new();
    while !events.is_empty() {
        effects.extend(take_in(model, &mut events, &mut Seen::No));
    }
    effects
}

fn keys(text: &str) -> impl Iterator<Item = KeyEvent> {
    text.chars().map(|c| match c {
        '\n' => key_event("Enter"),
        '\t' => KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE),
        c => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
    })
}

#[test]
fn what_comes_at_once_is_what_it_is_when_it_is_typed() {
    for text in [
        "a",
        "two words",
        " q blanks  before and after  ",
        "tabs\tand  日本 👨‍👩‍👧 e\u{301}",
        "?eds",
    ] {
        let mut typed = reading(80, 24, Some("It was: "));
        press(&mut typed, "e");
        let mut at_once_model = typed.clone();
        let one = keys(text).fold(Vec::new(), |_, key| press_key(&mut typed, key));
        let other = at_once(&mut at_once_model, keys(text));
        assert_eq!(one, other, "{text:?}: one draft, the newest");
        assert_eq!(text_in_editor(&typed), text_in_editor(&at_once_model));
        for _ in 0..8 {
            assert_eq!(text_in_editor(&typed), text_in_editor(&at_once_model));
            press(&mut typed, "Ctrl-Z Ctrl-_");
            press(&mut at_once_model, "Ctrl-Z Ctrl-_");
        }
    }
}

#[test]
fn enter_saves_unless_it_came_with_characters_on_both_sides() {
    for (came, text, saves) in [
        ("one\ntwo\n\n  q d y\n", "one\ntwo\n\n  q d y", true),
        ("one\ntwo", "one\ntwo", false),
        ("one\n", "one", true),
        ("one\n\n", "one", true),
    ] {
        let mut model = writing(None, "");
        let effects = at_once(&mut model, keys(came));
        let is_saved = effects.contains(&save(text, None));
        assert_eq!(is_saved, saves, "{came:?}: {effects:?}");
        if !saves {
            assert_eq!(text_in_editor(&model), text);
        }
    }
}

#[test]
fn letters_that_are_commands_and_come_at_once_are_a_paste() {
    const PRESS_E: &str = "To paste, press e first.";
    for (came, told_then) in [
        ("sunny day", PRESS_E),
        ("dy", PRESS_E),
        ("\nqd\n", PRESS_E),
        ("yes\nquit\n", PRESS_E),
        ("c", ""),
        ("  ", ""),
    ] {
        let mut model = reading(80, 24, Some("One."));
        let effects = at_once(&mut model, keys(came));
        assert_eq!(told(&model), told_then, "{came:?}");
        assert_eq!(effects.is_empty(), came != "c", "{came:?}: {effects:?}");
        assert!(matches!(pane(&model), Pane::Quote { .. }), "{came:?}");
    }
    // Into the place for a quote, as with brackets.
    let mut model = reading(80, 24, None);
    at_once(&mut model, keys("sunny\nday"));
    assert_eq!(text_in_editor(&model), "sunny\nday");
    for mut model in [
        waiting(80, 24),
        started(80, 24),
        conflicted(80, 24, "mine", Some("theirs")),
    ] {
        let screen = model.screen.clone();
        assert_eq!(at_once(&mut model, keys("tokens")), []);
        assert_eq!(model.screen, screen);
    }
}

#[test]
fn a_question_takes_no_key_from_before_it_was_seen() {
    let asking = || {
        let mut model = reading(80, 24, Some("One."));
        press(&mut model, "d");
        model
    };
    let choosing = || conflicted(80, 24, "mine", Some("theirs"));
    for (asked, key) in [
        (&asking as &dyn Fn() -> Model, "y"),
        (&choosing, "k"),
        (&choosing, "t"),
    ] {
        for seen in [Seen::No, Seen::Yes] {
            let mut model = asked();
            let mut events = VecDeque::from([Event::Key(key_event(key))]);
            let effects = take_in(&mut model, &mut events, &mut seen.clone());
            assert_eq!(effects.is_empty(), seen == Seen::No, "{key}: {effects:?}");
        }
    }
    // What takes nothing away may come at any time.
    let mut model = asking();
    take_in(
        &mut model,
        &mut VecDeque::from([Event::Key(key_event("n"))]),
        &mut Seen::No,
    );
    assert!(!model.asks());
    // The key that asks, and the answer, in one moment: with a key between that is no letter.
    let mut model = reading(80, 24, Some("One."));
    let came = ["d", "down", "y"].map(key_event);
    assert_eq!(at_once(&mut model, came), []);
    assert!(model.asks());
}

#[test]
fn more_is_waited_for_where_a_paste_may_have_been_cut() {
    let events = |text| keys(text).map(Event::Key).collect();
    let reads = reading(80, 24, Some("One."));
    let mut writes = reads.clone();
    press(&mut writes, "e");
    for (text, while_writing, while_reading) in [
        ("", false, false),
        ("a", false, true),
        ("\n", false, false),
        ("a\n", false, true),
        ("quick", true, true),
        ("a\nb\n", true, true),
    ] {
        let events = events(text);
        assert_eq!(may_go_on(&writes, &events), while_writing, "{text:?}");
        assert_eq!(may_go_on(&reads, &events), while_reading, "{text:?}");
    }
}
