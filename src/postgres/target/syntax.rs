//! The ways to write a connection string, `postgresql://…`, `host=… dbname=…` and .NET's `Host=…;Database=…`, made into one list of
//! settings.
//!
//! Whatever goes wrong here, no part of the string that may hold the password is repeated.

use super::{is_known, malformed};
use crate::failure::Failure;

/// Settings as libpq names them, in the order in which they were written: a later one counts.
pub(super) type Settings = Vec<(String, String)>;

const WHERE: &str =
    "Copy the whole string from Neon's console: Connect, with \"Show password\" on.";

/// Takes a connection string out of what people paste around it, and reads it.
pub(super) fn settings(pasted: &str) -> Result<Settings, Failure> {
    let text = unwrap(pasted);
    if text.is_empty() {
        return Err(malformed("The connection string is empty.").cure(WHERE));
    }
    // PostgreSQL's protocol ends every setting with it.
    if text.contains('\0') {
        return Err(malformed("The connection string holds the character U+0000.").cure(WHERE));
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.:".contains(c))
    {
        // Java writes `jdbc:` before it, Python's libraries `+psycopg` behind.
        let scheme = scheme.to_ascii_lowercase();
        let scheme = scheme.strip_prefix("jdbc:").unwrap_or(&scheme);
        return match scheme.split('+').next().unwrap_or_default() {
            "postgresql" | "postgres" => url(&unescaped(rest)),
            "http" | "https" => Err(malformed(
                "The connection string is a web address and not a database's.",
            )
            .cure("It starts with postgresql://; Neon's console shows it under Connect.")),
            // Not repeated: it may be what slipped in before the string, a password for one.
            _ => Err(
                malformed("The connection string does not begin with postgresql://.")
                    .cure("Write postgresql:// in its place."),
            ),
        };
    }
    if text.starts_with('-') {
        return Err(
            malformed("This is a command line of psql and not a connection string.")
                .cure("Give the string that starts with postgresql://."),
        );
    }
    if let Some(settings) = of_dotnet(text) {
        return Ok(settings);
    }
    if text
        .split_once('=')
        .is_some_and(|(key, _)| is_key(key.trim()))
    {
        return pairs(text);
    }
    Err(malformed("The connection string does not start with postgresql://.").cure(WHERE))
}

/// Removes what surrounds a string in a shell history, a `.env` file or a web page.
fn unwrap(pasted: &str) -> &str {
    // With what a word processor makes of quotes.
    let is_blank = |c: char| c.is_whitespace() || "\u{feff}\u{200b}“”„‘’«»".contains(c);
    let mut text = pasted.trim_matches(is_blank);
    loop {
        let before = text;
        for prefix in ["export ", "psql ", "-d ", "--dbname=", "--dbname "] {
            text = text
                .strip_prefix(prefix)
                .unwrap_or(text)
                .trim_matches(is_blank);
        }
        // Names of variables are in capitals, names of settings are not.
        if let Some((name, value)) = text.split_once('=')
            && !name.trim().is_empty()
            && name
                .trim()
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            text = value.trim_matches(is_blank);
        }
        for quote in ['\'', '"', '`'] {
            if let Some(rest) = text.strip_prefix(quote) {
                text = rest.trim_end_matches(';').trim_matches(is_blank);
                text = text
                    .strip_suffix(quote)
                    .unwrap_or(text)
                    .trim_matches(is_blank);
            }
        }
        if text == before {
            return text;
        }
    }
}

/// Puts right what HTML and JSON make of a URL, and leaves out what stood behind it in a file.
fn unescaped(rest: &str) -> String {
    let rest = rest.trim_end_matches(|c: char| ";,\"'`“”‘’»".contains(c));
    let Some((before, query)) = rest.split_once('?') else {
        return rest.to_owned();
    };
    let query = query.replace("&amp;", "&").replace(r"\u0026", "&");
    format!("{before}?{}", query.replace(r"\u003d", "="))
}

/// Returns how libpq calls a setting of .NET's.
fn in_libpq(key: &str) -> Option<&'static str> {
    Some(match key.trim().to_ascii_lowercase().as_str() {
        "host" | "server" | "data source" => "host",
        "port" => "port",
        "database" | "db" | "initial catalog" => "dbname",
        "username" | "user name" | "user id" | "userid" | "uid" | "user" => "user",
        "password" | "pwd" => "password",
        "ssl mode" | "sslmode" => "sslmode",
        "channel binding" => "channel_binding",
        _ => return None,
    })
}

/// `Key=value;` as .NET writes it. What has no meaning here is left out; `None` where it is nothing of the kind.
fn of_dotnet(text: &str) -> Option<Settings> {
    let mut settings = Settings::new();
    // libpq has blanks between the pairs.
    let (first, _) = text.split_once(';')?;
    if first
        .split_once('=')?
        .1
        .trim()
        .contains(char::is_whitespace)
    {
        return None;
    }
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches(['\'', '"']);
        match in_libpq(key) {
            // `VerifyFull` is `verify-full`.
            Some(key @ ("sslmode" | "channel_binding")) => {
                let value = value.to_ascii_lowercase().replace("verify", "verify-");
                settings.push((key.to_owned(), value.replace("--", "-")));
            }
            Some(key) => settings.push((key.to_owned(), value.to_owned())),
            None => {}
        }
    }
    let is_whole = settings.iter().any(|(key, _)| key == "host");
    is_whole.then_some(settings)
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
    match place(after, false) {
        Some(place) => Ok((person, place)),
        None => Err(
            malformed("The connection string is not of the form postgresql://USER:PASSWORD@HOST/DATABASE.").cure(
                "If the password holds @, /, :, # or ?, write them as %40, %2F, %3A, %23 and %3F. In Neon's console the string can be copied as a whole.",
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
        && port.chars().all(|c| c.is_ascii_alphanumeric() || c == ',')
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
