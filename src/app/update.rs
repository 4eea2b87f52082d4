//! Messages in, effects out: the only place where the model changes, with [`settle`](super::settle).

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode};

use super::{
    About, Effect, Model, Msg, Notice, Pane, Question, Screen, Size, Tone, geometry,
    model::{Conflict, Desk, Draft, Sheet, same_text},
    settle::{resume, settle},
};
use crate::{
    editor::Editor,
    failure::Failure,
    keymap::{self, Action, Chord, Context},
    quote::{self, Quote, QuoteError},
};

/// The longest text that the editor takes: far more than a quote may have, so that nothing is lost when it is too long.
const MAX_DRAFT_BYTES: usize = 16 * quote::MAX_BYTES;

/// Returns the first picture, and the first order.
#[must_use]
pub fn init(about: About, size: Size) -> (Model, Vec<Effect>) {
    let model = Model {
        about,
        size,
        screen: Screen::Restoring,
        notice: None,
        activity: None,
        help: None,
        more_drafts: false,
        draft_failure_told: false,
    };
    (model, vec![Effect::Restore])
}

/// Takes a message in, and returns what is to be done.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let effects = match msg {
        Msg::Terminal(event) => take_event(model, event),
        outcome => settle(model, outcome),
    };
    let waits_anew = |effect: &Effect| {
        !matches!(
            effect,
            Effect::KeepDraft(_) | Effect::DropDraft | Effect::OpenBrowser(_)
        )
    };
    if effects.iter().any(waits_anew) {
        model.activity = None;
    }
    geometry::fit(model);
    effects
}

/// Takes in what came from the terminal at once, up to the first that asks for something that cannot wait.
///
/// A run of characters is one change, so that a paste without brackets costs no draft and no frame per key. In such a paste
/// Enter ends a line: between characters that came in the same moment nobody has pressed it.
pub fn take_in(model: &mut Model, events: &mut VecDeque<Event>) -> Vec<Effect> {
    let mut effects = Vec::new();
    while let Some(event) = events.pop_front() {
        let run = match (model.context(), typed(&event)) {
            (Context::Writing, Some(c)) => run(c, events),
            _ => String::new(),
        };
        let news = if run.chars().nth(1).is_some() {
            model.notice = None;
            let effects = edit(model, |editor| {
                words(&run).for_each(|word| editor.insert(word));
            });
            warn_of_length(model);
            geometry::fit(model);
            effects
        } else {
            update(model, Msg::Terminal(event))
        };
        // The newest draft is the one to keep.
        if news.iter().any(is_quiet) {
            effects.retain(|effect| !is_quiet(effect));
        }
        effects.extend(news);
        if !effects.iter().all(is_quiet) {
            break;
        }
    }
    effects
}

/// Says whether an effect may wait until what is there already has been taken in.
fn is_quiet(effect: &Effect) -> bool {
    matches!(effect, Effect::KeepDraft(_) | Effect::DropDraft)
}

/// Says whether more may be on its way of what came at once: a paste comes in parts, and nobody presses two keys in one moment.
#[must_use]
pub fn may_go_on(events: &VecDeque<Event>) -> bool {
    events.iter().filter_map(typed).nth(1).is_some()
}

/// Returns the character that a key types where text is written.
fn typed(event: &Event) -> Option<char> {
    let Event::Key(key) = event else { return None };
    let chord = Chord::of(*key)?;
    let acts = keymap::action(Context::Writing, chord).is_some();
    chord.typed().filter(|_| !acts)
}

fn is_enter(event: &Event) -> bool {
    matches!(event, Event::Key(key) if Chord::of(*key) == Some(Chord::plain(KeyCode::Enter)))
}

/// Takes the characters that follow one, and the line ends between them.
fn run(first: char, events: &mut VecDeque<Event>) -> String {
    let mut text = String::from(first);
    loop {
        let enters = events.iter().take_while(|event| is_enter(event)).count();
        let Some(c) = events.get(enters).and_then(typed) else {
            return text;
        };
        text.extend(std::iter::repeat_n('\n', enters));
        text.push(c);
        events.drain(..=enters);
    }
}

/// Cuts a text where typing it would begin a new step of undo.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut blank = rest.chars().next()?.is_whitespace();
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let begins = *c == '\n' || blank && !c.is_whitespace();
            blank = c.is_whitespace();
            begins
        });
        let (word, more) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        rest = more;
        Some(word)
    })
}

/// Takes a key, a paste or a new size in.
pub(super) fn take_event(model: &mut Model, event: Event) -> Vec<Effect> {
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
                Some(_) => Vec::new(),
                None => {
                    if let (Context::Writing, Some(c)) = (context, chord.typed()) {
                        model.notice = None;
                        return edit(model, |editor| {
                            editor.insert(c.encode_utf8(&mut [0; 4]));
                        });
                    }
                    Vec::new()
                }
            }
        }
        // They are never asked for.
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) => Vec::new(),
    }
}

/// Carries an action of the key table out.
fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit => return vec![Effect::Quit],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Help => model.help = Some(0),
        Action::LeaveHelp => model.help = None,
        Action::Scroll(scroll) => geometry::scroll(model, scroll),
        Action::BreakLine => return edit(model, |editor| editor.insert("\n")),
        Action::Erase(motion) => return edit(model, |editor| editor.delete(motion)),
        Action::Undo => return undo(model, Editor::undo, "There is nothing to take back."),
        Action::Redo => return undo(model, Editor::redo, "There is nothing to make again."),
        Action::Go(motion) => {
            if let Some(draft) = draft(model) {
                draft.editor.go(motion);
            }
        }
        _ => {
            let screen = std::mem::replace(&mut model.screen, Screen::Restoring);
            let (screen, effects) = act_on_screen(model, action, screen);
            model.screen = screen;
            return effects;
        }
    }
    Vec::new()
}

fn act_on_screen(model: &mut Model, action: Action, screen: Screen) -> (Screen, Vec<Effect>) {
    match (action, screen) {
        (Action::LogIn, Screen::Unrestored) => (
            Screen::Requesting { unsaved: None },
            vec![Effect::RequestCode],
        ),
        (Action::LogIn, Screen::SignedOut { unsaved })
        | (Action::NewCode, Screen::Waiting { unsaved, .. }) => {
            (Screen::Requesting { unsaved }, vec![Effect::RequestCode])
        }
        (Action::Reload, Screen::Unrestored) => (Screen::Restoring, vec![Effect::Restore]),
        (Action::Cancel, Screen::Requesting { unsaved } | Screen::Waiting { unsaved, .. }) => {
            (Screen::SignedOut { unsaved }, vec![Effect::AbandonSignIn])
        }
        (Action::OpenBrowser, screen @ Screen::Waiting { .. }) => {
            let Screen::Waiting { code, .. } = &screen else {
                return (screen, Vec::new());
            };
            let effects = vec![Effect::OpenBrowser(code.address().to_owned())];
            (screen, effects)
        }
        (Action::CopyCode | Action::CopyAddress, Screen::Waiting { code, unsaved }) => {
            let text = if action == Action::CopyCode {
                model.say("Copied the code.");
                code.user_code.clone()
            } else {
                model.say("Copied the address.");
                code.address().to_owned()
            };
            (Screen::Waiting { code, unsaved }, vec![Effect::Copy(text)])
        }
        (Action::SignOut, Screen::SignedIn { user, pane }) if !model.would_lose_text(&pane) => {
            (Screen::SigningOut { user, pane }, vec![Effect::SignOut])
        }
        (
            Action::Answer(true),
            Screen::SignedIn {
                user,
                pane:
                    Pane::Asking {
                        question: Question::SignOut,
                        under,
                    },
            },
        ) => (
            Screen::SigningOut { user, pane: *under },
            vec![Effect::SignOut],
        ),
        (action, Screen::SignedIn { user, pane }) => {
            let (pane, effects) = act_on_pane(model, action, pane);
            (Screen::SignedIn { user, pane }, effects)
        }
        (_, screen) => (screen, Vec::new()),
    }
}

fn act_on_pane(model: &mut Model, action: Action, pane: Pane) -> (Pane, Vec<Effect>) {
    match (action, pane) {
        (Action::Edit, Pane::Loading(leftover)) => {
            let draft = leftover.unwrap_or_else(|| Draft::of(None));
            (Pane::WritingAhead(draft), Vec::new())
        }
        (Action::LeaveEditor, Pane::WritingAhead(draft)) => {
            let (leftover, effects) = lay_aside(model, draft);
            (Pane::Loading(leftover), effects)
        }
        (Action::LeaveEditor, Pane::WritingUnread { failure, draft }) => {
            let (leftover, effects) = lay_aside(model, draft);
            (Pane::Unread { failure, leftover }, effects)
        }
        (Action::Save, pane @ (Pane::WritingAhead(_) | Pane::WritingUnread { .. })) => {
            save_ahead(model, pane)
        }
        (Action::Reload, Pane::Unread { leftover, .. }) => {
            (Pane::Loading(leftover), vec![Effect::Load])
        }
        (Action::Reload, Pane::Reading(desk)) => (Pane::Reloading(desk), vec![Effect::Load]),
        (Action::SignOut, pane) => (ask(Question::SignOut, pane), Vec::new()),
        (Action::Delete, pane @ Pane::Reading(_)) => (ask(Question::Delete, pane), Vec::new()),
        (Action::Discard, pane @ Pane::Reading(_)) => (ask(Question::Discard, pane), Vec::new()),
        (Action::Answer(yes), Pane::Asking { question, under }) => match (yes, question, *under) {
            (true, Question::Discard, Pane::Reading(desk)) => {
                model.say("Your draft is gone.");
                let desk = Desk {
                    draft: None,
                    ..desk
                };
                (Pane::Reading(desk), vec![Effect::DropDraft])
            }
            (true, Question::Delete, Pane::Reading(desk)) => match &desk.saved {
                Some(saved) => {
                    let based_on = saved.text.clone();
                    (Pane::Deleting(desk), vec![Effect::Delete { based_on }])
                }
                None => (Pane::Reading(desk), Vec::new()),
            },
            (_, _, under) => (under, Vec::new()),
        },
        (Action::Undelete, Pane::Reading(desk)) => undelete(model, desk),
        (Action::CopyQuote, Pane::Reading(desk)) => {
            model.say("Copied the quote.");
            let text = desk.saved.iter().map(|saved| saved.text.clone());
            let effects = text.map(Effect::Copy).collect();
            (Pane::Reading(desk), effects)
        }
        (Action::Edit, Pane::Reading(Desk { draft, saved, .. })) => match (draft, saved) {
            (Some(draft), saved) => resume(model, draft, saved),
            (None, saved) => {
                let draft = Draft::of(saved.as_ref());
                (Pane::Editing(Sheet { saved, draft }), Vec::new())
            }
        },
        (Action::LeaveEditor, Pane::Editing(sheet)) => leave_editor(model, sheet),
        (Action::Save, Pane::Editing(sheet)) => save(model, sheet),
        (Action::KeepMine, Pane::Conflicted(conflict)) => save(model, rebase(conflict)),
        (Action::Edit, Pane::Conflicted(conflict)) => {
            if conflict.theirs.is_some() {
                model.say("Saving will replace the other text.");
            }
            (Pane::Editing(rebase(conflict)), Vec::new())
        }
        (Action::TakeTheirs, Pane::Conflicted(conflict)) => (
            Pane::Reading(Desk::with(conflict.theirs)),
            vec![Effect::DropDraft],
        ),
        (_, pane) => (pane, Vec::new()),
    }
}

fn ask(question: Question, pane: Pane) -> Pane {
    Pane::Asking {
        question,
        under: Box::new(pane),
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

fn undelete(model: &mut Model, desk: Desk) -> (Pane, Vec<Effect>) {
    let Some(text) = &desk.deleted else {
        return (Pane::Reading(desk), Vec::new());
    };
    match Quote::new(text) {
        Ok(quote) => {
            // Until it is back in the database, it is a text like any other that is not saved.
            let draft = desk.draft.clone();
            let draft = draft.unwrap_or_else(|| Draft::of_a_new_quote(text));
            let order = Effect::Save {
                quote,
                based_on: None,
            };
            let effects = vec![kept(&draft), order];
            let draft = Some(draft);
            (Pane::Undeleting(Desk { draft, ..desk }), effects)
        }
        Err(error) => {
            // Another program wrote it. It is not lost, unless it would take the place of what this person wrote.
            if desk.draft.is_some() {
                model.warn(format!("It cannot be brought back: {error}."));
                return (Pane::Reading(desk), Vec::new());
            }
            model.warn(format!(
                "It cannot be brought back as it was: {error}. It is here for you to change."
            ));
            let draft = Draft::of_a_new_quote(text);
            let effects = vec![kept(&draft)];
            let sheet = Sheet {
                saved: desk.saved,
                draft,
            };
            (Pane::Editing(sheet), effects)
        }
    }
}

const KEPT: &str = "What you wrote is kept. Press e to go on with it.";

/// Leaves the editor while nobody knows what is saved.
fn lay_aside(model: &mut Model, draft: Draft) -> (Option<Draft>, Vec<Effect>) {
    if draft.is_worth_keeping() {
        model.say(KEPT);
        (Some(draft), Vec::new())
    } else {
        (None, vec![Effect::DropDraft])
    }
}

/// Orders a save as soon as it is known what it would replace.
fn save_ahead(model: &mut Model, pane: Pane) -> (Pane, Vec<Effect>) {
    let (draft, effects) = match &pane {
        Pane::WritingAhead(draft) => (draft, Vec::new()),
        Pane::WritingUnread { draft, .. } => (draft, vec![Effect::Load]),
        _ => return (pane, Vec::new()),
    };
    match Quote::new(draft.editor.text()) {
        Ok(_) => (Pane::SavingAhead(draft.clone()), effects),
        Err(error) => {
            refuse(model, error, false);
            (pane, Vec::new())
        }
    }
}

fn leave_editor(model: &mut Model, sheet: Sheet) -> (Pane, Vec<Effect>) {
    let Sheet { saved, draft } = sheet;
    if !draft.is_worth_keeping() {
        return (Pane::Reading(Desk::with(saved)), vec![Effect::DropDraft]);
    }
    model.say(KEPT);
    let desk = Desk {
        draft: Some(draft),
        ..Desk::with(saved)
    };
    (Pane::Reading(desk), Vec::new())
}

/// Orders a save, unless there is nothing to save or it cannot be saved.
pub(super) fn save(model: &mut Model, sheet: Sheet) -> (Pane, Vec<Effect>) {
    let text = sheet.draft.editor.text();
    let unchanged = sheet
        .saved
        .as_ref()
        .is_some_and(|saved| same_text(&saved.text, text));
    if unchanged {
        model.say("Nothing was changed.");
        return (
            Pane::Reading(Desk::with(sheet.saved)),
            vec![Effect::DropDraft],
        );
    }
    match Quote::new(text) {
        // It came while the person wrote, who has not seen it yet.
        Ok(_) if !sheet.replaces_what_is_saved() => {
            // Also a text that is what they began from: by now it is theirs against another.
            let effects = vec![Effect::KeepDraft(sheet.draft.to_file())];
            let conflict = Conflict {
                mine: sheet.draft,
                theirs: sheet.saved,
                scroll: 0,
            };
            (Pane::Conflicted(conflict), effects)
        }
        Ok(quote) => {
            let based_on = sheet.draft.based_on.clone();
            (Pane::Saving(sheet), vec![Effect::Save { quote, based_on }])
        }
        Err(error) => {
            refuse(model, error, sheet.saved.is_some());
            (Pane::Editing(sheet), Vec::new())
        }
    }
}

/// Says why a text cannot be saved.
fn refuse(model: &mut Model, error: QuoteError, can_delete: bool) {
    model.warn(match error {
        QuoteError::Empty if can_delete => {
            "There is nothing to save. To delete your quote, press Esc and then d.".to_owned()
        }
        QuoteError::Empty => "There is nothing to save yet.".to_owned(),
        error @ QuoteError::TooLong { .. } => {
            format!("It was not saved: {error}. All of it is still here: shorten it.")
        }
        error @ QuoteError::Control { .. } => {
            format!("It was not saved: {error}. All of it is still here: take the character out.")
        }
    });
}

/// Returns what is being written.
fn draft(model: &mut Model) -> Option<&mut Draft> {
    match &mut model.screen {
        Screen::SignedIn {
            pane:
                Pane::Editing(Sheet { draft, .. })
                | Pane::WritingAhead(draft)
                | Pane::WritingUnread { draft, .. },
            ..
        } => Some(draft),
        _ => None,
    }
}

/// Changes the text; the draft file follows.
fn edit(model: &mut Model, change: impl FnOnce(&mut Editor)) -> Vec<Effect> {
    let Some(draft) = draft(model) else {
        return Vec::new();
    };
    change(&mut draft.editor);
    vec![kept(draft)]
}

/// Orders that the draft file holds what is worth keeping.
pub(super) fn kept(draft: &Draft) -> Effect {
    if draft.is_worth_keeping() {
        Effect::KeepDraft(draft.to_file())
    } else {
        Effect::DropDraft
    }
}

fn undo(model: &mut Model, step: impl FnOnce(&mut Editor) -> bool, nothing: &str) -> Vec<Effect> {
    let Some(draft) = draft(model) else {
        return Vec::new();
    };
    if step(&mut draft.editor) {
        return vec![kept(draft)];
    }
    model.say(nothing);
    Vec::new()
}

fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    match model.context() {
        Context::Writing => {
            let there = draft(model).map_or(0, |draft| draft.editor.text().len());
            if there + text.len() > MAX_DRAFT_BYTES {
                model.warn(format!(
                    "The paste was left out: it is {} bytes long, and a quote has at most {}.",
                    text.len(),
                    quote::MAX_BYTES
                ));
                return Vec::new();
            }
            model.notice = None;
            let effects = edit(model, |editor| editor.paste(text));
            warn_of_length(model);
            effects
        }
        Context::Quote => {
            // The place for a quote is there to be filled.
            if let Screen::SignedIn { pane, .. } = &mut model.screen
                && let Pane::Reading(Desk {
                    saved: None,
                    draft: None,
                    ..
                }) = pane
            {
                *pane = Pane::Editing(Sheet {
                    saved: None,
                    draft: Draft::of(None),
                });
                return paste(model, text);
            }
            model.say(PASTE_INTO_EDITOR);
            Vec::new()
        }
        Context::Loading => {
            model.say(PASTE_INTO_EDITOR);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

const PASTE_INTO_EDITOR: &str = "To paste, press e first.";

fn warn_of_length(model: &mut Model) {
    let bytes = draft(model).map_or(0, |draft| draft.editor.text().len());
    if bytes > quote::MAX_BYTES {
        model.warn(format!(
            "All of it is here, but it is too long to be saved: {bytes} bytes, and a quote has at most {}.",
            quote::MAX_BYTES
        ));
    }
}

impl Model {
    /// Says something, unless there is bad news that the person has not yet dismissed with a key.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        if !matches!(&self.notice, Some(notice) if notice.tone == Tone::Failure) {
            self.notice = Some(Notice {
                tone: Tone::Info,
                text: text.into(),
            });
        }
    }

    /// Says something that went wrong, in full sentences.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            tone: Tone::Failure,
            text: text.into(),
        });
    }

    /// Says what went wrong beside what is said already.
    pub(super) fn warn_as_well(&mut self, failure: &Failure) {
        let text = match self.notice.take() {
            Some(notice) if notice.tone == Tone::Failure => format!("{} {failure}", notice.text),
            _ => failure.to_string(),
        };
        self.warn(text);
    }

    /// Says what went wrong, and what to do.
    pub(super) fn fail(&mut self, failure: &Failure) {
        self.warn(failure.to_string());
    }
}
