//! Any text, any key, any window.

use proptest::prelude::*;

use super::*;
use crate::fuzz;

#[derive(Clone, Debug)]
enum Step {
    Insert(String),
    Paste(String),
    Go(Motion),
    Select(Motion),
    SelectAll,
    Cut,
    Swap,
    Delete(Motion),
    Undo,
    Redo,
    Fit(usize, usize),
}

const MOTIONS: [Motion; 14] = [
    Motion::Left,
    Motion::Right,
    Motion::Up,
    Motion::Down,
    Motion::WordLeft,
    Motion::WordRight,
    Motion::LineStart,
    Motion::LineEnd,
    Motion::RowStart,
    Motion::RowEnd,
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
        3 => motion.clone().prop_map(Step::Delete),
        3 => motion.prop_map(Step::Select),
        1 => Just(Step::SelectAll),
        1 => Just(Step::Cut),
        1 => Just(Step::Swap),
        2 => Just(Step::Undo),
        1 => Just(Step::Redo),
        1 => window.prop_map(|(columns, height)| Step::Fit(columns, height)),
    ]
}

fn without_carriage_returns(text: &str) -> String {
    text.replace('\r', "")
}

/// The text after a step, by the plainest means; `None` where the step alone cannot tell.
fn expected(step: &Step, text: &str, selection: Range<usize>) -> Option<String> {
    let (before, after) = (&text[..selection.start], &text[selection.end..]);
    match step {
        Step::Insert(inserted) => Some(format!("{before}{inserted}{after}")),
        Step::Paste(pasted) => {
            let pasted = pasted.trim_start_matches('\u{feff}');
            let lines = pasted.replace("\r\n", "\n").replace('\r', "\n");
            let kept = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
            let pasted: String = lines.chars().filter(kept).collect();
            Some(format!("{before}{pasted}{after}"))
        }
        Step::Cut => Some(format!("{before}{after}")),
        Step::Go(_) | Step::Select(_) | Step::SelectAll | Step::Fit(..) => Some(text.to_owned()),
        Step::Delete(_) | Step::Swap | Step::Undo | Step::Redo => None,
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
    if let Some(selection) = editor.selection() {
        prop_assert!(
            editor.is_on_grapheme(selection.start) && editor.is_on_grapheme(selection.end)
        );
        prop_assert!(selection.end <= text.len());
    }
    let (column, row) = editor.cursor_in_view();
    prop_assert!(row < editor.height.max(1));
    prop_assert!(column < editor.columns.max(1));

    let (above, below) = editor.hidden_rows();
    let visible: Vec<_> = editor.visible_rows().collect();
    prop_assert_eq!(above + visible.len() + below, editor.rows.len());
    let most = editor.wrap_columns().max(1);
    for row in visible {
        let row = text[row].trim_end();
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
                Step::Select(motion) => editor.select(motion),
                Step::SelectAll => editor.select_all(),
                Step::Cut => drop(editor.cut()),
                Step::Swap => {
                    editor.swap_characters();
                    let sorted = |text: &str| {
                        let mut graphemes: Vec<_> = text.chars().collect();
                        graphemes.sort_unstable();
                        graphemes
                    };
                    prop_assert_eq!(sorted(&editor.text), sorted(&before.text));
                }
                Step::Delete(motion) => {
                    editor.delete(motion);
                    // What is gone lay on one side of the cursor.
                    let deleted = before.selection().unwrap_or(before.cursor..before.cursor);
                    let head = &before.text[..deleted.start];
                    let tail = &before.text[deleted.end..];
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
            let selection = before.selection().unwrap_or(before.cursor..before.cursor);
            if let Some(expected) = expected(&step, &before.text, selection) {
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
