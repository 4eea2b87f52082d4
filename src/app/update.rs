//! Messages in, effects out: what a key, a paste, a new size or an outcome leads to.

use crossterm::event::Event;

use super::{
    Copied, Effect, Msg,
    clipboard::{copy_selection, cut, cut_to, put_back},
    model::{
        About, Ahead, Conflict, Cut, Desk, DeskOrder, Draft, Model, Notice, Over, Pane, Question,
        Screen, Sheet, SignIn, Size, Tone,
    },
    outcomes::take_outcome,
    saving::{refuse, resume, save, undelete},
    scrolling,
    writing::{edit, in_editor, paste, type_text, undo},
};
use crate::{
    editor::Editor,
    failure::Failure,
    keymap::{self, Action, Chord},
    quote::{Quote, Saved},
};

/// Returns the first picture, and the first order.
#[must_use]
pub fn init(about: About, size: Size) -> (Model, Vec<Effect>) {
    let notice = about.warning.as_ref().map(|failure| {
        let cure = failure.cure.clone().unwrap_or_default();
        Notice::new(Tone::Warning, failure.what.clone(), cure)
    });
    let model = Model {
        about,
        size,
        screen: Screen::Restoring,
        notice,
        activity: None,
        help: None,
        cut: Cut::default(),
        more_drafts: false,
        draft_failure_told: false,
    };
    (model, vec![Effect::Restore])
}

/// Takes a message in, and returns what is to be done.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let effects = match msg {
        Msg::Terminal(event) => take_event(model, event),
        Msg::Typed(text) => type_text(model, &text),
        outcome => take_outcome(model, outcome),
    };
    let waits_anew = |effect: &Effect| {
        !matches!(
            effect,
            Effect::KeepDraft(_)
                | Effect::DropDraft
                | Effect::OpenBrowser(_)
                | Effect::Copy(..)
                | Effect::CopyByTerminal(_)
                | Effect::ReadClipboard
        )
    };
    if effects.iter().any(waits_anew) {
        model.activity = None;
    }
    scrolling::fit(model);
    effects
}

/// Takes a key, a paste or a new size in.
fn take_event(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Resize(columns, rows) => {
            model.size = Size { columns, rows };
            Vec::new()
        }
        Event::Paste(text) => paste(model, &text),
        Event::Key(key) => {
            let Some(chord) = Chord::of(key) else {
                return Vec::new();
            };
            let context = model.context();
            match keymap::action(context, chord) {
                Some(action) if model.offers(action) => {
                    model.notice = None;
                    act(model, action)
                }
                // What types a character comes as `Msg::Typed`.
                Some(_) | None => Vec::new(),
            }
        }
        // They are never asked for.
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) => Vec::new(),
    }
}

/// Carries an action of the key table out.
fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    model.cut.grows &= matches!(action, Action::CutTo(_));
    match action {
        Action::Quit => return vec![Effect::Quit],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Help => model.help = Some(0),
        Action::LeaveHelp => model.help = None,
        Action::Scroll(scroll) => scrolling::scroll(model, scroll),
        Action::BreakLine => return edit(model, |editor| editor.insert("\n")),
        Action::Erase(motion) => return edit(model, |editor| drop(editor.delete(motion))),
        Action::CutTo(motion) => return cut_to(model, motion),
        Action::Cut => return cut(model),
        Action::CopySelection => return copy_selection(model),
        Action::Paste => return vec![Effect::ReadClipboard],
        Action::PutBack => return put_back(model),
        Action::SwapCharacters => return edit(model, Editor::swap_characters),
        Action::Undo => return undo(model, Editor::undo, "Nothing to undo."),
        Action::Redo => return undo(model, Editor::redo, "Nothing to redo."),
        Action::Go(motion) => in_editor(model, |editor| editor.go(motion)),
        Action::Select(motion) => in_editor(model, |editor| editor.select(motion)),
        Action::SelectAll => in_editor(model, Editor::select_all),
        _ => {
            // A copy: a bug in there must not take the text along.
            let screen = model.screen.clone();
            let (screen, effects) = act_on_screen(model, action, screen);
            model.screen = screen;
            return effects;
        }
    }
    Vec::new()
}

fn act_on_screen(model: &mut Model, action: Action, screen: Screen) -> (Screen, Vec<Effect>) {
    #[cfg(test)]
    super::samples::may_have_a_bug(&screen);
    match screen {
        Screen::SignedOut {
            sign_in: SignIn::VaultFailed,
            ..
        } if action == Action::Reload => (Screen::Restoring, vec![Effect::Restore]),
        Screen::SignedOut { unsaved, sign_in } => {
            let (sign_in, effects) = act_on_sign_in(action, sign_in);
            (Screen::SignedOut { unsaved, sign_in }, effects)
        }
        Screen::SignedIn { user, pane, over } => {
            let (pane, over, effects) = act_signed_in(model, action, pane, over);
            (Screen::SignedIn { user, pane, over }, effects)
        }
        Screen::Restoring => (Screen::Restoring, Vec::new()),
    }
}

fn act_on_sign_in(action: Action, sign_in: SignIn) -> (SignIn, Vec<Effect>) {
    match (action, sign_in) {
        (Action::ChooseFile, SignIn::VaultFailed) => {
            (SignIn::ChoosingFile, vec![Effect::ChooseFile])
        }
        (Action::LogIn, SignIn::Idle | SignIn::VaultFailed)
        | (Action::NewCode, SignIn::Waiting(_)) => (SignIn::Requesting, vec![Effect::RequestCode]),
        (Action::Cancel, SignIn::Requesting | SignIn::Waiting(_)) => {
            (SignIn::Idle, vec![Effect::AbandonSignIn])
        }
        (Action::OpenBrowser, SignIn::Waiting(code)) => {
            let effects = vec![Effect::OpenBrowser(code.address().to_owned())];
            (SignIn::Waiting(code), effects)
        }
        (Action::CopyCode, SignIn::Waiting(code)) => {
            let effects = vec![Effect::Copy(Copied::Code, code.user_code.clone())];
            (SignIn::Waiting(code), effects)
        }
        (Action::CopyAddress, SignIn::Waiting(code)) => {
            let effects = vec![Effect::Copy(Copied::Address, code.address().to_owned())];
            (SignIn::Waiting(code), effects)
        }
        (_, sign_in) => (sign_in, Vec::new()),
    }
}

/// Asks before something is lost, and takes the answer; everything else is for the pane.
fn act_signed_in(
    model: &mut Model,
    action: Action,
    pane: Pane,
    over: Option<Over>,
) -> (Pane, Option<Over>, Vec<Effect>) {
    let ask = |question| Some(Over::Question(question));
    match (action, over) {
        (Action::SignOut, None) => (pane, ask(Question::SignOut), Vec::new()),
        (Action::Answer(true), Some(Over::Question(Question::SignOut))) => {
            (pane, Some(Over::SigningOut), vec![Effect::SignOut])
        }
        (Action::Delete, None) => (pane, ask(Question::Delete), Vec::new()),
        (Action::Discard, None) => (pane, ask(Question::Discard), Vec::new()),
        (Action::Answer(true), Some(Over::Question(question))) => {
            let (pane, effects) = agree(model, question, pane);
            (pane, None, effects)
        }
        (Action::Answer(false), Some(Over::Question(_))) => (pane, None, Vec::new()),
        (action, None) => {
            let (pane, effects) = act_on_pane(model, action, pane);
            (pane, None, effects)
        }
        (_, over) => (pane, over, Vec::new()),
    }
}

/// Does what the person was asked about.
fn agree(model: &mut Model, question: Question, pane: Pane) -> (Pane, Vec<Effect>) {
    match (question, pane) {
        (Question::Discard, Pane::Quote { desk, .. }) => {
            model.say("Your unsaved text is discarded.");
            let draft = None;
            (Pane::quote(Desk { draft, ..desk }), vec![Effect::DropDraft])
        }
        (Question::Delete, Pane::Quote { desk, .. }) => match &desk.saved {
            Some(saved) => {
                let based_on = saved.text.clone();
                let order = Some(DeskOrder::Delete);
                (
                    Pane::Quote { desk, order },
                    vec![Effect::Delete { based_on }],
                )
            }
            None => (Pane::quote(desk), Vec::new()),
        },
        (_, pane) => (pane, Vec::new()),
    }
}

fn act_on_pane(model: &mut Model, action: Action, pane: Pane) -> (Pane, Vec<Effect>) {
    match pane {
        Pane::Unread {
            failure,
            ahead,
            seen,
        } => {
            let (failure, ahead, effects) = act_ahead(model, action, failure, ahead, seen.as_ref());
            let pane = Pane::Unread {
                failure,
                ahead,
                seen,
            };
            (pane, effects)
        }
        Pane::Quote { desk, order: None } => act_on_quote(model, action, desk),
        Pane::Editor {
            sheet,
            saving: false,
        } => match action {
            Action::LeaveEditor => leave_editor(model, sheet),
            Action::Save => save(model, sheet),
            _ => (Pane::writing(sheet), Vec::new()),
        },
        Pane::Choice(conflict) => choose(model, action, conflict),
        pane => (pane, Vec::new()),
    }
}

fn act_ahead(
    model: &mut Model,
    action: Action,
    failure: Option<Failure>,
    ahead: Ahead,
    seen: Option<&Saved>,
) -> (Option<Failure>, Ahead, Vec<Effect>) {
    match (action, ahead) {
        (Action::Edit, Ahead::Looking(draft)) => {
            let draft = draft.unwrap_or_else(|| Draft::of(seen));
            (failure, Ahead::Writing(draft), Vec::new())
        }
        (Action::Reload, Ahead::Looking(draft)) if failure.is_some() => {
            (None, Ahead::Looking(draft), vec![Effect::Load])
        }
        (Action::LeaveEditor, Ahead::Writing(draft)) => {
            let (draft, effects) = lay_aside(model, draft);
            (failure, Ahead::Looking(draft), effects)
        }
        (Action::Save, Ahead::Writing(draft)) => match Quote::new(draft.editor.text()) {
            Ok(_) => {
                let effects = failure.iter().map(|_| Effect::Load).collect();
                (None, Ahead::ToSave(draft), effects)
            }
            Err(error) => {
                refuse(model, error, false);
                (failure, Ahead::Writing(draft), Vec::new())
            }
        },
        (_, ahead) => (failure, ahead, Vec::new()),
    }
}

fn act_on_quote(model: &mut Model, action: Action, desk: Desk) -> (Pane, Vec<Effect>) {
    match action {
        Action::Reload => {
            let order = Some(DeskOrder::Reload);
            (Pane::Quote { desk, order }, vec![Effect::Load])
        }
        Action::Undelete => undelete(model, desk),
        Action::CopyQuote => {
            let text = desk.saved.iter().map(|saved| saved.text.clone());
            let effects = text.map(|text| Effect::Copy(Copied::Quote, text)).collect();
            (Pane::quote(desk), effects)
        }
        Action::Edit => {
            let saved = desk.saved;
            if let Some(draft) = desk.draft {
                return resume(model, draft, saved);
            }
            let draft = Draft::of(saved.as_ref());
            (Pane::writing(Sheet { saved, draft }), Vec::new())
        }
        _ => (Pane::quote(desk), Vec::new()),
    }
}

fn choose(model: &mut Model, action: Action, conflict: Conflict) -> (Pane, Vec<Effect>) {
    match action {
        Action::KeepMine => save(model, rebase(conflict)),
        Action::TakeTheirs => (
            Pane::quote(Desk::with(conflict.theirs)),
            vec![Effect::DropDraft],
        ),
        Action::Edit => {
            if conflict.theirs.is_some() {
                model.say("Saving will replace the other text.");
            }
            (Pane::writing(rebase(conflict)), Vec::new())
        }
        _ => (Pane::Choice(conflict), Vec::new()),
    }
}

/// The person has seen the other text: from now on, theirs is to replace that one.
fn rebase(conflict: Conflict) -> Sheet {
    let based_on = conflict.theirs.as_ref().map(|theirs| theirs.text.clone());
    Sheet {
        draft: Draft {
            based_on,
            ..conflict.mine
        },
        saved: conflict.theirs,
    }
}

/// Leaves the editor. What is worth keeping waits.
fn lay_aside(model: &mut Model, draft: Draft) -> (Option<Draft>, Vec<Effect>) {
    if draft.is_worth_keeping() {
        let go_on = "Press e to go on with it.";
        model.tell(Notice::new(Tone::Info, "Your unsaved text is kept.", go_on));
        (Some(draft), Vec::new())
    } else {
        (None, vec![Effect::DropDraft])
    }
}

fn leave_editor(model: &mut Model, sheet: Sheet) -> (Pane, Vec<Effect>) {
    let (draft, effects) = lay_aside(model, sheet.draft);
    let desk = Desk {
        draft,
        ..Desk::with(sheet.saved)
    };
    (Pane::quote(desk), effects)
}
