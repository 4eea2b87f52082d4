//! A quote as a reader sees it: its author apart, its marks once. What is stored, copied and printed stays as it was typed. Pure.

use crate::text;

/// A quote, divided for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Typeset<'a> {
    /// What was said, without marks around the whole.
    pub(crate) words: &'a str,
    /// Who said it.
    pub(crate) author: Option<&'a str>,
}

/// Marks that people put around a quote.
const MARKS: &[(&str, &str)] = &[
    ("\"", "\""),
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("”", "”"),
    ("«", "»"),
    ("»", "«"),
    ("「", "」"),
    ("『", "』"),
];

/// What stands before an author.
const DASHES: &[&str] = &["-", "–", "—", "―"];

/// The widest that an author gets, in cells; what is wider is likely to be a part of the text.
const WIDEST_AUTHOR: usize = 40;

/// The most words of an author.
const MOST_WORDS: usize = 6;

/// Words within a name that are written small.
const PARTICLES: &[&str] = &[
    "&", "al", "and", "bin", "d'", "da", "das", "de", "del", "della", "den", "der", "des", "di",
    "do", "dos", "du", "e", "et", "ibn", "la", "las", "le", "les", "los", "of", "ter", "the",
    "und", "van", "von", "y", "zu", "и",
];

/// Divides a text for reading. In doubt it stays as it was typed.
pub(crate) fn typeset(text: &str) -> Typeset<'_> {
    let text = text.trim_end();
    let (words, author) = match on_its_own_line(text).or_else(|| behind_a_dash(text)) {
        Some((words, author)) => (words, Some(author)),
        None => (text, None),
    };
    Typeset {
        words: without_marks(words).unwrap_or(words),
        author,
    }
}

/// An author in a last line that starts with a dash. Lines that start in the same way before it are a list, or a dialogue.
fn on_its_own_line(text: &str) -> Option<(&str, &str)> {
    let (before, last) = text.rsplit_once('\n')?;
    let last = last.trim();
    let mut dashes = DASHES.iter().chain(&["~"]);
    let (dash, name) = dashes.find_map(|dash| Some((*dash, last.strip_prefix(dash)?)))?;
    // An em dash is often written without a blank.
    let has_blank = name.starts_with(char::is_whitespace) || matches!(dash, "—" | "―");
    let is_one_of_many = before
        .lines()
        .any(|line| line.trim_start().starts_with(dash));
    let name = name.trim();
    (has_blank && !is_one_of_many && is_author(name, before)).then_some((before.trim_end(), name))
}

/// An author in the last line, behind its last dash or bar.
fn behind_a_dash(text: &str) -> Option<(&str, &str)> {
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    let found = DASHES.iter().chain(&["|"]).filter_map(|dash| {
        let at = text[line..].rfind(&format!(" {dash} "))?;
        Some((line + at, dash.len() + 2))
    });
    let (at, length) = found.max()?;
    let (before, author) = (&text[..at], text[at + length..].trim());
    is_author(author, before).then_some((before.trim_end(), author))
}

/// Says whether this is a name, and something stands before it.
fn is_author(name: &str, before: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return false;
    };
    let begins = |word: &str| {
        word.trim_start_matches(['(', '"', '“'])
            .starts_with(|c: char| c.is_alphabetic() && !c.is_lowercase())
    };
    let is_abbreviation = last.ends_with('.') && last.chars().count() <= 4 && begins(last);
    let ends_sentence =
        name.ends_with(['.', '!', '?', ';', ':', ',', '…', '。', '！', '？']) && !is_abbreviation;
    let fits = |word: &&str| {
        let small = word.trim_end_matches(',').to_lowercase();
        begins(word)
            || PARTICLES.contains(&small.as_str())
            || word.starts_with(|c: char| c.is_ascii_digit() || c == '(')
            || word.starts_with("d'")
            || word.starts_with("al-")
    };
    !before.trim().is_empty()
        && words.len() <= MOST_WORDS
        && text::width(name) <= WIDEST_AUTHOR
        && begins(first)
        && words.iter().all(fits)
        && !ends_sentence
}

/// What stands between the marks around a whole text.
fn without_marks(text: &str) -> Option<&str> {
    let text = text.trim();
    MARKS.iter().find_map(|(open, close)| {
        let within = text.strip_prefix(open)?.strip_suffix(close)?;
        let is_whole = !within.contains(open) && !within.contains(close);
        let within = within.trim();
        (is_whole && !within.is_empty()).then_some(within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real quotes as people type them, what is read, and who is named.
#[rustfmt::skip] // a table is read by its columns
        const QUOTES: &[(&str, &str, Option<&str>)] = &[
        ("Mistakes are the portals of discovery - James Joyce", "Mistakes are the portals of discovery", Some("James Joyce")),
        ("\"Be yourself; everyone else is already taken.\" — Oscar Wilde", "Be yourself; everyone else is already taken.", Some("Oscar Wilde")),
        ("“The only way to have a friend is to be one.”\n— Ralph Waldo Emerson", "The only way to have a friend is to be one.", Some("Ralph Waldo Emerson")),
        ("April is the cruellest month\n- T. S. Eliot", "April is the cruellest month", Some("T. S. Eliot")),
        ("I have a dream. – Martin Luther King, Jr.", "I have a dream.", Some("Martin Luther King, Jr.")),
        ("So it goes. | Kurt Vonnegut", "So it goes.", Some("Kurt Vonnegut")),
        ("Two roads diverged in a wood, and I—\nI took the one less traveled by\n~ Robert Frost", "Two roads diverged in a wood, and I—\nI took the one less traveled by", Some("Robert Frost")),
        ("„Es irrt der Mensch, solang er strebt.“ — Goethe", "Es irrt der Mensch, solang er strebt.", Some("Goethe")),
        ("»Rose, oh reiner Widerspruch«\n– Rainer Maria Rilke", "Rose, oh reiner Widerspruch", Some("Rainer Maria Rilke")),
        ("Man sieht nur mit dem Herzen gut. - Antoine de Saint-Exupéry", "Man sieht nur mit dem Herzen gut.", Some("Antoine de Saint-Exupéry")),
        ("« Je pense, donc je suis. » — René Descartes", "Je pense, donc je suis.", Some("René Descartes")),
        ("L'enfer, c'est les autres.\n— Jean-Paul Sartre", "L'enfer, c'est les autres.", Some("Jean-Paul Sartre")),
        ("En un lugar de la Mancha, de cuyo nombre no quiero acordarme\n— Miguel de Cervantes", "En un lugar de la Mancha, de cuyo nombre no quiero acordarme", Some("Miguel de Cervantes")),
        ("Tudo vale a pena se a alma não é pequena. — Fernando Pessoa", "Tudo vale a pena se a alma não é pequena.", Some("Fernando Pessoa")),
        ("Nel mezzo del cammin di nostra vita\nmi ritrovai per una selva oscura\n— Dante Alighieri", "Nel mezzo del cammin di nostra vita\nmi ritrovai per una selva oscura", Some("Dante Alighieri")),
        ("«Все счастливые семьи похожи друг на друга» — Лев Толстой", "Все счастливые семьи похожи друг на друга", Some("Лев Толстой")),
        ("Рукописи не горят.\n— Михаил Булгаков", "Рукописи не горят.", Some("Михаил Булгаков")),
        ("「吾輩は猫である。名前はまだ無い。」\n― 夏目漱石", "吾輩は猫である。名前はまだ無い。", Some("夏目漱石")),
        ("学而时习之，不亦说乎？ — 孔子", "学而时习之，不亦说乎？", Some("孔子")),
        ("الكتب هي النوافذ — نجيب محفوظ", "الكتب هي النوافذ", Some("نجيب محفوظ")),
        ("Γνῶθι σεαυτόν — Σωκράτης", "Γνῶθι σεαυτόν", Some("Σωκράτης")),
        ("Ceci n'est pas une pipe—René Magritte", "Ceci n'est pas une pipe—René Magritte", None),
        ("Yes I said yes I will Yes.", "Yes I said yes I will Yes.", None),
        ("\"Yes,\" he said, \"I will.\"", "\"Yes,\" he said, \"I will.\"", None),
        ("I came - I saw - I conquered", "I came - I saw - I conquered", None),
        ("To be, or not to be - that is the question", "To be, or not to be - that is the question", None),
        ("- What is it?\n- Nothing.", "- What is it?\n- Nothing.", None),
        ("- Milk\n- Eggs", "- Milk\n- Eggs", None),
        ("Milk\n- Eggs", "Milk", Some("Eggs")),
        ("- Oscar Wilde", "- Oscar Wilde", None),
        ("Well-known, half-done, e-mail", "Well-known, half-done, e-mail", None),
        ("The sum is 40 - 2", "The sum is 40 - 2", None),
        ("It was the best of times - It was the worst of times, it was everything", "It was the best of times - It was the worst of times, it was everything", None),
        ("Stay hungry.\nStay foolish.\n\n—Steve Jobs", "Stay hungry.\nStay foolish.", Some("Steve Jobs")),
        ("One must imagine Sisyphus happy. — Albert Camus, 1942", "One must imagine Sisyphus happy.", Some("Albert Camus, 1942")),
        ("Forty-two. — D. Adams", "Forty-two.", Some("D. Adams")),
        ("\"\"", "\"\"", None),
    ];

    #[test]
    fn a_quote_is_set_as_a_quote_and_in_doubt_as_it_was_typed() {
        for (typed, read, author) in QUOTES {
            let set = typeset(typed);
            assert_eq!((set.words, set.author), (*read, *author), "{typed:?}");
        }
    }

    #[test]
    fn nothing_of_a_quote_is_lost() {
        for (typed, ..) in QUOTES {
            let set = typeset(typed);
            let letters = |text: &str| {
                text.chars()
                    .filter(|c| c.is_alphanumeric())
                    .collect::<String>()
            };
            let read = format!("{}{}", set.words, set.author.unwrap_or_default());
            assert_eq!(letters(&read), letters(typed));
        }
    }
}
