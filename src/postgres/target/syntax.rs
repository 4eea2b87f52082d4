//! The ways to write a connection string, `postgresql://…`, `host=… dbname=…` and `Host=…;Database=…`, made into one list of settings.
//!
//! Whatever goes wrong here, no part of the string that may hold the password is repeated.

use std::ops::Range;

use secrecy::zeroize::Zeroizing;

use super::{is_known, malformed};
use crate::failure::Failure;

/// Settings as libpq names them, in the order in which they were written: a later one counts.
pub(super) type Settings = Vec<(String, String)>;

const WHERE: &str =
    "Copy the whole string from Neon's console: Connect, with \"Show password\" on.";

/// What stands around a string in a shell history, a `.env` file, a program or a letter.
const MARKS: [(char, char); 8] = [
    ('\'', '\''),
    ('"', '"'),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('«', '»'),
    ('<', '>'),
];

/// What editors and letters make of quotation marks and hyphens.
const TYPOGRAPHIC: &str = "“”„‘’«»…–—";

/// What HTML and JSON make of characters.
const ESCAPED: [(&str, &str); 5] = [
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&amp;", "&"),
    (r"\u0026", "&"),
    (r"\/", "/"),
];

/// What JDBC, `SQLAlchemy`, Django, Ecto and PHP call PostgreSQL in a URL.
const SCHEMES: [&str; 5] = ["postgres", "postgresql", "postgis", "pgsql", "ecto"];

/// Takes a connection string out of what people paste around it, and reads it.
pub(super) fn settings(pasted: &str) -> Result<Settings, Failure> {
    let mut text = Zeroizing::new(pasted.to_owned());
    for (escaped, meant) in ESCAPED {
        text = Zeroizing::new(text.replace(escaped, meant));
    }
    let plain = unwrap(&text);
    if plain.is_empty() {
        return Err(malformed("The connection string is empty.").cure(WHERE));
    }
    // PostgreSQL's protocol ends every setting with it.
    if plain.contains('\0') {
        return Err(malformed("The connection string contains the character U+0000.").cure(WHERE));
    }
    if let Some(settings) = semicolons(plain) {
        return Ok(settings);
    }
    let key = plain.split_once('=').map(|(key, _)| key.trim());
    if key.is_some_and(is_known) {
        return pairs(without_tail(plain, ";,"));
    }
    if let Some((scheme, rest)) = address(&text) {
        let mut settings = url(rest)?;
        if scheme.starts_with(['j', 'J']) {
            settings = settings.into_iter().filter_map(in_our_words).collect();
        }
        return Ok(settings);
    }
    if plain.starts_with('-') || plain.contains("psql ") {
        return Err(
            malformed("This is a command line of psql and not a connection string.")
                .cure("Give the string that starts with postgresql://."),
        );
    }
    if plain.starts_with("http://") || plain.starts_with("https://") {
        return Err(
            malformed("The connection string is a web address and not a database's.")
                .cure("It starts with postgresql://; Neon's console shows it under Connect."),
        );
    }
    if key.is_some_and(is_key) {
        return pairs(plain);
    }
    Err(malformed("The connection string does not start with postgresql://.").cure(WHERE))
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}

/// Removes what surrounds a string in a shell history, a `.env` file or a web page.
fn unwrap(pasted: &str) -> &str {
    let of_a_variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut text = trim(pasted);
    loop {
        let before = text;
        for prefix in ["export ", "psql ", "-d ", "--dbname=", "--dbname "] {
            text = trim(text.strip_prefix(prefix).unwrap_or(text));
        }
        // Names of variables are in capitals, names of settings are not.
        if let Some((name, value)) = text.split_once('=')
            && !name.trim().is_empty()
            && name.trim().chars().all(of_a_variable)
        {
            text = trim(value);
        }
        for (open, close) in MARKS {
            if let Some(rest) = text.strip_prefix(open) {
                text = trim(rest.trim_end_matches([';', ',']));
                text = trim(text.strip_suffix(close).unwrap_or(text));
            }
        }
        if text == before {
            return text;
        }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Finds a URL in what was pasted with it: a variable's name, a command, a line of a program. Returns its scheme, and the rest.
fn address(text: &str) -> Option<(&str, &str)> {
    let scheme = scheme(text)?;
    let rest = &text[scheme.end..];
    let before = text[..scheme.start].chars().next_back();
    let mark = MARKS.iter().find(|(open, _)| Some(*open) == before);
    let ends = |at: usize| {
        let behind = rest[at..].trim_start_matches(|c| mark.is_some_and(|(_, close)| c == *close));
        behind.is_empty() || behind.starts_with(|c: char| c.is_whitespace() || ",;)".contains(c))
    };
    let quoted = mark.and_then(|(_, close)| rest.match_indices(*close).find(|(at, _)| ends(*at)));
    // Behind a string without quotation marks: options, a comment, another command.
    let next = |(at, _): &(usize, char)| {
        rest[*at..]
            .trim_start()
            .starts_with(['-', '#', '|', '&', '\\'])
    };
    let mut spaces = rest.char_indices().filter(|(_, c)| matches!(c, ' ' | '\t'));
    let end = match quoted {
        Some((at, _)) => at,
        None => spaces.find(next).map_or(rest.len(), |(at, _)| at),
    };
    Some((
        &text[scheme],
        without_tail(rest[..end].trim_matches(is_blank), ";,\"'`”“’»>)\\#"),
    ))
}

/// Finds the first scheme of a URL, such as `jdbc:postgresql://` or `postgresql+asyncpg://`. Without a pattern: one that is
/// compiled at each start costs more than all the rest of it.
fn scheme(text: &str) -> Option<Range<usize>> {
    let is_before = |start: usize| {
        let before = text[..start].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    };
    text.match_indices("://").find_map(|(colon, separator)| {
        let driver =
            text[..colon].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let whole = match driver.strip_suffix('+') {
            Some(whole) if driver.len() < colon => whole,
            _ => &text[..colon],
        };
        let start = whole
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric())
            .len();
        let is_known = SCHEMES
            .iter()
            .any(|name| whole[start..].eq_ignore_ascii_case(name));
        let jdbc = start.checked_sub("jdbc:".len()).filter(|jdbc| {
            let prefix = whole.get(*jdbc..start);
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("jdbc:")) && is_before(*jdbc)
        });
        let start = jdbc.unwrap_or(start);
        (is_known && is_before(start)).then(|| start..colon + separator.len())
    })
}

/// Takes away what ends a string in a program or a letter, and no name of a database or value. A password keeps it.
fn without_tail<'a>(text: &'a str, marks: &str) -> &'a str {
    let last = text.rsplit(['&', '?', ' ']).next().unwrap_or_default();
    if last.starts_with("password") {
        return text;
    }
    text.trim_end_matches(|c| marks.contains(c))
}

/// Reads what .NET and PHP write: `Host=…;Database=…`, a value between quotation marks where it has a semicolon. `None` where
/// it is not that.
fn semicolons(text: &str) -> Option<Settings> {
    let mut settings = Settings::new();
    let mut rest = text.strip_prefix("pgsql:").unwrap_or(text);
    let mut separators = 0;
    while !rest.trim().is_empty() {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, behind) = match quote.and_then(|quote| Some((quote, after[1..].find(quote)?))) {
            Some((_, end)) => (&after[1..=end], after[end + 2..].split_once(';')),
            None => match after.split_once(';') {
                Some((value, behind)) => (value, Some(("", behind))),
                None => (after, None),
            },
        };
        separators += usize::from(behind.is_some());
        rest = behind.map_or("", |(_, behind)| behind);
        let setting = (key.trim().to_owned(), value.trim().to_owned());
        settings.extend(in_our_words(setting).filter(|(_, value)| !value.is_empty()));
    }
    (separators > 0 && settings.len() > 1).then_some(settings)
}

/// Gives a setting of JDBC, .NET or PHP the name that libpq has for it. One without such a name means nothing here.
fn in_our_words((key, value): (String, String)) -> Option<(String, String)> {
    let key = key.to_ascii_lowercase().replace(' ', "");
    let key = match key.as_str() {
        "server" | "datasource" => "host",
        "database" | "db" | "initialcatalog" => "dbname",
        "username" | "userid" | "uid" => "user",
        "pwd" => "password",
        "channelbinding" => "channel_binding",
        "applicationname" => "application_name",
        known if is_known(known) => known,
        _ => return None,
    };
    Some((key.to_owned(), value))
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

/// What follows the person in a URL.
struct Place<'a> {
    host: &'a str,
    port: &'a str,
    database: &'a str,
    query: &'a str,
}

fn url(rest: &str) -> Result<Settings, Failure> {
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            malformed("The connection string has a space or a line break in it.")
                .cure("Write it in one piece; write a space that belongs to it as %20."),
        );
    }
    let (person, place) = divide(rest)?;
    let (user, password) = match person.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (person, None),
    };
    let mut settings = Settings::new();
    let mut set = |key: &str, value: &str| -> Result<(), Failure> {
        let odd = value.chars().find(|c| TYPOGRAPHIC.contains(*c));
        if let Some(odd) = odd.filter(|_| key != "password") {
            return Err(does_not_belong(odd));
        }
        if !value.is_empty() {
            settings.push((key.into(), decode(key, value)?));
        }
        Ok(())
    };
    set("user", user)?;
    set("password", password.unwrap_or_default())?;
    set("host", place.host.trim_matches(['[', ']']))?;
    set("port", place.port)?;
    set("dbname", place.database)?;
    for pair in place.query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| is_key(key)) else {
            return Err(malformed(
                "A parameter after the ? of the connection string is not of the form name=value.",
            )
            .cure(WHERE));
        };
        set(key, value)?;
    }
    Ok(settings)
}

/// One that is meant is written with %.
fn does_not_belong(odd: char) -> Failure {
    let what = format!(
        "The connection string has the character {odd} (U+{:04X}) in it, which does not belong there.",
        u32::from(odd)
    );
    malformed(what).cure(WHERE)
}

/// Finds the `@` that ends the password: the first one that is followed by a well-formed host, port and database.
/// So a password with characters that should have been percent-encoded is still read as it was meant.
fn divide(rest: &str) -> Result<(&str, Place<'_>), Failure> {
    let mut last = None;
    for (at, _) in rest.match_indices('@') {
        if let Some(place) = place(&rest[at + 1..], true) {
            return Ok((&rest[..at], place));
        }
        last = Some(at);
    }
    let (person, after) = match last {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => ("", rest),
    };
    // Without a person, what stands behind a colon may be a password.
    let is_port = |place: &Place| {
        last.is_some() || place.port.chars().all(|c| c.is_ascii_digit() || c == ',')
    };
    match place(after, false).filter(is_port) {
        Some(place) => Ok((person, place)),
        None => Err(
            malformed("The connection string is not of the form postgresql://USER:PASSWORD@HOST/DATABASE.").cure(
                "If the password contains @, /, :, # or ?, write them as %40, %2F, %3A, %23 and %3F. In Neon's console the string can be copied as a whole.",
            ),
        ),
    }
}

fn place(text: &str, complete: bool) -> Option<Place<'_>> {
    let (before, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, database) = before.split_once('/').unwrap_or((before, ""));
    let (host, port) = match authority.strip_prefix('[') {
        Some(_) => {
            let end = authority.find(']')? + 1;
            (&authority[..end], authority[end..].strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.unwrap_or_default();
    let sound = host
        .chars()
        .all(|c| c.is_alphanumeric() || "-._,[]:%".contains(c))
        && port
            .chars()
            .all(|c| c.is_ascii_digit() || c == ',' || !complete && c.is_ascii_lowercase())
        && !database.contains(['@', '/', '#', ':']);
    // A known parameter is the sign that what was taken for the end of the password is it.
    let query_is_known = query
        .split('&')
        .all(|pair| pair.is_empty() || pair.split_once('=').is_some_and(|(key, _)| is_known(key)));
    let complete = !complete
        || query_is_known
            && (!host.is_empty() || query.contains("host="))
            && (!database.is_empty() || query.contains("dbname="));
    (sound && complete).then_some(Place {
        host,
        port,
        database,
        query,
    })
}

fn decode(key: &str, value: &str) -> Result<String, Failure> {
    let what = match key {
        "user" => "user name".into(),
        "dbname" => "database name".into(),
        "host" | "port" | "password" => key.into(),
        _ => format!("value of {key}"),
    };
    let broken = || {
        malformed(format!(
            "The {what} in the connection string has a % that is not followed by two hexadecimal digits."
        ))
        .cure("Write a % that belongs to it as %25.")
    };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or_else(broken)?;
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| {
            malformed(format!(
                "The {what} in the connection string is not UTF-8 text."
            ))
            .cure(WHERE)
        })
}

/// `key = value` with blanks between the pairs; a value may be quoted, and a backslash takes the next character as it is.
fn pairs(text: &str) -> Result<Settings, Failure> {
    let broken = || {
        malformed("The connection string is not of the form host=… dbname=… user=… password=….")
            .cure("Put a value with spaces between single quotes, and write ' as \\' in it.")
    };
    let mut settings = Settings::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(broken)?;
        let key = key.trim();
        if !is_key(key) {
            return Err(broken());
        }
        let mut characters = after.trim_start().chars();
        let quoted = characters.as_str().starts_with('\'');
        if quoted {
            characters.next();
        }
        let mut value = String::new();
        loop {
            match characters.next() {
                Some('\'') if quoted => break,
                None if quoted => return Err(broken()),
                None => break,
                Some(c) if c.is_whitespace() && !quoted => break,
                Some('\\') => value.extend(characters.next()),
                Some(c) => value.push(c),
            }
        }
        if !value.is_empty() {
            settings.push((key.into(), value));
        }
        rest = characters.as_str().trim_start();
    }
    Ok(settings)
}
