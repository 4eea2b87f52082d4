//! What becomes of a text that is not saved: it is kept, sent, refused, or laid beside what is saved.

use super::{
    Effect,
    model::{Desk, DeskOrder, Draft, Model, Notice, Pane, Sheet, Tone, same_text},
};
use crate::{
    quote::{Quote, QuoteError, Saved},
    text,
};

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
            Pane::quote(Desk::with(sheet.saved)),
            vec![Effect::DropDraft],
        );
    }
    match Quote::new(text) {
        // It came while the person wrote, who has not seen it yet.
        Ok(_) if !sheet.replaces_what_is_saved() => {
            // Also a text that is what they began from: by now it is theirs against another.
            let effects = vec![Effect::KeepDraft(sheet.draft.to_file())];
            (Pane::choice(sheet.draft, sheet.saved), effects)
        }
        Ok(quote) => {
            let based_on = sheet.draft.based_on.clone();
            let saving = true;
            (
                Pane::Editor { sheet, saving },
                vec![Effect::Save { quote, based_on }],
            )
        }
        Err(error) => {
            refuse(model, error, sheet.saved.is_some());
            (Pane::writing(sheet), Vec::new())
        }
    }
}

/// Says why a text cannot be saved.
pub(super) fn refuse(model: &mut Model, error: QuoteError, can_delete: bool) {
    let (outcome, rest) = match error {
        QuoteError::Empty if can_delete => (
            "Nothing to save.",
            "To delete your quote, press Esc and then d.".to_owned(),
        ),
        QuoteError::Empty => ("Nothing to save yet.", String::new()),
        error @ QuoteError::TooLong { .. } => (
            "Not saved.",
            format!(
                "It is all still here: shorten it. {}.",
                text::capital(&error.to_string())
            ),
        ),
        error @ QuoteError::Control { .. } => (
            "Not saved.",
            format!(
                "It is all still here: remove that character. {}.",
                text::capital(&error.to_string())
            ),
        ),
    };
    model.warn(outcome, rest);
}

/// Brings the quote back that was deleted last.
pub(super) fn undelete(model: &mut Model, desk: Desk) -> (Pane, Vec<Effect>) {
    let Some(text) = &desk.deleted else {
        return (Pane::quote(desk), Vec::new());
    };
    match Quote::new(text) {
        Ok(quote) => {
            // Until it is back in the database, it is a text like any other that is not saved.
            let draft = desk.draft.clone();
            let draft = draft.unwrap_or_else(|| Draft::of_a_new_quote(text));
            let save = Effect::Save {
                quote,
                based_on: None,
            };
            let effects = vec![draft.kept(), save];
            let draft = Some(draft);
            let desk = Desk { draft, ..desk };
            let order = Some(DeskOrder::Undelete);
            (Pane::Quote { desk, order }, effects)
        }
        Err(error) => {
            // Another program wrote it. It is not lost, unless it would take the place of what this person wrote.
            if desk.draft.is_some() {
                model.warn(
                    "Not brought back.",
                    format!("{}.", text::capital(&error.to_string())),
                );
                return (Pane::quote(desk), Vec::new());
            }
            let why = format!(
                "It is here for you to change. {}.",
                text::capital(&error.to_string())
            );
            model.warn("Not brought back as it was.", why);
            let draft = Draft::of_a_new_quote(text);
            let effects = vec![draft.kept()];
            let sheet = Sheet {
                saved: desk.saved,
                draft,
            };
            (Pane::writing(sheet), effects)
        }
    }
}

/// Lays a text that is not saved beside what is, now that it is known: to be gone on with, or to be chosen between.
pub(super) fn resume(
    model: &mut Model,
    mut draft: Draft,
    saved: Option<Saved>,
) -> (Pane, Vec<Effect>) {
    let is_sent = draft.recognizes(saved.as_ref());
    let saved_text = saved.as_ref().map(|saved| saved.text.as_str());
    if saved_text.is_some_and(|text| same_text(text, draft.editor.text())) {
        return (Pane::quote(Desk::with(saved)), vec![Effect::DropDraft]);
    }
    if draft.based_on.as_deref() == saved_text {
        model.say("Here is your unsaved text.");
        let effects = is_sent.then(|| draft.kept()).into_iter().collect();
        return (Pane::writing(Sheet { saved, draft }), effects);
    }
    (Pane::choice(draft, saved), Vec::new())
}

/// Goes on writing what was begun before it was known what is saved. Nothing takes the keys away in the middle of a word:
/// two texts are shown when the person saves theirs.
pub(super) fn write_on(model: &mut Model, draft: Draft, saved: Option<Saved>) -> Sheet {
    let base = saved.as_ref().map(|saved| saved.text.as_str());
    if !draft.is_worth_keeping() && draft.based_on.as_deref() != base {
        let draft = Draft::of(saved.as_ref());
        return Sheet { saved, draft };
    }
    let sheet = Sheet::with(saved, draft);
    if !sheet.replaces_what_is_saved() {
        let (outcome, rest) = match sheet.saved {
            Some(_) => (
                "There is already another text.",
                "You will see both when you save yours.",
            ),
            None => (
                "Your quote has since been deleted.",
                "You will be asked when you save this text.",
            ),
        };
        model.tell(Notice::new(Tone::Question, outcome, rest));
    }
    sheet
}
