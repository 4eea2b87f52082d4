use std::{collections::BTreeMap, ffi::OsString, fs};

use super::*;

const WHOLE: &str = "issuer = \"https://example.okta.com\"\nclient_id = \"0oaFile\"\ndatabase_url = \"postgresql://u:from-file@h/d\"\n";

/// A directory with what a test wants to be there.
pub(super) struct Scene {
    pub(super) directory: tempfile::TempDir,
    variables: BTreeMap<&'static str, OsString>,
    pub(super) file: Option<PathBuf>,
    pub(super) env_file: Option<PathBuf>,
    store: Option<Store>,
}

impl Scene {
    pub(super) fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("config.toml"), config).expect("a file");
        private(&directory.path().join("config.toml"));
        Self {
            directory,
            variables: BTreeMap::new(),
            file: None,
            env_file: None,
            store: None,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    pub(super) fn env_file(mut self, text: &str) -> Self {
        let path = self.directory.path().join(".env.local");
        fs::write(&path, text).expect("a file");
        private(&path);
        self.env_file = Some(path);
        self
    }

    pub(super) fn load(&self) -> Result<Config, Failure> {
        Config::load(&Sources {
            file: self.file.as_deref(),
            env_file: self.env_file.as_deref(),
            store: self.store,
            given: &[],
            variable: &|name| self.variables.get(name).cloned(),
            places: Some(Places {
                config_file: self.directory.path().join("config.toml"),
                state_dir: self.directory.path().join("state"),
            }),
        })
    }

    fn config(&self) -> Config {
        self.load().expect("a good configuration")
    }

    fn refusal(&self) -> Failure {
        let failure = self.load().expect_err("a refusal");
        assert_eq!(failure.kind, Kind::Config);
        failure
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn private(path: &Path) {
    #[cfg(unix)]
    set_mode(path, 0o600);
    #[cfg(not(unix))]
    let _ = path;
}

fn url(config: &Config) -> String {
    let url = config.database_url().expect("a connection string");
    url.expose_secret().to_owned()
}

#[test]
fn the_environment_wins_over_env_file_over_configuration() {
    let file = Scene::new(WHOLE).config();
    assert_eq!(file.okta().expect("set").client_id, "0oaFile");
    assert_eq!(url(&file), "postgresql://u:from-file@h/d");
    assert_eq!(file.store, Store::Keyring);

    let guide = "AUTH_SECRET=x\nAUTH_OKTA_ID='0oaGuide'\nDATABASE_URL=\"postgresql://u:from-guide@h/d?a=1#b\"\nexport AUTH_OKTA_SECRET=s3\n";
    let borrowed = Scene::new(WHOLE).env_file(guide).config();
    assert_eq!(borrowed.okta().expect("set").client_id, "0oaGuide");
    assert_eq!(
        borrowed.okta().expect("set").issuer,
        "https://example.okta.com"
    );
    assert!(borrowed.okta().expect("set").client_secret.is_some());
    assert_eq!(url(&borrowed), "postgresql://u:from-guide@h/d?a=1#b");

    let environment = Scene::new(WHOLE)
        .env_file(guide)
        .with("AUTH_OKTA_ID", " 0oaEnv ")
        .with("DATABASE_URL", "")
        .config();
    assert_eq!(environment.okta().expect("set").client_id, "0oaEnv");
    assert_eq!(
        url(&environment),
        "postgresql://u:from-guide@h/d?a=1#b",
        "an empty variable counts as not set"
    );
}

#[test]
fn a_file_of_variables_is_never_picked_up_unasked() {
    let mut scene =
        Scene::new("").env_file("AUTH_OKTA_ISSUER=https://evil.okta.com\nAUTH_OKTA_ID=x\n");
    assert!(scene.config().okta().is_ok());
    scene.env_file = None;
    assert!(scene.config().okta().is_err());
}

#[test]
fn the_store_is_the_keyring_unless_chosen() {
    let mut scene = Scene::new("store = \"file\"\n");
    assert_eq!(scene.config().store, Store::File);
    scene.store = Some(Store::File);
    assert!(!scene.config().store_for_now);
    scene.store = Some(Store::Keyring);
    assert_eq!(scene.config().store, Store::Keyring);
    assert!(scene.config().store_for_now);
    let failure = Scene::new("store = \"disk\"\n").refusal();
    assert!(
        failure.what.contains("neither \"keyring\" nor \"file\""),
        "{failure}"
    );
}

#[test]
fn missing_settings_are_named_together_with_their_variables() {
    let scene = Scene::new("");
    let failure = scene.config().okta().expect_err("nothing is set").clone();
    for part in [
        "`issuer`, `client_id` and `database_url`",
        "issuer = \"https://example.okta.com\"",
        "AUTH_OKTA_ISSUER, AUTH_OKTA_ID, DATABASE_URL",
        "--env-file .env.local",
        &scene
            .directory
            .path()
            .join("config.toml")
            .display()
            .to_string(),
    ] {
        assert!(
            failure.to_string().contains(part),
            "{part} is not in {failure}"
        );
    }
    let only_database = Scene::new("")
        .with("AUTH_OKTA_ISSUER", "https://example.okta.com")
        .with("AUTH_OKTA_ID", "0oa")
        .config();
    assert!(only_database.okta().is_ok());
    let failure = only_database.database_url().expect_err("not set").clone();
    assert_eq!(failure.what, "The setting `database_url` is missing.");
    assert_eq!(failure.kind, Kind::Config);
}

#[test]
fn a_file_that_is_not_there_is_an_error_only_if_it_was_named() {
    let mut scene = Scene::new("");
    fs::remove_file(scene.directory.path().join("config.toml")).expect("removed");
    assert_eq!(scene.config().file, None);
    scene.file = Some(scene.directory.path().join("other.toml"));
    assert!(scene.refusal().what.ends_with("other.toml does not exist."));
    scene.file = Some(scene.directory.path().to_path_buf());
    assert!(
        scene
            .refusal()
            .what
            .ends_with("is a directory, not a file.")
    );
    scene.file = None;
    scene.env_file = Some(scene.directory.path().join("nothing"));
    assert!(scene.refusal().what.ends_with("nothing does not exist."));
}

#[test]
fn an_account_without_a_home_is_told_so() {
    let failure = Config::load(&Sources {
        file: None,
        env_file: None,
        store: None,
        given: &[],
        variable: &|_| None,
        places: None,
    })
    .expect_err("no place");
    assert!(failure.to_string().contains("HOME"), "{failure}");
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line_and_a_cure() {
    for (text, what, cure) in [
        (
            "isuer = \"x\"",
            "line 1: the key `isuer` is unknown",
            "Did you mean `issuer`?",
        ),
        (
            "\n\nclient-id = \"x\"",
            "line 3: the key `client-id`",
            "`client_id`",
        ),
        ("clientid = \"x\"", "`clientid`", "`client_id`"),
        ("Database_URL = \"x\"", "`Database_URL`", "`database_url`"),
        ("DATABASE_URL = \"x\"", "`DATABASE_URL`", "`database_url`"),
        (
            "AUTH_OKTA_SECRET = \"x\"",
            "`AUTH_OKTA_SECRET`",
            "`client_secret`",
        ),
        (
            "colour = \"x\"",
            "`colour`",
            "issuer, client_id, client_secret, database_url, store",
        ),
        (
            "[okta]\nissuer = \"x\"",
            "line 1: the key `okta`",
            "without [brackets]",
        ),
        (
            "issuer = \"a\"\nclient_id = 12",
            "line 2: `client_id` is an integer, not a text",
            "with the quotes",
        ),
        (
            "issuer = true",
            "is a boolean, not a text",
            "with the quotes",
        ),
        (
            "issuer = [\"a\"]",
            "is an array, not a text",
            "with the quotes",
        ),
        (
            "issuer = https://example.okta.com",
            "line 1, column 10",
            "double quotes",
        ),
        ("issuer \"x\"", "line 1, column 8", "double quotes"),
        (
            "issuer = \"a\"\nissuer = \"b\"",
            "line 2, column 1: duplicate key",
            "double quotes",
        ),
    ] {
        let failure = Scene::new(text).refusal();
        assert!(failure.what.contains(what), "{text:?} gave {failure}");
        let told = failure.cure.unwrap_or_default();
        assert!(told.contains(cure), "{text:?} gave the cure {told}");
    }
}

#[test]
fn a_broken_line_shows_nothing_of_the_secret_in_it() {
    for text in [
        "database_url = \"postgresql://u:hunter2@h/d\n",
        "database_url = postgresql://u:hunter2@h/d\n",
        "client_secret = \"hunter2\\q\"\n",
        "client_secret = 'hunter2' hunter2\n",
        "database_url = \"a\"\ndatabase_url = \"hunter2\"\n",
        "client_secret = hunter2",
        "client_secret = [\"hunter2\"]",
        "store = \"hunter2\"",
        "client_id = \"https://hunter2\"\nissuer = \"https://x.okta.com\"",
        "hunter2-was-pasted-here-database_url = \"a\"",
        "\"postgresql://u:hunter2@h/d\" = \"a\"",
    ] {
        let scene = Scene::new(text);
        let told = match scene.load() {
            Err(failure) => format!("{failure} {failure:?}"),
            Ok(config) => format!("{config:?}"),
        };
        assert!(!told.contains("hunter2"), "{text:?} gave {told}");
    }
    let failure = Scene::new("")
        .env_file("A=b\n\nDATABASE_URL=\"postgresql://u:hunter2@h/d\n")
        .refusal();
    assert!(!failure.to_string().contains("hunter2"), "{failure}");
    assert!(failure.what.contains(", line 3: "), "{failure}");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let config = Scene::new(WHOLE)
        .with("AUTH_OKTA_SECRET", "hunter2")
        .config();
    let debug = format!("{config:?}");
    assert!(debug.contains("0oaFile"));
    assert!(
        !debug.contains("hunter2") && !debug.contains("from-file"),
        "{debug}"
    );
}

#[test]
fn a_file_that_is_no_utf_8_or_no_configuration_is_refused() {
    let scene = Scene::new("");
    let path = scene.directory.path().join("config.toml");
    fs::write(&path, b"issuer = \"\xff\"").expect("written");
    assert!(scene.refusal().what.contains("not valid UTF-8 at byte 10"));
    fs::write(&path, vec![b'#'; 2 * 1024 * 1024]).expect("written");
    assert!(scene.refusal().what.contains("longer than 1024 KiB"));
    fs::write(&path, "\u{feff}store = \"file\"\r\n").expect("written");
    assert_eq!(
        scene.config().store,
        Store::File,
        "a byte order mark is no error"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let mut scene = Scene::new("");
    scene
        .variables
        .insert("DATABASE_URL", OsString::from_vec(vec![0xff]));
    assert_eq!(
        scene.refusal().what,
        "The variable DATABASE_URL is not valid UTF-8."
    );
}

#[cfg(unix)]
#[test]
fn a_password_that_others_may_read_gets_a_warning() {
    for (mode, warned) in [
        (0o600, false),
        (0o644, true),
        (0o640, true),
        (0o604, true),
        (0o400, false),
    ] {
        let scene = Scene::new(WHOLE).env_file("DATABASE_URL=postgresql://u:p@h/d\n");
        set_mode(&scene.directory.path().join("config.toml"), mode);
        set_mode(&scene.directory.path().join(".env.local"), mode);
        let warnings = scene.config().warnings;
        assert_eq!(
            warnings.len(),
            if warned { 2 } else { 0 },
            "{mode:o}: {warnings:?}"
        );
        assert!(warnings.iter().all(|warning| warning.contains("chmod 600")));
    }
    let harmless = Scene::new("issuer = \"https://example.okta.com\"\n");
    set_mode(&harmless.directory.path().join("config.toml"), 0o644);
    assert_eq!(harmless.config().warnings, Vec::<String>::new());
}

#[test]
fn issuers_are_checked_as_far_as_it_goes_without_asking() {
    for (issuer, says) in [
        ("https://dev-1.okta.com", None),
        ("https://dev-1.okta.com/oauth2/default", None),
        ("https://dev-1.oktapreview.com/oauth2/aus1", None),
        ("https://login.example.com", None),
        ("https://login.example.com/", None),
        ("https://localhost:8443/oauth2/default", None),
        ("dev-1.okta.com", Some("https://dev-1.okta.com")),
        ("http://dev-1.okta.com", Some("https://dev-1.okta.com")),
        ("ftp://dev-1.okta.com", Some("does not start with https://")),
        (
            "postgresql://joe:secret@host/db",
            Some("does not start with https://"),
        ),
        ("http://joe:secret@host", Some("https:// in its place")),
        (
            "AUTH_OKTA_CODE=secret",
            Some("does not start with https://"),
        ),
        (
            "https://dev-1.okta.com/",
            Some("Write https://dev-1.okta.com: "),
        ),
        (
            "https://dev-1.okta.com/oauth2/default/",
            Some("Write https://dev-1.okta.com/oauth2/default: "),
        ),
        (
            "https://dev-1.okta.com/oauth2",
            Some("/oauth2/default for a custom one"),
        ),
        (
            "https://dev-1-admin.okta.com",
            Some("Write https://dev-1.okta.com, without -admin"),
        ),
        ("https://dev-1-admin.okta.com/", Some("without -admin")),
        (
            "https://dev-1.okta.com/.well-known/openid-configuration",
            Some("https://dev-1.okta.com."),
        ),
        (
            "https://dev-1.okta.com/oauth2/default/.well-known/openid-configuration",
            Some("https://dev-1.okta.com/oauth2/default."),
        ),
        (
            "https://dev-1.okta.com/oauth2/default/v1/authorize",
            Some("https://dev-1.okta.com/oauth2/default."),
        ),
        (
            "https://dev-1.okta.com/oauth2/v1/device/authorize",
            Some("alone: https://dev-1.okta.com."),
        ),
        (
            "https://dev-1.okta.com/app/UserHome",
            Some("has a path that no Okta server has"),
        ),
        ("https://dev-1.okta.com?x=1", Some("has a ? or # in it")),
        (
            "https://joe:secret@dev-1.okta.com",
            Some("has a user name in it"),
        ),
        ("https://dev 1.okta.com", Some("has a space in it")),
        ("https://", Some("is not an address")),
    ] {
        let config = Scene::new("")
            .with("AUTH_OKTA_ISSUER", issuer)
            .with("AUTH_OKTA_ID", "0oa")
            .config();
        match (config.okta(), says) {
            (Ok(okta), None) => assert_eq!(okta.issuer, issuer),
            (Err(failure), Some(says)) => {
                assert_eq!(failure.kind, Kind::Config);
                let told = failure.to_string();
                assert!(told.contains(says), "{issuer} gave {told}");
                assert!(
                    told.contains("AUTH_OKTA_ISSUER") && !told.contains("secret"),
                    "{told}"
                );
            }
            (outcome, _) => panic!("{issuer} gave {outcome:?}"),
        }
    }
}

#[test]
fn an_address_is_no_client_id() {
    for client_id in ["https://x", "0oa 1", "0oa\\u001b[31m"] {
        let text = format!("issuer = \"https://example.okta.com\"\nclient_id = \"{client_id}\"");
        let failure = Scene::new(&text).config().okta().expect_err("none").clone();
        assert!(failure.what.contains("is not a client id"), "{failure}");
    }
}

#[test]
fn the_example_is_a_good_configuration_and_shows_every_key() {
    let example = include_str!("../../config.example.toml");
    let scene = Scene::new(example);
    assert!(scene.config().database_url().is_ok());
    let failure = scene.config().okta().expect_err("no one's app").clone();
    assert!(
        failure.what.contains("still the one of the example"),
        "{failure}"
    );
    let filled = Scene::new(&example.replace(CLIENT_ID.example, "0oa1"));
    assert!(filled.config().okta().is_ok());
    for setting in SETTINGS {
        assert!(
            example.contains(&format!("{} = ", setting.key)),
            "{}",
            setting.key
        );
        if let Some(variable) = setting.variable {
            assert!(example.contains(variable), "{variable}");
        }
    }
}
