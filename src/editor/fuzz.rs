//! Any text, any key, any window.

use proptest::prelude::*;

use super::*;
use crate::fuzz;

#[derive(Clone, Debug)]
enum Step {
    Insert(String),
    Paste(String),
    Go(Motion),
    Delete(Motion),
    Undo,
    Redo,
    Fit(usize, usize),
}

const MOTIONS: [Motion; 12] = [
    Motion::Left,
    Motion::Right,
    Motion::Up,
    Motion::Down,
    Motion::WordLeft,
    Motion::WordRight,
    Motion::LineStart,
    Motion::LineEnd,
    Motion::PageUp,
    Motion::PageDown,
    Motion::TextStart,
    Motion::TextEnd,
];

fn step() -> impl Strategy<Value = Step> {
    let motion = prop::sample::select(&MOTIONS[..]);
    let window = (
        prop_oneof![8 => 0_usize..12, 1 => Just(usize::MAX), 1 => 12_usize..90],
        prop_oneof![8 => 0_usize..5, 1 => Just(usize::MAX)],
    );
    prop_oneof![
        4 => fuzz::odd_text().prop_map(|text| Step::Insert(without_carriage_returns(&text))),
        2 => fuzz::odd_text().prop_map(Step::Paste),
        4 => motion.clone().prop_map(Step::Go),
        3 => motion.prop_map(Step::Delete),
        2 => Just(Step::Undo),
        1 => Just(Step::Redo),
        1 => window.prop_map(|(columns, height)| Step::Fit(columns, height)),
    ]
}

fn without_carriage_returns(text: &str) -> String {
    text.replace('\r', "")
}

/// The text after a step, by the plainest means; `None` where the step alone cannot tell.
fn expected(step: &Step, text: &str, cursor: usize) -> Option<String> {
    let (before, after) = text.split_at(cursor);
    match step {
        Step::Insert(inserted) => Some(format!("{before}{inserted}{after}")),
        Step::Paste(pasted) => {
            let lines = pasted.replace("\r\n", "\n").replace('\r', "\n");
            let kept = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
            let pasted: String = lines.chars().filter(kept).collect();
            Some(format!("{before}{pasted}{after}"))
        }
        Step::Go(_) | Step::Fit(..) => Some(text.to_owned()),
        Step::Delete(_) | Step::Undo | Step::Redo => None,
    }
}

fn is_sound(editor: &Editor) -> Result<(), TestCaseError> {
    let text = editor.text();
    prop_assert_eq!(&editor.rows, &text::wrap(text, editor.wrap_columns()));
    let on_grapheme = editor.cursor == text.len()
        || text
            .grapheme_indices(true)
            .any(|(at, _)| at == editor.cursor);
    prop_assert!(on_grapheme, "the cursor is inside a grapheme");
    let (column, row) = editor.cursor_in_view();
    prop_assert!(row < editor.height.max(1));
    prop_assert!(column < editor.columns.max(1));

    let (above, below) = editor.hidden_rows();
    let visible: Vec<_> = editor.visible_rows().collect();
    prop_assert_eq!(above + visible.len() + below, editor.rows.len());
    let most = editor.wrap_columns().max(1);
    for row in visible {
        let row = row.trim_end();
        let fits = text::width(row) <= most || row.graphemes(true).count() <= 1;
        prop_assert!(fits, "{:?} is wider than {}", row, most);
    }
    Ok(())
}

#[test]
fn the_text_is_what_was_typed_and_undo_reverts_it() {
    let steps = (fuzz::odd_text(), prop::collection::vec(step(), 1..60));
    fuzz::run("editor", &steps, |(start, steps)| {
        let mut editor = Editor::new(&start);
        let start = editor.text().to_owned();
        editor.fit(8, 3);
        for step in steps {
            let before = editor.clone();
            match step.clone() {
                Step::Insert(text) => editor.insert(&text),
                Step::Paste(text) => editor.paste(&text),
                Step::Go(motion) => editor.go(motion),
                Step::Delete(motion) => {
                    editor.delete(motion);
                    // What is gone lay on one side of the cursor.
                    let (head, tail) = before.text.split_at(before.cursor);
                    prop_assert!(editor.text.starts_with(head) || editor.text.ends_with(tail));
                    prop_assert!(editor.text.len() <= before.text.len());
                }
                Step::Undo => {
                    if editor.undo() {
                        let mut again = editor.clone();
                        prop_assert!(again.redo());
                        prop_assert_eq!(&again.text, &before.text);
                    }
                }
                Step::Redo => {
                    if editor.redo() {
                        let mut back = editor.clone();
                        prop_assert!(back.undo());
                        prop_assert_eq!(&back.text, &before.text);
                    }
                }
                Step::Fit(columns, height) => editor.fit(columns, height),
            }
            if let Some(expected) = expected(&step, &before.text, before.cursor) {
                prop_assert_eq!(editor.text(), expected);
            }
            is_sound(&editor)?;
        }
        while editor.redo() {}
        let end = editor.text.clone();
        while editor.undo() {
            is_sound(&editor)?;
        }
        prop_assert_eq!(editor.text(), start);
        while editor.redo() {}
        prop_assert_eq!(editor.text(), end);
        Ok(())
    });
}
