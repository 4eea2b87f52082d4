//! Any configuration file, any file of variables.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::fuzz;

/// None of its parts could be one of a host or a key.
const SECRET: &str = "zQ7x#k9X2w#J4v8T#y6";

const WORDS: &str = r#"
= " ' """ ''' [ ] [[ { } , # \ \u0000 \n \" issuer client_id client_secret database_url store Store isuer "file"
"keyring" true 1979-05-27 0x1F inf 1_000 . AUTH_OKTA_ISSUER AUTH_OKTA_ID= AUTH_OKTA_SECRET DATABASE_URL $HOME
${DATABASE_URL} https:// http:// /oauth2/default -admin .okta.com /v1/ /.well-known/ @ ? ://
"#;

fn words() -> Vec<&'static str> {
    let more = ["\n", "export "];
    WORDS.split_whitespace().chain(more).collect()
}

fn files() -> impl Strategy<Value = String> {
    let database = format!("postgresql://alex:{SECRET}@ep-x.neon.tech/neondb?sslmode=require");
    let samples = vec![
        format!(
            "# mine\nissuer = \"https://example.okta.com/oauth2/default\"\nclient_id = \"0oa1b2c3d4E5F6g7H8i9\"\ndatabase_url = \"{database}\"\nstore = \"file\"\n"
        ),
        format!(
            "\u{feff}issuer = 'https://example.okta.com'\r\nclient_id = '0oa1'\r\nclient_secret = '''{SECRET}'''\r\ndatabase_url = \"\"\"{database}\"\"\"\r\n"
        ),
    ];
    fuzz::garbled(samples, &words())
}

fn env_files() -> impl Strategy<Value = String> {
    let database = format!("postgresql://alex:{SECRET}@ep-x.neon.tech/neondb?sslmode=require");
    let samples = vec![format!(
        "AUTH_SECRET=\"{SECRET}\"\nAUTH_OKTA_ISSUER=https://example.okta.com\nexport AUTH_OKTA_ID='0oa1'\nAUTH_OKTA_SECRET='{SECRET}'\n\n# the database\nDATABASE_URL=\"{database}\"\nNEXT_PUBLIC_X=$HOME\n"
    )];
    fuzz::garbled(samples, &words())
}

fn is_sound(config: &Config) -> Result<(), TestCaseError> {
    for warning in &config.warnings {
        fuzz::hides(warning, SECRET)?;
    }
    match config.okta() {
        Ok(okta) => {
            let blank = |c: char| c.is_whitespace() || c.is_control();
            prop_assert!(okta.issuer.starts_with("https://") && !okta.issuer.contains(blank));
            prop_assert!(!okta.client_id.is_empty() && !okta.client_id.contains(blank));
            fuzz::hides(&format!("{:?}", okta.client_secret), SECRET)?;
        }
        Err(failure) => is_told(&failure)?,
    }
    match config.database_url() {
        Ok(url) => {
            prop_assert!(!url.expose_secret().is_empty());
            fuzz::hides(&format!("{url:?}"), SECRET)?;
        }
        Err(failure) => is_told(&failure)?,
    }
    Ok(())
}

fn is_told(failure: &Failure) -> Result<(), TestCaseError> {
    prop_assert_eq!(failure.kind, Kind::Config);
    prop_assert!(failure.cure.is_some(), "{}", failure);
    let words = failure.to_string();
    fuzz::is_harmless(&words)?;
    fuzz::hides(&words, SECRET)
}

#[test]
fn no_configuration_file_panics_or_has_its_secrets_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    let paths = [
        directory.path().join("config.toml"),
        directory.path().join(".env.local"),
    ];
    let both = (
        files(),
        prop::option::of(env_files()),
        prop::option::of((any::<prop::sample::Index>(), 128_u8..)),
    );
    fuzz::run("configuration", &both, |(file, env_file, not_utf8)| {
        let mut file = file.into_bytes();
        if let Some((at, byte)) = not_utf8
            && !file.is_empty()
        {
            let at = at.index(file.len());
            file[at] = byte;
        }
        fs::write(&paths[0], file).expect("a file");
        if let Some(env_file) = &env_file {
            fs::write(&paths[1], env_file).expect("a file");
        }
        let loaded = Config::load(&Sources {
            file: None,
            env_file: env_file.is_some().then_some(&paths[1]),
            store: None,
            given: &[],
            variable: &|_| None,
            places: Some(Places {
                config_file: paths[0].clone(),
                state_dir: directory.path().join("state"),
            }),
        });
        match loaded {
            Ok(config) => is_sound(&config),
            Err(failure) => is_told(&failure),
        }
    });
}
