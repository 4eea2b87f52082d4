//! What came from the terminal at once: a run of typed characters is one message, and where letters are commands it is a paste.

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode};

use super::{Effect, Model, Msg, Screen, update};
use crate::{
    keymap::{self, Action, Chord, Context},
    platform::Platform,
};

/// Whether the person could see the question before they pressed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was on the screen, if one was asked.
    Yes,
    /// It was not there yet.
    No,
}

/// Takes in what came from the terminal at once, up to the first that asks for something that cannot wait.
///
/// A run of characters is one change, so that a paste without brackets costs no draft and no frame per key. In such a paste
/// Enter ends a line: between characters that came in the same moment no one has pressed it. Where letters are commands, such
/// a run is a paste that has missed the editor, and a key that was pressed before a question could be seen answers nothing.
/// What is asked while they are taken in was not seen, and `seen` says so.
pub fn take_in(model: &mut Model, events: &mut VecDeque<Event>, seen: &mut Seen) -> Vec<Effect> {
    let mut effects = Vec::new();
    loop {
        if !model.asks() {
            *seen = Seen::No;
        }
        let Some(msg) = next(model, events, Platform::HERE == Platform::Windows) else {
            break;
        };
        if *seen == Seen::No && decides(model, &msg) {
            continue;
        }
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

/// Takes the next message out of what came at once. A console of Windows puts no brackets around a paste, and no line between
/// it and the program holds keys up and hands them over together: an Enter that comes with text belongs to it.
fn next(model: &Model, events: &mut VecDeque<Event>, in_console: bool) -> Option<Msg> {
    let writes = model.context() == Context::Writing;
    let burst = || events.iter().map_while(text_of);
    let is_text = burst().take(64).filter(|c| !c.is_whitespace()).nth(1);
    let starts_with_enter = burst().next() == Some('\n');
    let with_enter = || in_console && burst().any(|c| c == '\n');
    if is_text.is_some() && (!writes || starts_with_enter || with_enter()) {
        let text: String = burst().collect();
        events.drain(..text.chars().count());
        return Some(Msg::Terminal(Event::Paste(text)));
    }
    let event = events.pop_front()?;
    Some(match typed(&event) {
        Some(c) if writes => Msg::Typed(run(c, events)),
        _ => Msg::Terminal(event),
    })
}

/// Says whether a key chooses what cannot be taken back.
fn decides(model: &Model, msg: &Msg) -> bool {
    let Msg::Terminal(Event::Key(key)) = msg else {
        return false;
    };
    let action = Chord::of(*key).and_then(|chord| keymap::action(model.context(), chord));
    matches!(
        action,
        Some(Action::Answer(true) | Action::KeepMine | Action::TakeTheirs)
    )
}

/// Says whether an effect may wait until what is there already has been taken in.
fn is_quiet(effect: &Effect) -> bool {
    matches!(effect, Effect::KeepDraft(_) | Effect::DropDraft)
}

/// Says whether more may be on its way of what came at once: a paste comes in parts, and no one presses two keys in one
/// moment. Where letters are commands, one letter may be the first of them.
#[must_use]
pub fn may_go_on(model: &Model, events: &VecDeque<Event>) -> bool {
    let enough = usize::from(model.context() == Context::Writing);
    events.iter().filter_map(typed).nth(enough).is_some()
}

/// Returns the letter that is about to stand where the cursor is, if that is all that has come. The frame says whether it does.
#[must_use]
pub fn echo(model: &Model, events: &VecDeque<Event>) -> Option<char> {
    let letter = typed(events.front()?).filter(char::is_ascii_graphic)?;
    let Screen::SignedIn { pane, .. } = &model.screen else {
        return None;
    };
    let stays = events.len() == 1
        && model.context() == Context::Writing
        && pane.in_editor()?.editor.row_has_room();
    stays.then_some(letter)
}

/// Returns the character that a key types where text is written.
fn typed(event: &Event) -> Option<char> {
    let Event::Key(key) = event else { return None };
    Chord::of(*key)?.typed()
}

/// The same, and a line end for Enter.
fn text_of(event: &Event) -> Option<char> {
    typed(event).or_else(|| is_enter(event).then_some('\n'))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::samples::{key_event, press, reading};

    #[test]
    fn a_letter_is_echoed_where_it_will_stand() {
        let writing = |text: &str| {
            let mut model = reading(80, 24, None);
            press(&mut model, "e");
            update(&mut model, Msg::Typed(text.into()));
            model
        };
        let echo = |model: &Model, keys: &[&str]| {
            let events = keys.iter().map(|key| Event::Key(key_event(key)));
            super::echo(model, &events.collect())
        };
        let model = writing("Yes");
        assert_eq!(echo(&model, &["x"]), Some('x'));
        for keys in [&[][..], &["x", "y"], &["Enter"], &["Ctrl-x"], &["é"]] {
            assert_eq!(echo(&model, keys), None, "{keys:?}");
        }
        // It begins another row, takes the place of what is selected, or is a command.
        let full = writing(&"y".repeat(51));
        assert_eq!(echo(&full, &["x"]), None);
        let mut selected = writing("Yes");
        press(&mut selected, "Shift-Left");
        assert_eq!(echo(&selected, &["x"]), None);
        assert_eq!(echo(&reading(80, 24, None), &["x"]), None);
    }

    #[test]
    fn in_a_console_an_enter_that_comes_with_text_is_text() {
        for (came, in_console, text) in [
            ("one\ntwo\n", true, Some("one\ntwo\n")),
            ("one\n", true, Some("one\n")),
            ("\none", true, Some("\none")),
            ("\n", true, None),
            ("o\n", true, None),
            ("one\n", false, None),
            // No one presses Enter and then two keys in one moment.
            ("\none\n", false, Some("\none\n")),
        ] {
            let mut model = reading(80, 24, None);
            press(&mut model, "e");
            let mut events: VecDeque<_> = came
                .chars()
                .map(|c| match c {
                    '\n' => key_event("Enter"),
                    c => KeyCode::Char(c).into(),
                })
                .map(Event::Key)
                .collect();
            let msg = next(&model, &mut events, in_console);
            let pasted = match msg {
                Some(Msg::Terminal(Event::Paste(text))) => Some(text),
                _ => None,
            };
            assert_eq!(pasted.as_deref(), text, "{came:?}");
        }
    }
}
