//! Any draft file, any entry of the vault.

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{draft, entry::Entry};
use crate::{account::KeptDraft, failure::Kind, fuzz};

const SECRET: &str = "zQ7x-k9X2w-J4v8T1y6";

const WORDS: &str = r#"
{ } [ ] : , " \ \u0000 \ud800 null 1 2 1e999 -0 true version text based_on sub name refresh_token id_token exp
"#;

fn words() -> Vec<&'static str> {
    let more = ["\n"];
    WORDS.split_whitespace().chain(more).collect()
}

#[test]
fn whatever_is_kept_is_read_as_it_was_written_or_not_at_all() {
    let draft = json!({"version": 1, "text": "Mistakes\nare é", "based_on": null});
    let entry = json!({"version": 1, "sub": "00u1", "name": "James", "refresh_token": SECRET, "id_token": SECRET, "exp": 5});
    let text = (
        fuzz::garbled_json(vec![draft.clone(), entry.clone()], &words()),
        fuzz::garbled(vec![draft.to_string(), entry.to_string()], &words()),
        any::<bool>(),
    )
        .prop_map(|(json, text, is_json)| if is_json { json.to_string() } else { text });
    let inputs = (text, fuzz::odd_text(), prop::option::of(fuzz::odd_text()));
    fuzz::run("draft and vault", &inputs, |(kept, text, based_on)| {
        if let Some(read) = draft::parse(kept.as_bytes()) {
            prop_assert_eq!(
                draft::parse(&draft::encode(read.clone()).expect("JSON")),
                Some(read)
            );
        }
        let written = KeptDraft { text, based_on };
        let bytes = draft::encode(written.clone()).expect("JSON");
        prop_assert_eq!(draft::parse(&bytes), Some(written));

        match Entry::decode(&SecretString::from(kept)) {
            Ok(entry) => {
                prop_assert!(!entry.user.id.is_empty());
                let tokens = format!("{:?} {:?}", entry.refresh_token, entry.id_token);
                fuzz::hides(&tokens, SECRET)?;
                let again = Entry::decode(&entry.encode(None))
                    .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
                prop_assert_eq!(&again.user, &entry.user);
                prop_assert!(again.same_refresh_token(entry.refresh_token.as_ref()));
                let parts = |entry: &Entry| {
                    entry
                        .id_token
                        .as_ref()
                        .map(|(token, at)| (token.expose_secret().to_owned(), *at))
                };
                prop_assert_eq!(parts(&again), parts(&entry));
            }
            Err(failure) => {
                prop_assert_eq!(failure.kind, Kind::Vault);
                prop_assert!(failure.cure.is_some());
                fuzz::hides(&failure.to_string(), SECRET)?;
            }
        }
        Ok(())
    });
}
