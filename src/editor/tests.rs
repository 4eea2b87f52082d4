use super::*;

/// Makes an editor from a text in which `|` is the cursor.
fn at(marked: &str) -> Editor {
    let cursor = marked.find('|').expect("a cursor in the text");
    let mut editor = Editor::new(&marked.replace('|', ""));
    editor.cursor = cursor;
    editor
}

/// Shows an editor as a text in which `|` is the cursor.
fn marked(editor: &Editor) -> String {
    let mut text = editor.text().to_owned();
    text.insert(editor.cursor(), '|');
    text
}

#[test]
fn the_cursor_steps_over_what_a_person_calls_a_character() {
    for character in ["👨‍👩‍👧", "🇩🇪", "e\u{301}", "👍🏽", "❤️", "日", "क्षि"]
    {
        let mut editor = Editor::new(character);
        editor.go(Motion::Left);
        assert_eq!(editor.cursor(), 0, "{character}");
        editor.go(Motion::Right);
        assert_eq!(editor.cursor(), character.len(), "{character}");
        editor.delete(Motion::Left);
        assert_eq!(editor.text(), "", "{character}");
    }
    let mut flags = Editor::new("🇩🇪🇫🇷");
    flags.delete(Motion::Left);
    assert_eq!(flags.text(), "🇩🇪");
}

#[test]
fn motions_go_where_they_say() {
    use Motion::*;
    for (before, motion, after) in [
        ("one two|", WordLeft, "one |two"),
        ("one |two", WordLeft, "|one two"),
        ("|one two", WordRight, "one| two"),
        ("one| two", WordRight, "one two|"),
        ("|🇩\u{200d}🇩🇩", WordRight, "🇩\u{200d}🇩🇩|"),
        ("🇩\u{200d}🇩🇩|", WordLeft, "🇩\u{200d}|🇩🇩"),
        ("a\nbc|d", LineStart, "a\n|bcd"),
        ("a\nb|cd\ne", LineEnd, "a\nbcd|\ne"),
        ("a\nb|cd\ne", TextStart, "|a\nbcd\ne"),
        ("a\nb|cd\ne", TextEnd, "a\nbcd\ne|"),
        ("abc\nde|f", Up, "ab|c\ndef"),
        ("ab|c\ndef", Up, "|abc\ndef"),
        ("ab|c\ndef", Down, "abc\nde|f"),
        ("abc\nd|ef", Down, "abc\ndef|"),
        ("日本|\nabcdef", Down, "日本\nabcd|ef"),
        ("日本\nabc|def", Up, "日|本\nabcdef"),
    ] {
        let mut editor = at(before);
        editor.go(motion);
        assert_eq!(marked(&editor), after, "{motion:?} from {before:?}");
    }
}

#[test]
fn deleting_takes_what_the_motion_passes_over() {
    use Motion::*;
    for (before, motion, after) in [
        ("one two|", WordLeft, "one |"),
        ("|one two", WordRight, "| two"),
        ("a\nbc|d", LineStart, "a\n|d"),
        ("a\n|bcd", LineStart, "a|bcd"),
        ("a\nb|cd\ne", LineEnd, "a\nb|\ne"),
        ("a|\nb", LineEnd, "a|b"),
        ("a|", Right, "a|"),
        ("|a", Left, "|a"),
    ] {
        let mut editor = at(before);
        editor.delete(motion);
        assert_eq!(marked(&editor), after, "{motion:?} from {before:?}");
    }
}

#[test]
fn vertical_motion_keeps_its_column_across_short_lines() {
    let mut editor = at("abcdef|\nx\nabcdef");
    editor.go(Motion::Down);
    assert_eq!(marked(&editor), "abcdef\nx|\nabcdef");
    editor.go(Motion::Down);
    assert_eq!(marked(&editor), "abcdef\nx\nabcdef|");
}

#[test]
fn vertical_motion_follows_the_rows_that_are_seen() {
    let mut editor = Editor::new("one two three");
    editor.fit(8, 5);
    editor.go(Motion::Up);
    assert_eq!(marked(&editor), "one t|wo three");
    assert_eq!(editor.cursor_in_view(), (5, 0));
}

#[test]
fn a_paste_has_one_kind_of_line_end_and_no_control_characters() {
    let mut editor = Editor::new("");
    editor.paste("one\r\ntwo\rthree\n\tfour\x1b[31m\0");
    assert_eq!(editor.text(), "one\ntwo\nthree\n\tfour[31m");
    editor.undo();
    assert_eq!(editor.text(), "");
}

#[test]
fn undo_takes_words_back_and_redo_brings_them_again() {
    let mut editor = Editor::new("");
    for c in "one two".chars() {
        editor.insert(&c.to_string());
    }
    assert!(editor.undo());
    assert_eq!(marked(&editor), "one |");
    assert!(editor.undo());
    assert_eq!(marked(&editor), "|");
    assert!(!editor.undo());
    assert!(editor.redo() && editor.redo() && !editor.redo());
    assert_eq!(marked(&editor), "one two|");
}

#[test]
fn the_view_follows_the_cursor() {
    let mut editor = Editor::new("1\n2\n3\n4\n5");
    editor.fit(10, 2);
    assert_eq!(editor.visible_rows().collect::<Vec<_>>(), ["4", "5"]);
    assert_eq!(editor.cursor_in_view(), (1, 1));
    assert_eq!(editor.hidden_rows(), (3, 0));
    editor.go(Motion::TextStart);
    assert_eq!(editor.visible_rows().collect::<Vec<_>>(), ["1", "2"]);
    editor.fit(10, 5);
    assert_eq!(editor.hidden_rows(), (0, 0));
}
