//! Outcomes: what an effect led to. An outcome counts only in the state that asked for it.

use super::{
    Activity, DeleteOutcome, Effect, Model, Msg, Restored, SaveOutcome, Screen, SignOutOutcome,
    User,
    model::{Conflict, Desk, Draft, Pane, Sheet, Unsaved, same_text},
    update::{kept, save},
};
use crate::{
    failure::{Failure, Kind},
    quote::Saved,
};

/// Takes an outcome in.
pub(super) fn settle(model: &mut Model, outcome: Msg) -> Vec<Effect> {
    if let Msg::Progressed(activity) = outcome {
        match activity {
            Activity::SessionNotKept(failure) => model.fail(&failure),
            // It comes while nobody has had time to read what the start had to say.
            Activity::Unguarded(failure) => model.warn_as_well(&failure),
            activity => model.activity = Some(activity),
        }
        return Vec::new();
    }
    let screen = std::mem::replace(&mut model.screen, Screen::Restoring);
    let (screen, effects) = match (outcome, screen) {
        (Msg::Restored(Ok(Some(restored))), Screen::Restoring) => enter(model, restored, None),
        (Msg::Restored(Ok(None)), Screen::Restoring) => {
            (Screen::SignedOut { unsaved: None }, Vec::new())
        }
        (Msg::Restored(Err(failure)), Screen::Restoring) => {
            model.fail(&failure);
            (Screen::Unrestored, Vec::new())
        }
        (Msg::CodeIssued(Ok(code)), Screen::Requesting { unsaved }) => (
            Screen::Waiting { code, unsaved },
            vec![Effect::AwaitApproval],
        ),
        (Msg::CodeIssued(Err(failure)), Screen::Requesting { unsaved })
        | (Msg::SignedIn(Err(failure)), Screen::Waiting { unsaved, .. }) => {
            model.fail(&failure);
            (Screen::SignedOut { unsaved }, Vec::new())
        }
        (Msg::SignedIn(Ok(restored)), Screen::Waiting { unsaved, .. }) => {
            enter(model, restored, unsaved)
        }
        (Msg::BrowserOpened(result), screen @ Screen::Waiting { .. }) => {
            match result {
                Ok(()) => model.say("Your browser has the address."),
                Err(failure) => model.fail(&failure),
            }
            (screen, Vec::new())
        }
        (Msg::SignedOut(outcome), Screen::SigningOut { user, pane }) => match outcome {
            Ok(SignOutOutcome::Revoked) => {
                model.say("You are signed out.");
                (Screen::SignedOut { unsaved: None }, Vec::new())
            }
            Ok(SignOutOutcome::OnlyLocally(failure)) => {
                model.warn(format!(
                    "You are signed out on this machine, but Okta could not be told. {failure}"
                ));
                (Screen::SignedOut { unsaved: None }, Vec::new())
            }
            Err(failure) => {
                model.fail(&failure);
                // The draft file went first.
                let effects = pane.unsaved().iter().map(kept).collect();
                (Screen::SignedIn { user, pane }, effects)
            }
        },
        (Msg::DraftFailed(failure), screen) => {
            if !model.draft_failure_told {
                model.draft_failure_told = true;
                model.fail(&failure);
            }
            (screen, Vec::new())
        }
        (outcome, Screen::SignedIn { user, pane }) => settle_pane(model, outcome, user, pane),
        (_, screen) => (screen, Vec::new()),
    };
    model.screen = screen;
    effects
}

/// Lets somebody in: the quote is read, and what they had not saved waits for it.
fn enter(model: &mut Model, restored: Restored, unsaved: Option<Unsaved>) -> (Screen, Vec<Effect>) {
    model.more_drafts = restored.more_drafts;
    if let Some(warning) = restored.warning {
        model.warn(warning);
    }
    let leftover = match unsaved {
        Some(unsaved) if unsaved.user_id == restored.user.id => Some(unsaved.draft),
        // Somebody else's text stays in its own draft file.
        _ => restored.draft.map(Draft::from_file),
    };
    let screen = Screen::SignedIn {
        user: restored.user,
        pane: Pane::Loading(leftover),
    };
    (screen, vec![Effect::Load])
}

fn settle_pane(model: &mut Model, outcome: Msg, user: User, pane: Pane) -> (Screen, Vec<Effect>) {
    let (pane, effects) = match (outcome, pane) {
        (
            Msg::Loaded(Err(failure)),
            pane @ (Pane::Loading(_)
            | Pane::WritingAhead(_)
            | Pane::SavingAhead(_)
            | Pane::Reloading(_)),
        )
        | (Msg::Saved(Err(failure)), pane @ (Pane::Saving(_) | Pane::Undeleting(_)))
        | (Msg::Deleted(Err(failure)), pane @ Pane::Deleting(_)) => {
            return fail(model, &failure, user, pane);
        }
        (Msg::Loaded(Ok(saved)), Pane::Loading(leftover)) => match leftover {
            None => (Pane::Reading(Desk::with(saved)), Vec::new()),
            Some(leftover) => resume(model, leftover, saved),
        },
        (Msg::Loaded(Ok(saved)), Pane::WritingAhead(draft)) => {
            (Pane::Editing(write_on(model, draft, saved)), Vec::new())
        }
        (Msg::Loaded(Ok(saved)), Pane::SavingAhead(draft)) => {
            save(model, Sheet::with(saved, draft))
        }
        (Msg::Loaded(Ok(saved)), Pane::Reloading(desk)) => reloaded(model, saved, desk),
        (Msg::Saved(Ok(SaveOutcome::Saved(saved))), Pane::Saving(_)) => {
            model.say("Saved.");
            (
                Pane::Reading(Desk::with(Some(saved))),
                vec![Effect::DropDraft],
            )
        }
        (Msg::Saved(Ok(SaveOutcome::Conflict(theirs))), Pane::Saving(mut sheet)) => {
            if sheet.draft.recognizes(theirs.as_ref()) {
                sheet.saved = theirs;
                let effects = vec![kept(&sheet.draft)];
                let (pane, more) = save(model, sheet);
                return (
                    Screen::SignedIn { user, pane },
                    effects.into_iter().chain(more).collect(),
                );
            }
            let conflict = Conflict {
                mine: sheet.draft,
                theirs,
                scroll: 0,
            };
            (Pane::Conflicted(conflict), Vec::new())
        }
        (Msg::Saved(Ok(outcome)), Pane::Undeleting(desk)) => undeleted(model, outcome, desk),
        (Msg::Deleted(Ok(DeleteOutcome::Deleted)), Pane::Deleting(desk)) => {
            model.say("Your quote is deleted. Press u to bring it back.");
            let draft = desk.draft.map(|draft| Draft {
                based_on: None,
                ..draft
            });
            let deleted = desk.saved.map(|saved| saved.text);
            let effects = draft.iter().map(kept).collect();
            (
                Pane::Reading(Desk {
                    draft,
                    deleted,
                    ..Desk::default()
                }),
                effects,
            )
        }
        (Msg::Deleted(Ok(DeleteOutcome::Conflict(saved))), Pane::Deleting(desk)) => {
            model
                .warn("It was changed elsewhere, so it was not deleted; this is how it reads now.");
            (
                Pane::Reading(Desk {
                    saved: Some(saved),
                    scroll: 0,
                    ..desk
                }),
                Vec::new(),
            )
        }
        (_, pane) => (pane, Vec::new()),
    };
    (Screen::SignedIn { user, pane }, effects)
}

/// What was asked before and never answered shows here too: it need not have been somebody else.
fn reloaded(model: &mut Model, saved: Option<Saved>, mut desk: Desk) -> (Pane, Vec<Effect>) {
    let wrote = |saved: &Saved| {
        let draft = desk.draft.as_ref();
        draft.is_some_and(|draft| same_text(draft.editor.text(), &saved.text))
    };
    if saved.as_ref().is_some_and(wrote) {
        model.say("What you wrote is saved.");
        return (Pane::Reading(Desk::with(saved)), vec![Effect::DropDraft]);
    }
    let draft = desk.draft.as_mut();
    let is_sent = draft.is_some_and(|draft| draft.recognizes(saved.as_ref()));
    let gone = desk.saved.as_ref().filter(|_| saved.is_none());
    model.say(if is_sent {
        "What you sent before is saved; what you changed since is kept."
    } else if saved == desk.saved {
        "This is how it is saved."
    } else if gone.is_some() {
        "Your quote is gone by now. Press u to bring it back."
    } else {
        "It has changed meanwhile; this is how it reads now."
    });
    let deleted = gone.map(|gone| gone.text.clone()).or(desk.deleted);
    let desk = Desk {
        saved,
        deleted,
        draft: desk.draft,
        scroll: desk.scroll,
    };
    let effects = desk.draft.iter().filter(|_| is_sent).map(kept).collect();
    (Pane::Reading(desk), effects)
}

/// Puts the person back to where they can act, and never loses what they wrote.
fn fail(model: &mut Model, failure: &Failure, user: User, pane: Pane) -> (Screen, Vec<Effect>) {
    if failure.kind == Kind::NotSignedIn {
        let unsaved = pane.into_draft().map(|draft| Unsaved {
            user_id: user.id,
            draft,
        });
        if unsaved.is_some() {
            model.warn(format!(
                "{failure} What you wrote is kept, and back when you are."
            ));
        } else {
            model.fail(failure);
        }
        return (Screen::SignedOut { unsaved }, Vec::new());
    }
    let safe = match &pane {
        Pane::Saving(_) if failure.in_question => Some("Your text is still here."),
        Pane::Saving(_) => Some("Your text is still here, not saved."),
        pane if pane.has_unsaved() => Some("What you wrote is kept."),
        _ => None,
    };
    let pane = match pane {
        Pane::WritingAhead(draft) => {
            let failure = failure.clone();
            Pane::WritingUnread { failure, draft }
        }
        // It shows the failure itself, and that something is kept.
        pane @ (Pane::Loading(_) | Pane::SavingAhead(_)) => {
            let failure = failure.clone();
            let leftover = pane.into_draft();
            let pane = Pane::Unread { failure, leftover };
            return (Screen::SignedIn { user, pane }, Vec::new());
        }
        Pane::Reloading(desk) | Pane::Deleting(desk) => Pane::Reading(desk),
        Pane::Undeleting(mut desk) => {
            if let (true, Some(draft), Some(sent)) =
                (failure.in_question, &mut desk.draft, &desk.deleted)
            {
                draft.in_question.push(sent.clone());
            }
            Pane::Reading(desk)
        }
        Pane::Saving(mut sheet) => {
            if failure.in_question {
                let sent = sheet.draft.editor.text().to_owned();
                sheet.draft.in_question.push(sent);
            }
            Pane::Editing(sheet)
        }
        pane => pane,
    };
    model.fail(&match safe {
        // Before what to do next, which is read by somebody who knows it.
        Some(safe) => Failure {
            what: format!("{} {safe}", failure.what),
            ..failure.clone()
        },
        None => failure.clone(),
    });
    (Screen::SignedIn { user, pane }, Vec::new())
}

fn undeleted(model: &mut Model, outcome: SaveOutcome, desk: Desk) -> (Pane, Vec<Effect>) {
    match (outcome, desk) {
        (SaveOutcome::Saved(saved), desk) => {
            model.say("Your quote is back.");
            // Another text that waits replaces this one from now on.
            let rebased = desk.draft.map(|draft| Draft {
                based_on: Some(saved.text.clone()),
                ..draft
            });
            let draft = rebased.filter(Draft::is_worth_keeping);
            let effects = vec![draft.as_ref().map_or(Effect::DropDraft, kept)];
            let desk = Desk {
                draft,
                ..Desk::with(Some(saved))
            };
            (Pane::Reading(desk), effects)
        }
        (SaveOutcome::Conflict(theirs), desk) if desk.brings_back() => {
            let pane = match desk.draft {
                Some(mine) => Pane::Conflicted(Conflict {
                    mine,
                    theirs,
                    scroll: 0,
                }),
                None => Pane::Reading(Desk::with(theirs)),
            };
            (pane, Vec::new())
        }
        (SaveOutcome::Conflict(theirs), desk) => {
            model.warn("Another quote was saved elsewhere, so yours was not brought back.");
            (
                Pane::Reading(Desk {
                    saved: theirs,
                    ..desk
                }),
                Vec::new(),
            )
        }
    }
}

/// Goes on with what was not saved, now that it is known what is.
pub(super) fn resume(model: &mut Model, draft: Draft, saved: Option<Saved>) -> (Pane, Vec<Effect>) {
    let (pane, effects) = lay_out(draft, saved);
    if matches!(pane, Pane::Editing(_)) {
        model.say("Here is what you had not saved.");
    }
    (pane, effects)
}

/// Goes on writing what was begun before it was known what is saved. Nothing takes the keys away in the middle of a word:
/// two texts are shown when the person saves theirs.
fn write_on(model: &mut Model, draft: Draft, saved: Option<Saved>) -> Sheet {
    if !draft.is_worth_keeping() {
        let draft = Draft::of(saved.as_ref());
        return Sheet { saved, draft };
    }
    let sheet = Sheet::with(saved, draft);
    if !sheet.replaces_what_is_saved() {
        model.say(match sheet.saved {
            Some(_) => "Another text is saved already. You will see both when you save yours.",
            None => "Your quote is gone by now. You will be asked when you save this text.",
        });
    }
    sheet
}

/// Lays a text that is not saved beside what is: to be gone on with, or to be chosen between.
fn lay_out(mut draft: Draft, saved: Option<Saved>) -> (Pane, Vec<Effect>) {
    let is_sent = draft.recognizes(saved.as_ref());
    let saved_text = saved.as_ref().map(|saved| saved.text.as_str());
    if saved_text.is_some_and(|text| same_text(text, draft.editor.text())) {
        return (Pane::Reading(Desk::with(saved)), vec![Effect::DropDraft]);
    }
    if draft.based_on.as_deref() == saved_text {
        let effects = Some(&draft).filter(|_| is_sent).map(kept);
        let effects = effects.into_iter().collect();
        return (Pane::Editing(Sheet { saved, draft }), effects);
    }
    let conflict = Conflict {
        mine: draft,
        theirs: saved,
        scroll: 0,
    };
    (Pane::Conflicted(conflict), Vec::new())
}
