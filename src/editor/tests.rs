use super::*;

/// Makes an editor from a text in which `|` is the cursor, and `^` where a selection begins.
fn at(marked: &str) -> Editor {
    let unmarked = marked.replace(['|', '^'], "");
    let mut editor = Editor::new(&unmarked);
    let place = |mark: char| {
        let before = &marked[..marked.find(mark)?];
        Some(before.replace(['|', '^'], "").len())
    };
    editor.cursor = place('|').expect("a cursor in the text");
    editor.anchor = place('^');
    editor
}

/// Shows an editor in the same way.
fn marked(editor: &Editor) -> String {
    let mut text = editor.text().to_owned();
    let anchor = editor.anchor.filter(|anchor| *anchor != editor.cursor);
    let mut marks = vec![(editor.cursor, '|')];
    marks.extend(anchor.map(|anchor| (anchor, '^')));
    marks.sort_unstable();
    for (at, mark) in marks.into_iter().rev() {
        text.insert(at, mark);
    }
    text
}

/// What an editor shows after a change.
fn after_it(before: &str, change: impl FnOnce(&mut Editor)) -> String {
    let mut editor = at(before);
    change(&mut editor);
    marked(&editor)
}

fn rows_of(editor: &Editor) -> Vec<&str> {
    let rows = editor.visible_rows();
    rows.map(|row| &editor.text[row]).collect()
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
        ("said “yes”.|", WordLeft, "said “|yes”."),
        ("|… “yes” – no", WordRight, "… “yes|” – no"),
        ("“yes|” – no", WordRight, "“yes” – no|"),
        ("«да» 「日本語」|", WordLeft, "«да» 「日本|語」"),
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
        let gone = after_it(before, |editor| editor.go(motion));
        assert_eq!(gone, after, "{motion:?} from {before:?}");
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
        let deleted = after_it(before, |editor| drop(editor.delete(motion)));
        assert_eq!(deleted, after, "{motion:?} from {before:?}");
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
    assert_eq!(rows_of(&editor), ["4", "5"]);
    assert_eq!(editor.cursor_in_view(), (1, 1));
    assert_eq!(editor.hidden_rows(), (3, 0));
    editor.go(Motion::TextStart);
    assert_eq!(rows_of(&editor), ["1", "2"]);
    editor.fit(10, 5);
    assert_eq!(editor.hidden_rows(), (0, 0));
}

#[test]
fn every_motion_selects_with_shift_and_leaves_without() {
    use Motion::*;
    for (before, motion, after) in [
        ("one| two", Left, "on|e^ two"),
        ("on|e^ two", Left, "o|ne^ two"),
        ("o|ne^ two", Right, "on|e^ two"),
        ("one |two", WordRight, "one ^two|"),
        ("ab|c\ndef", Down, "ab^c\nde|f"),
        ("ab^c|\ndef", TextStart, "|ab^c\ndef"),
        ("a|b\nc", LineEnd, "a^b|\nc"),
        ("👨‍👩‍👧|", Left, "|👨‍👩‍👧^"),
    ] {
        let selected = after_it(before, |editor| editor.select(motion));
        assert_eq!(selected, after, "Shift and {motion:?} from {before:?}");
    }
    for (before, motion, after) in [
        ("o^ne| two", Left, "o|ne two"),
        ("o|ne^ two", Left, "o|ne two"),
        ("o|ne^ two", Right, "one| two"),
        ("o^ne| two", WordRight, "one two|"),
        ("o^ne| two", TextStart, "|one two"),
    ] {
        let gone = after_it(before, |editor| editor.go(motion));
        assert_eq!(gone, after, "{motion:?} from {before:?}");
    }
}

#[test]
fn what_is_selected_is_replaced_cut_and_deleted_as_one() {
    let changed = |before: &str, change: &dyn Fn(&mut Editor)| {
        let mut editor = at(before);
        let text = editor.text().to_owned();
        change(&mut editor);
        let after = marked(&editor);
        assert!(editor.undo(), "{before:?}");
        assert_eq!(editor.text(), text, "one step of undo from {before:?}");
        after
    };
    let typed = |editor: &mut Editor| editor.type_text("x");
    assert_eq!(changed("o^ne| two", &typed), "ox| two");
    assert_eq!(changed("o|ne^ two", &typed), "ox| two");
    let pasted = |editor: &mut Editor| editor.paste("1\r\n2");
    assert_eq!(changed("^one| two", &pasted), "1\n2| two");
    for motion in [Motion::Left, Motion::Right, Motion::LineEnd] {
        let deleted = |editor: &mut Editor| assert_eq!(editor.delete(motion), "ne");
        assert_eq!(changed("o^ne| two", &deleted), "o| two");
    }
    let cut = |editor: &mut Editor| assert_eq!(editor.cut().as_deref(), Some("ne"));
    assert_eq!(changed("o|ne^ two", &cut), "o| two");
    assert_eq!(at("one| two").cut(), None);
    let mut editor = at("on|e");
    editor.select_all();
    assert_eq!(editor.selected(), Some("one"));
}

#[test]
fn home_and_end_go_by_the_row_first_then_by_the_line() {
    let mut editor = Editor::new("one two three four\nfive");
    editor.fit(9, 9);
    assert_eq!(rows_of(&editor), ["one two ", "three ", "four", "five"]);
    editor.cursor = "one two thr".len();
    for (motion, after) in [
        (Motion::RowStart, "one two |three four\nfive"),
        (Motion::RowStart, "|one two three four\nfive"),
        (Motion::RowStart, "|one two three four\nfive"),
        (Motion::RowEnd, "one two| three four\nfive"),
        (Motion::RowEnd, "one two three four|\nfive"),
        (Motion::RowEnd, "one two three four|\nfive"),
    ] {
        editor.go(motion);
        assert_eq!(marked(&editor), after, "{motion:?}");
    }
}

#[test]
fn the_characters_at_the_cursor_are_swapped() {
    for (before, after) in [
        ("a|b", "ba|"),
        ("ab|", "ba|"),
        ("ab|c", "acb|"),
        ("e\u{301}|👍🏽", "👍🏽e\u{301}|"),
        ("a|", "a|"),
        ("|ab", "|ab"),
        ("a\n|b", "a\n|b"),
        ("ab|\nc", "ba|\nc"),
    ] {
        let swapped = after_it(before, Editor::swap_characters);
        assert_eq!(swapped, after, "from {before:?}");
    }
}
