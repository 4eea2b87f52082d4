//! A file of variables, read as `@next/env` reads it (dotenv 16 and dotenv-expand 10): the web app's own `.env.local` gives the
//! same values here. What is no variable is passed over, and no command is run. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// A variable: its name, then a value in quotes, which may have line breaks, or up to a `#` or the end of the line.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = ['\'', '"', '`']
        .map(|quote| format!(r"[\s\u{{feff}}]*{quote}(?:\\{quote}|[^{quote}])*{quote}"));
    let pattern = format!(
        r"(?m)^[\s\u{{feff}}]*(?:export[\s\u{{feff}}]+)?([A-Za-z0-9_.-]+)(?:[\s\u{{feff}}]*=[\s\u{{feff}}]*?|:[\s\u{{feff}}]+?)({}|[^#\r\n]+)?[\s\u{{feff}}]*(?:#.*)?$",
        quoted.join("|")
    );
    Regex::new(&pattern).expect("it is a pattern")
});

/// A reference to another variable, at the start of the text: `$NAME`, `${NAME}` or `${NAME:-value}`.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\$\{?([A-Za-z0-9_]+)(?::-([^}\\]*))?\}?").expect("it is a pattern")
});

/// What a name stands for in the environment, and in the file.
type Found = (Option<String>, Option<String>);

/// The most references that are followed within one value: one that leads to itself has no end.
const MOST_REFERENCES: usize = 100;

/// The longest value in bytes, for the same reason: a reference can double what stands before it.
const LONGEST: usize = 64 * 1024;

/// Returns the variables in the order of their names' first lines; one that refers to itself has no value. `environment` is what
/// a reference finds before the file.
pub(super) fn parse(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<(String, Option<String>)> {
    let text = crate::text::line_ends(text);
    let mut variables: Vec<(String, String)> = Vec::new();
    for found in VARIABLE.captures_iter(&text) {
        let value = found.get(2).map_or("", |value| value.as_str());
        let value = unquoted(value.trim_matches(is_blank));
        match variables.iter_mut().find(|(name, _)| *name == found[1]) {
            Some((_, earlier)) => *earlier = value,
            None => variables.push((found[1].to_owned(), value)),
        }
    }
    let mut read = Vec::with_capacity(variables.len());
    for at in 0..variables.len() {
        let look_up = |name: &str| {
            let in_file = || Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
            environment(name).map_or_else(|| (None, in_file()), |value| (Some(value), None))
        };
        let (name, value) = variables[at].clone();
        let value = expanded(environment(&name).unwrap_or(value), &look_up);
        let value = value.map(|value| value.replace(r"\$", "$"));
        // Those behind it refer to what became of it.
        if let Some(value) = &value {
            variables[at].1.clone_from(value);
        }
        read.push((name, value));
    }
    read
}

/// What `trim` of JavaScript takes away.
fn is_blank(char: char) -> bool {
    char.is_whitespace() || char == '\u{feff}'
}

/// Takes the quotes off what stands between them from the start of a line to the end of one, and reads `\n` and `\r` where the
/// value began with a double one.
fn unquoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    let mut at_line_start = true;
    while let Some(first) = rest.chars().next() {
        let closing = (at_line_start && matches!(first, '\'' | '"' | '`'))
            .then(|| last_closing(rest, first))
            .flatten();
        if let Some(end) = closing {
            text.push_str(&rest[1..end]);
            rest = &rest[end + 1..];
            at_line_start = false;
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
            at_line_start = first == '\n';
        }
    }
    if value.starts_with('"') {
        return text.replace(r"\n", "\n").replace(r"\r", "\r");
    }
    text
}

/// Returns where the last such quote stands that ends a line.
fn last_closing(text: &str, quote: char) -> Option<usize> {
    let ends_line = |(at, _): &(usize, &str)| {
        let behind = &text[at + 1..];
        *at > 0 && (behind.is_empty() || behind.starts_with('\n'))
    };
    let found = text.rmatch_indices(quote).find(ends_line);
    found.map(|(at, _)| at)
}

/// Replaces references from the last one on. What the environment has comes before a default, and that before the file. `None`
/// where there is no end.
fn expanded(mut value: String, look_up: &dyn Fn(&str) -> Found) -> Option<String> {
    for _ in 0..MOST_REFERENCES {
        if value.len() > LONGEST {
            return None;
        }
        let is_escaped = |at: usize| value[..at].ends_with('\\');
        let mut dollars = value.rmatch_indices('$');
        let Some((at, _)) = dollars.find(|(at, _)| !is_escaped(*at)) else {
            return Some(value);
        };
        let Some(found) = REFERENCE.captures(&value[at..]) else {
            return Some(value);
        };
        let (in_environment, in_file) = look_up(&found[1]);
        let default = found.get(2).map(|default| default.as_str().to_owned());
        let put = in_environment
            .or(default.filter(|default| !default.is_empty()))
            .or(in_file)
            .unwrap_or_default();
        value = replaced(&value, &found[0], &put);
    }
    None
}

/// Replaces the first place where a text stands, as JavaScript does it: `$$`, `$&`, `` $` `` and `$'` mean something there.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let Some((before, behind)) = text.split_once(old) else {
        return text.to_owned();
    };
    let mut put = String::new();
    let mut rest = new;
    while let Some((plain, special)) = rest.split_once('$') {
        put.push_str(plain);
        let meaning = match special.chars().next() {
            Some('$') => Some("$"),
            Some('&') => Some(old),
            Some('`') => Some(before),
            Some('\'') => Some(behind),
            _ => None,
        };
        put.push_str(meaning.unwrap_or("$"));
        rest = &special[usize::from(meaning.is_some())..];
    }
    [before, &put, rest, behind].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        file: String,
        values: BTreeMap<String, String>,
    }

    #[test]
    fn a_value_that_doubles_without_end_is_none() {
        let read = parse("DATABASE_URL=$X\nX=$`a$X\n", &|_| None);
        assert_eq!(read[0], ("DATABASE_URL".into(), None));
    }

    /// What `@next/env` itself made of each; a test of the whole suite sees to it that it still does.
    #[test]
    fn the_four_values_are_those_of_the_web_app() {
        let cases = include_str!("../../tests/support/next_env/values.json");
        let cases: Vec<Case> = serde_json::from_str(cases).expect("cases");
        assert!(cases.len() >= 60);
        let environment = |name: &str| (name == "HOME").then(|| "/home/nora".to_owned());
        for case in cases {
            let ours = [
                "AUTH_OKTA_ISSUER",
                "AUTH_OKTA_ID",
                "AUTH_OKTA_SECRET",
                "DATABASE_URL",
            ];
            let values = parse(&case.file, &environment).into_iter();
            let values = values.filter(|(name, _)| ours.contains(&name.as_str()));
            // Where a value has no end, the web app leaves the whole file out.
            let values: Option<BTreeMap<_, _>> =
                values.map(|(name, value)| Some((name, value?))).collect();
            assert_eq!(values.unwrap_or_default(), case.values, "{:?}", case.file);
        }
    }
}
