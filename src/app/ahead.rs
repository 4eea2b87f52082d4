//! Typing ahead: who asks to write while the quote is still being read, and goes on typing, finds all of it in the editor.
//!
//! Nothing but writing is done ahead. What leads out of the editor ends it, and so does a screen that the person
//! has not seen yet: a choice between two texts, bad news.

use crossterm::event::Event;

use super::{Effect, Model, Pane, Screen, Tone, update};
use crate::{
    keymap::{self, Action, Chord, Context},
    quote,
};

/// As much as a quote may have, in bytes of pastes and keys.
const MOST: usize = quote::MAX_BYTES;

/// Remembers a key or a paste that is meant for the editor, if the quote is being read.
pub(super) fn remember(model: &mut Model, event: Event) {
    let weight = |event: &Event| match event {
        Event::Paste(text) => text.len(),
        _ => 1,
    };
    let begins = match &event {
        Event::Key(key) => Chord::of(*key)
            .is_some_and(|chord| keymap::action(Context::Quote, chord) == Some(Action::Edit)),
        _ => false,
    };
    let wanted = match model.context() {
        Context::Ahead => {
            model
                .ahead
                .iter()
                .chain([&event])
                .map(weight)
                .sum::<usize>()
                <= MOST
        }
        Context::Busy => is_loading(model) && begins,
        _ => false,
    };
    if wanted {
        model.ahead.push(event);
    }
}

/// Does what was remembered, once it is known what the quote is.
pub(super) fn replay(model: &mut Model) -> Vec<Effect> {
    if model.ahead.is_empty() || is_loading(model) {
        return Vec::new();
    }
    let events = std::mem::take(&mut model.ahead);
    let help = model.help.take();
    // It was not on the screen yet when the keys were pressed.
    let bad_news = model.notice.take_if(|notice| notice.tone == Tone::Failure);
    // Where a draft has opened the editor, the key that asks for it has nothing to do.
    let done = usize::from(model.context() == Context::Writing);
    let mut effects = Vec::new();
    for (at, event) in events.into_iter().enumerate().skip(done) {
        let expected = if at == 0 {
            Context::Quote
        } else {
            Context::Writing
        };
        if model.context() != expected {
            break;
        }
        effects.extend(update::take_event(model, event));
    }
    model.help = help;
    if bad_news.is_some() {
        model.notice = bad_news;
    }
    effects
}

fn is_loading(model: &Model) -> bool {
    matches!(
        model.screen,
        Screen::SignedIn {
            pane: Pane::Loading(_),
            ..
        }
    )
}
