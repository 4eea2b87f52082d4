//! What the environment says about the characters of the terminal.

use crate::failure::{Failure, Kind};

/// Returns what is wrong, where the locale names a character set that is not UTF-8. No locale says nothing.
pub(crate) fn not_utf8(variable: impl Fn(&str) -> Option<String>) -> Option<Failure> {
    let (name, locale) = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))?;
    let (_, charset) = locale.split_once('.')?;
    let charset = charset.split('@').next()?.replace('-', "");
    if charset.eq_ignore_ascii_case("utf8") {
        return None;
    }
    let what = format!("The locale is not UTF-8 ({name}={locale}), so characters may be garbled.");
    Some(
        Failure::new(Kind::Config, what)
            .cure("Set your terminal and LANG to UTF-8, for example: LANG=C.UTF-8"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_named_where_it_is_not_utf8() {
        for (variables, told) in [
            (&[][..], None),
            (&[("LANG", "de_DE.UTF-8")], None),
            (&[("LANG", "C.utf8")], None),
            (&[("LANG", "C")], None),
            (
                &[("LANG", "de_DE.ISO-8859-1")],
                Some("LANG=de_DE.ISO-8859-1"),
            ),
            (
                &[("LANG", "C.UTF-8"), ("LC_ALL", "ru_RU.KOI8-R")],
                Some("LC_ALL=ru_RU.KOI8-R"),
            ),
            (
                &[("LC_ALL", ""), ("LC_CTYPE", "de_DE.ISO-8859-15@euro")],
                Some("LC_CTYPE="),
            ),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let failure = not_utf8(variable).map(|failure| failure.to_string());
            assert_eq!(failure.is_some(), told.is_some(), "{variables:?}");
            assert!(
                failure
                    .unwrap_or_default()
                    .contains(told.unwrap_or_default())
            );
        }
    }
}
