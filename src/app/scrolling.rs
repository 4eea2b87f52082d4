//! What is scrolled away, and how far.

use super::{
    geometry::{editor_place, reach},
    model::{Model, Pane, Screen},
};
use crate::keymap::Scroll;

fn offset(model: &mut Model) -> Option<&mut usize> {
    if model.help.is_some() {
        return model.help.as_mut();
    }
    let Screen::SignedIn {
        pane, over: None, ..
    } = &mut model.screen
    else {
        return None;
    };
    match pane {
        Pane::Quote { desk, order: None } => Some(&mut desk.scroll),
        Pane::Choice(conflict) => Some(&mut conflict.scroll),
        _ => None,
    }
}

/// Scrolls what can be scrolled.
pub(super) fn scroll(model: &mut Model, by: Scroll) {
    let (most, page) = reach(model);
    let page = page.saturating_sub(1).max(1);
    if let Some(offset) = offset(model) {
        *offset = match by {
            Scroll::Up => offset.saturating_sub(1),
            Scroll::Down => *offset + 1,
            Scroll::PageUp => offset.saturating_sub(page),
            Scroll::PageDown => *offset + page,
            Scroll::Start => 0,
            Scroll::End => most,
        }
        .min(most);
    }
}

/// Fits everything into the room that it has now.
pub(super) fn fit(model: &mut Model) {
    if let Some(place) = editor_place(model)
        && let Screen::SignedIn { pane, .. } = &mut model.screen
        && let Some(draft) = pane.in_editor_mut()
    {
        // The cursor may stand behind the last character of a row.
        let columns = usize::from(place.columns) + 1;
        draft.editor.fit(columns, place.rows.into());
    }
    if offset(model).is_some_and(|offset| *offset > 0) {
        let (most, _) = reach(model);
        if let Some(offset) = offset(model) {
            *offset = (*offset).min(most);
        }
    }
}
