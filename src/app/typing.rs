//! What came from the terminal at once: a run of typed characters is one message.

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode};

use super::{Effect, Model, Msg, update};
use crate::keymap::{self, Chord, Context};

/// Takes in what came from the terminal at once, up to the first that asks for something that cannot wait.
///
/// A run of characters is one change, so that a paste without brackets costs no draft and no frame per key. In such a paste
/// Enter ends a line: between characters that came in the same moment no one has pressed it.
pub fn take_in(model: &mut Model, events: &mut VecDeque<Event>) -> Vec<Effect> {
    let mut effects = Vec::new();
    while let Some(event) = events.pop_front() {
        let msg = match (model.context(), typed(&event)) {
            (Context::Writing, Some(c)) => Msg::Typed(run(c, events)),
            _ => Msg::Terminal(event),
        };
        let news = update(model, msg);
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

/// Says whether more may be on its way of what came at once: a paste comes in parts, and no one presses two keys in one moment.
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
