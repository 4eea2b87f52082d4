//! Cut, copied, and put back: within the editor always, and with the clipboard where there is one.

use super::{
    Clipboard, Copied, Effect,
    model::{Cut, Model, Notice, Tone},
    writing::{draft, paste},
};
use crate::{editor::Motion, keymap::Context};

fn say_nothing_selected(model: &mut Model) {
    let rest = "Shift with the arrow keys selects.";
    model.tell(Notice::new(Tone::Info, "Nothing is selected.", rest));
}

/// Cuts up to where a motion leads. What keys cut one after the other is one text.
pub(super) fn cut_to(model: &mut Model, motion: Motion) -> Vec<Effect> {
    let Some(draft) = draft(model) else {
        return Vec::new();
    };
    let before = draft.editor.cursor();
    let cut = draft.editor.delete(motion);
    let backwards = draft.editor.cursor() < before;
    if cut.is_empty() {
        return Vec::new();
    }
    let effects = vec![draft.kept()];
    let text = match std::mem::take(&mut model.cut) {
        Cut { text, grows: true } if backwards => cut + &text,
        Cut { text, grows: true } => text + &cut,
        _ => cut,
    };
    model.cut = Cut { text, grows: true };
    effects
}

/// Cuts what is selected, to the clipboard as well.
pub(super) fn cut(model: &mut Model) -> Vec<Effect> {
    let cut = draft(model).and_then(|draft| Some((draft.editor.cut()?, draft.kept())));
    let Some((text, follows)) = cut else {
        say_nothing_selected(model);
        return Vec::new();
    };
    vec![follows, keep(model, text)]
}

/// Copies what is selected, to the clipboard as well.
pub(super) fn copy_selection(model: &mut Model) -> Vec<Effect> {
    let selected = draft(model).and_then(|draft| draft.editor.selected().map(str::to_owned));
    if let Some(text) = selected {
        return vec![keep(model, text)];
    }
    say_nothing_selected(model);
    Vec::new()
}

fn keep(model: &mut Model, text: String) -> Effect {
    let effect = Effect::Copy(Copied::Selection, text.clone());
    model.cut = Cut { text, grows: false };
    effect
}

/// Puts back what was cut or copied last.
pub(super) fn put_back(model: &mut Model) -> Vec<Effect> {
    let text = model.cut.text.clone();
    if text.is_empty() {
        model.say("Nothing was cut or copied yet.");
        return Vec::new();
    }
    paste(model, &text)
}

/// Pastes what the clipboard holds, or what was cut or copied here where none can be read.
pub(super) fn take_clipboard(model: &mut Model, text: Option<String>) -> Vec<Effect> {
    let text = text.unwrap_or_else(|| model.cut.text.clone());
    if model.context() != Context::Writing {
        return Vec::new();
    }
    if text.is_empty() {
        let rest = "Your terminal has a key of its own, often Ctrl-Shift-V.";
        model.tell(Notice::new(Tone::Info, "Nothing to paste.", rest));
        return Vec::new();
    }
    paste(model, &text)
}

/// Says what became of a text that was copied.
pub(super) fn say_copied(
    model: &mut Model,
    what: Copied,
    outcome: Result<Clipboard, String>,
) -> Vec<Effect> {
    let what = match what {
        Copied::Address => "the address",
        Copied::Code => "the code",
        Copied::Quote => "the quote",
        Copied::Selection => "what is selected",
    };
    match outcome {
        Ok(Clipboard::System) => model.say(format!("Copied {what}.")),
        Ok(Clipboard::Tmux) => model.say(format!("Copied {what} to tmux.")),
        Err(text) => {
            model.say(format!("Sent {what} to your terminal's clipboard."));
            return vec![Effect::CopyByTerminal(text)];
        }
    }
    Vec::new()
}
