//! What happens to the text that is being written: typed, pasted, undone. The draft file follows every change.

use super::{
    Effect,
    model::{Draft, Model, Pane, Screen, Sheet},
};
use crate::{editor::Editor, keymap::Context, quote, text};

/// The longest text that the editor takes: far more than a quote may have, so that nothing is lost when it is too long.
const MAX_DRAFT_BYTES: usize = 16 * quote::MAX_BYTES;

/// Returns what is being written.
pub(super) fn draft(model: &mut Model) -> Option<&mut Draft> {
    if model.context_under_help() != Context::Writing {
        return None;
    }
    match &mut model.screen {
        Screen::SignedIn { pane, .. } => pane.in_editor_mut(),
        _ => None,
    }
}

/// Moves in the text, or selects.
pub(super) fn in_editor(model: &mut Model, change: impl FnOnce(&mut Editor)) {
    if let Some(draft) = draft(model) {
        change(&mut draft.editor);
    }
}

/// Changes the text; the draft file follows.
pub(super) fn edit(model: &mut Model, change: impl FnOnce(&mut Editor)) -> Vec<Effect> {
    let Some(draft) = draft(model) else {
        return Vec::new();
    };
    change(&mut draft.editor);
    vec![draft.kept()]
}

pub(super) fn undo(
    model: &mut Model,
    step: impl FnOnce(&mut Editor) -> bool,
    nothing: &str,
) -> Vec<Effect> {
    let Some(draft) = draft(model) else {
        return Vec::new();
    };
    if step(&mut draft.editor) {
        return vec![draft.kept()];
    }
    model.say(nothing);
    Vec::new()
}

pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    if text.is_empty() {
        return Vec::new();
    }
    match model.context() {
        Context::Writing => {
            let there = draft(model).map_or(0, |draft| draft.editor.text().len());
            if there + text.len() > MAX_DRAFT_BYTES {
                let why = format!(
                    "It is {} long, and a quote may have {}.",
                    text::bytes(text.len()),
                    text::bytes(quote::MAX_BYTES)
                );
                model.warn("Not pasted.", why);
                return Vec::new();
            }
            model.notice = None;
            model.cut.grows = false;
            let effects = edit(model, |editor| editor.paste(text));
            warn_of_length(model);
            effects
        }
        Context::Quote => {
            // The place for a quote is there to be filled.
            if let Screen::SignedIn { pane, .. } = &mut model.screen
                && let Pane::Quote { desk, .. } = pane
                && desk.saved.is_none()
                && desk.draft.is_none()
            {
                *pane = Pane::writing(Sheet {
                    saved: None,
                    draft: Draft::of(None),
                });
                return paste(model, text);
            }
            model.say(PASTE_INTO_EDITOR);
            Vec::new()
        }
        Context::Loading | Context::Conflict => {
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
        let why = format!(
            "It is all here: {}; a quote may have {}.",
            text::bytes(bytes),
            text::bytes(quote::MAX_BYTES)
        );
        model.warn("Too long to save.", why);
    }
}
/// Takes typed characters in, where text is written.
pub(super) fn type_text(model: &mut Model, text: &str) -> Vec<Effect> {
    if model.context() != Context::Writing {
        return Vec::new();
    }
    model.notice = None;
    model.cut.grows = false;
    let understood = text.replace(char::REPLACEMENT_CHARACTER, "");
    let effects = edit(model, |editor| editor.type_text(&understood));
    if text.chars().nth(1).is_some() {
        warn_of_length(model);
    }
    if understood.len() != text.len() {
        model.warn("Some of it was left out.", NOT_UTF8);
    }
    effects
}

const NOT_UTF8: &str = "What you typed is not UTF-8. Set your terminal to UTF-8.";
