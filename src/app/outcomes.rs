//! Outcomes: what an effect led to. An outcome counts only in the state that asked for it.

use super::{
    Activity, DeleteOutcome, Effect, Msg, Restored, SaveOutcome, SignOutOutcome, User,
    clipboard::{say_copied, take_clipboard},
    model::{
        Ahead, Desk, DeskOrder, Draft, Model, Notice, Over, Pane, Safe, Screen, Sheet, SignIn,
        Tone, Unsaved, same_text,
    },
    saving::{resume, save, write_on},
    words::UNREAD,
};
use crate::{
    failure::{Failure, Kind},
    quote::Saved,
};

/// Takes an outcome in.
pub(super) fn take_outcome(model: &mut Model, outcome: Msg) -> Vec<Effect> {
    let outcome = match outcome {
        Msg::Progressed(activity) => {
            match activity {
                Activity::SessionNotKept(failure) => {
                    model.fail("Your session is not kept.", &failure);
                }
                // It comes while no one has had time to read what the start had to say.
                Activity::Unguarded(failure) => {
                    model.warn_as_well("Others may read your quote.", &failure);
                }
                activity => model.activity = Some(activity),
            }
            return Vec::new();
        }
        Msg::DraftFailed(failure) => {
            if !std::mem::replace(&mut model.draft_failure_told, true) {
                model.fail("No draft is kept.", &failure);
            }
            return Vec::new();
        }
        Msg::Copied(what, outcome) => return say_copied(model, what, outcome),
        Msg::ClipboardRead(text) => return take_clipboard(model, text),
        outcome => outcome,
    };
    // A copy: a bug in there must not take the text along.
    let screen = model.screen.clone();
    let (screen, effects) = take_on_screen(model, outcome, screen);
    model.screen = screen;
    effects
}

fn take_on_screen(model: &mut Model, outcome: Msg, screen: Screen) -> (Screen, Vec<Effect>) {
    #[cfg(test)]
    super::samples::may_have_a_bug(&screen);
    match (outcome, screen) {
        (Msg::Restored(Ok(Some(restored))), Screen::Restoring) => enter(model, restored, None),
        (Msg::Restored(Ok(None)), Screen::Restoring) => (Screen::signed_out(None), Vec::new()),
        (Msg::Restored(Err(failure)), Screen::Restoring) => {
            fail_for_the_vault(model, "Your session cannot be read.", &failure);
            let sign_in = SignIn::VaultFailed;
            let unsaved = None;
            (Screen::SignedOut { unsaved, sign_in }, Vec::new())
        }
        (outcome, Screen::SignedOut { unsaved, sign_in }) => {
            take_while_signing_in(model, outcome, unsaved, sign_in)
        }
        (
            Msg::SignedOut(outcome),
            Screen::SignedIn {
                user,
                pane,
                over: Some(Over::SigningOut),
            },
        ) => signed_out(model, outcome, user, pane),
        (
            outcome,
            Screen::SignedIn {
                user,
                pane,
                over: None,
            },
        ) => take_on_pane(model, outcome, user, pane),
        (_, screen) => (screen, Vec::new()),
    }
}

fn take_while_signing_in(
    model: &mut Model,
    outcome: Msg,
    unsaved: Option<Unsaved>,
    sign_in: SignIn,
) -> (Screen, Vec<Effect>) {
    let (sign_in, effects) = match (outcome, sign_in) {
        (Msg::CodeIssued(Ok(code)), SignIn::Requesting) => {
            (SignIn::Waiting(code), vec![Effect::AwaitApproval])
        }
        (Msg::CodeIssued(Err(failure)), SignIn::Requesting)
        | (Msg::SignedIn(Err(failure)), SignIn::Waiting(_))
            if failure.kind == Kind::Vault =>
        {
            fail_for_the_vault(model, "Not signed in.", &failure);
            (SignIn::VaultFailed, Vec::new())
        }
        (Msg::FileChosen(Ok(())), SignIn::ChoosingFile) => {
            model.about.has_keyring = false;
            model.say("Your session will be kept in a file on this computer.");
            if unsaved.is_none() {
                return (Screen::Restoring, vec![Effect::Restore]);
            }
            (SignIn::Idle, Vec::new())
        }
        (Msg::FileChosen(Err(failure)), SignIn::ChoosingFile) => {
            model.fail("No file can be used.", &failure);
            (SignIn::VaultFailed, Vec::new())
        }
        (Msg::CodeIssued(Err(failure)), SignIn::Requesting)
        | (Msg::SignedIn(Err(failure)), SignIn::Waiting(_)) => {
            model.fail("Not signed in.", &failure);
            (SignIn::Idle, Vec::new())
        }
        (Msg::SignedIn(Ok(restored)), SignIn::Waiting(_)) => {
            return enter(model, restored, unsaved);
        }
        (Msg::BrowserOpened(result), sign_in @ SignIn::Waiting(_)) => {
            match result {
                Ok(()) => model.say("Opened in your browser."),
                Err(failure) => model.fail("No browser was opened.", &failure),
            }
            (sign_in, Vec::new())
        }
        (_, sign_in) => (sign_in, Vec::new()),
    };
    (Screen::SignedOut { unsaved, sign_in }, effects)
}

/// How the keyring's failure begins on a machine that has none.
const ABSENT: &str = "There is no keyring here.";

/// Says that the vault does not work. What a person at the screens does about it is a key.
fn fail_for_the_vault(model: &mut Model, outcome: &str, failure: &Failure) {
    if !model.about.has_keyring {
        return model.fail(outcome, failure);
    }
    let cure = "Press f to keep your session in a file that only you can read, or r to try again.";
    // Someone who comes for the first time has no session that could not be read.
    if failure.what.starts_with(ABSENT.trim_end_matches('.')) {
        return model.warn(ABSENT, cure);
    }
    let failure = Failure::new(failure.kind, &failure.what).cure(cure);
    model.fail(outcome, &failure);
}

fn signed_out(
    model: &mut Model,
    outcome: Result<SignOutOutcome, Failure>,
    user: User,
    pane: Pane,
) -> (Screen, Vec<Effect>) {
    match outcome {
        Ok(SignOutOutcome::Revoked) => model.say("You are signed out."),
        Ok(SignOutOutcome::OnlyLocally(failure)) => model.warn(
            "Signed out here only.",
            format!(
                "Your session at Okta lives on until it expires. {}",
                failure.what
            ),
        ),
        Err(failure) => {
            model.fail("Not signed out.", &failure);
            // The draft file went first.
            let effects = pane.unsaved().map(Draft::kept).into_iter().collect();
            return (Screen::signed_in(user, pane), effects);
        }
    }
    (Screen::signed_out(None), Vec::new())
}

/// Lets someone in: the quote is read, and what they had not saved waits for it.
fn enter(model: &mut Model, restored: Restored, unsaved: Option<Unsaved>) -> (Screen, Vec<Effect>) {
    model.more_drafts = restored.more_drafts;
    for warning in restored.warnings {
        model.warn_as_well("", &warning);
    }
    let leftover = match unsaved {
        Some(unsaved) if unsaved.user_id == restored.user.id => Some(unsaved.draft),
        // Someone else's text stays in its own draft file.
        _ => restored.draft.map(Draft::from_file),
    };
    let pane = Pane::Unread {
        failure: None,
        ahead: Ahead::Looking(leftover),
        seen: restored.seen,
    };
    (Screen::signed_in(restored.user, pane), vec![Effect::Load])
}

fn take_on_pane(model: &mut Model, outcome: Msg, user: User, pane: Pane) -> (Screen, Vec<Effect>) {
    use DeskOrder::{Delete, Reload, Undelete};
    let desk_order = match &pane {
        Pane::Quote { order, .. } => *order,
        _ => None,
    };
    let (pane, effects) = match (outcome, pane, desk_order) {
        (
            Msg::Loaded(Ok(saved)),
            Pane::Unread {
                failure: None,
                ahead,
                ..
            },
            _,
        ) => loaded(model, saved, ahead),
        (Msg::Loaded(Ok(saved)), Pane::Quote { desk, .. }, Some(Reload)) => {
            reloaded(model, saved, desk)
        }
        (
            Msg::Saved(Ok(outcome)),
            Pane::Editor {
                sheet,
                saving: true,
            },
            _,
        ) => saved(model, outcome, sheet),
        (Msg::Saved(Ok(outcome)), Pane::Quote { desk, .. }, Some(Undelete)) => {
            undeleted(model, outcome, desk)
        }
        (Msg::Deleted(Ok(outcome)), Pane::Quote { desk, .. }, Some(Delete)) => {
            deleted(model, outcome, desk)
        }
        (Msg::Loaded(Err(failure)), pane @ Pane::Unread { failure: None, .. }, _)
        | (Msg::Saved(Err(failure)), pane @ Pane::Editor { saving: true, .. }, _)
        | (Msg::Loaded(Err(failure)), pane, Some(Reload))
        | (Msg::Saved(Err(failure)), pane, Some(Undelete))
        | (Msg::Deleted(Err(failure)), pane, Some(Delete)) => {
            return (fail(model, &failure, user, pane), Vec::new());
        }
        (_, pane, _) => (pane, Vec::new()),
    };
    (Screen::signed_in(user, pane), effects)
}

/// The quote is there for the first time.
fn loaded(model: &mut Model, saved: Option<Saved>, ahead: Ahead) -> (Pane, Vec<Effect>) {
    match ahead {
        Ahead::Looking(None) => (Pane::quote(Desk::with(saved)), Vec::new()),
        Ahead::Looking(Some(draft)) => resume(model, draft, saved),
        Ahead::Writing(draft) => (Pane::writing(write_on(model, draft, saved)), Vec::new()),
        Ahead::ToSave(draft) => save(model, Sheet::with(saved, draft)),
    }
}

fn saved(model: &mut Model, outcome: SaveOutcome, mut sheet: Sheet) -> (Pane, Vec<Effect>) {
    match outcome {
        SaveOutcome::Saved(saved) => {
            model.say("Saved.");
            (
                Pane::quote(Desk::with(Some(saved))),
                vec![Effect::DropDraft],
            )
        }
        SaveOutcome::Conflict(theirs) if sheet.draft.recognizes(theirs.as_ref()) => {
            sheet.saved = theirs;
            let mut effects = vec![sheet.draft.kept()];
            let (pane, more) = save(model, sheet);
            effects.extend(more);
            (pane, effects)
        }
        SaveOutcome::Conflict(theirs) => (Pane::choice(sheet.draft, theirs), Vec::new()),
    }
}

fn deleted(model: &mut Model, outcome: DeleteOutcome, desk: Desk) -> (Pane, Vec<Effect>) {
    match outcome {
        DeleteOutcome::Deleted => {
            model.tell(Notice::new(Tone::Question, "Your quote is deleted.", UNDO));
            let draft = desk.draft.map(|draft| Draft {
                based_on: None,
                ..draft
            });
            let effects = draft.iter().map(Draft::kept).collect();
            let desk = Desk {
                draft,
                deleted: desk.saved.map(|saved| saved.text),
                ..Desk::default()
            };
            (Pane::quote(desk), effects)
        }
        DeleteOutcome::Conflict(saved) => {
            let why = "It was changed elsewhere; this is the new text.";
            model.warn("Not deleted.", why);
            let desk = Desk {
                saved: Some(saved),
                scroll: 0,
                ..desk
            };
            (Pane::quote(desk), Vec::new())
        }
    }
}

const UNDO: &str = "Press u to bring it back.";

/// What was asked before and never answered shows here too: it need not have been someone else.
fn reloaded(model: &mut Model, saved: Option<Saved>, mut desk: Desk) -> (Pane, Vec<Effect>) {
    let wrote = |saved: &Saved| {
        let draft = desk.draft.as_ref();
        draft.is_some_and(|draft| same_text(draft.editor.text(), &saved.text))
    };
    if saved.as_ref().is_some_and(wrote) {
        model.say("Your text is saved.");
        return (Pane::quote(Desk::with(saved)), vec![Effect::DropDraft]);
    }
    let draft = desk.draft.as_mut();
    let is_sent = draft.is_some_and(|draft| draft.recognizes(saved.as_ref()));
    let gone = desk.saved.as_ref().filter(|_| saved.is_none());
    if gone.is_some() {
        let outcome = "Your quote has since been deleted.";
        model.tell(Notice::new(Tone::Question, outcome, UNDO));
    } else {
        model.say(if is_sent {
            "The text you sent before is saved; your changes since are kept."
        } else if saved == desk.saved {
            "Up to date."
        } else {
            "It has changed; this is the new text."
        });
    }
    let deleted = gone.map(|gone| gone.text.clone()).or(desk.deleted);
    let desk = Desk {
        saved,
        deleted,
        draft: desk.draft,
        scroll: desk.scroll,
    };
    let effects = desk
        .draft
        .iter()
        .filter(|_| is_sent)
        .map(Draft::kept)
        .collect();
    (Pane::quote(desk), effects)
}

/// Puts the person back to where they can act, and never loses what they wrote.
fn fail(model: &mut Model, failure: &Failure, user: User, pane: Pane) -> Screen {
    if failure.kind == Kind::NotSignedIn {
        return session_over(model, failure, user, &pane);
    }
    let safe = match &pane {
        Pane::Editor { .. } => &Safe::TO_SEND,
        Pane::Unread {
            ahead: Ahead::Writing(_),
            ..
        } => &Safe::WRITING,
        pane if pane.unsaved().is_some() => &Safe::DRAFT,
        _ => &Safe::NOTHING,
    };
    let outcome = outcome_of(&pane, failure);
    let pane = match pane {
        Pane::Unread { ahead, seen, .. } => Pane::Unread {
            failure: Some(failure.clone()),
            ahead: match ahead {
                Ahead::Writing(draft) => Ahead::Writing(draft),
                ahead => Ahead::Looking(ahead.unsaved().cloned()),
            },
            seen,
        },
        Pane::Quote { mut desk, order } => {
            if order == Some(DeskOrder::Undelete)
                && let (true, Some(draft), Some(sent)) =
                    (failure.unconfirmed, &mut desk.draft, &desk.deleted)
            {
                draft.unconfirmed.push(sent.clone());
            }
            Pane::quote(desk)
        }
        Pane::Editor { mut sheet, .. } => {
            if failure.unconfirmed {
                let sent = sheet.draft.editor.text().to_owned();
                sheet.draft.unconfirmed.push(sent);
            }
            Pane::writing(sheet)
        }
        pane @ Pane::Choice(_) => pane,
    };
    // A pane that is looked at shows by itself why it could not be read, and that something is kept.
    if !matches!(
        &pane,
        Pane::Unread {
            ahead: Ahead::Looking(_),
            ..
        }
    ) {
        model.fail_safely(outcome, safe, failure);
    }
    Screen::signed_in(user, pane)
}

/// Says in a few words what did not come about, or perhaps did.
fn outcome_of(pane: &Pane, failure: &Failure) -> &'static str {
    let order = match pane {
        Pane::Quote { order, .. } => *order,
        Pane::Editor { .. } => {
            return if failure.unconfirmed {
                "Perhaps not saved."
            } else {
                "Not saved."
            };
        }
        Pane::Unread { .. } => return UNREAD,
        Pane::Choice(_) => None,
    };
    match (order, failure.unconfirmed) {
        (Some(DeskOrder::Delete), false) => "Not deleted.",
        (Some(DeskOrder::Delete), true) => "Perhaps not deleted.",
        (Some(DeskOrder::Undelete), false) => "Not brought back.",
        (Some(DeskOrder::Undelete), true) => "Perhaps not brought back.",
        (Some(DeskOrder::Reload) | None, _) => "Not read again.",
    }
}

/// The session has ended by itself: what was written waits for the same person.
fn session_over(model: &mut Model, failure: &Failure, user: User, pane: &Pane) -> Screen {
    let unsaved = pane.unsaved().cloned().map(|draft| Unsaved {
        user_id: user.id,
        draft,
    });
    let safe = match &unsaved {
        Some(_) => &Safe::UNTIL_SIGN_IN,
        None => &Safe::NOTHING,
    };
    model.fail_safely("Your session has ended.", safe, failure);
    Screen::signed_out(unsaved)
}

fn undeleted(model: &mut Model, outcome: SaveOutcome, desk: Desk) -> (Pane, Vec<Effect>) {
    let brings_back = desk.brings_back();
    match (outcome, desk.draft) {
        (SaveOutcome::Saved(saved), draft) => {
            model.say("Your quote is back.");
            // Another text that waits replaces this one from now on.
            let rebased = draft.map(|draft| Draft {
                based_on: Some(saved.text.clone()),
                ..draft
            });
            let draft = rebased.filter(Draft::is_worth_keeping);
            let effects = vec![draft.as_ref().map_or(Effect::DropDraft, Draft::kept)];
            let desk = Desk {
                draft,
                ..Desk::with(Some(saved))
            };
            (Pane::quote(desk), effects)
        }
        (SaveOutcome::Conflict(theirs), Some(mine)) if brings_back => {
            (Pane::choice(mine, theirs), Vec::new())
        }
        (SaveOutcome::Conflict(saved), draft) => {
            model.warn("Not brought back.", "Another quote was saved elsewhere.");
            (
                Pane::quote(Desk {
                    saved,
                    draft,
                    ..desk
                }),
                Vec::new(),
            )
        }
    }
}
