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

    pub(super) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
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
    let okta = borrowed.okta().expect("set");
    assert_eq!(okta.client_id, "0oaGuide");
    assert_eq!(okta.issuer, "https://example.okta.com");
    assert!(okta.client_secret.is_some());
    assert_eq!(url(&borrowed), "postgresql://u:from-guide@h/d?a=1#b");

    let environment = Scene::new(WHOLE)
        .env_file(guide)
        .with("AUTH_OKTA_ID", " 0oaEnv ")
        .with("DATABASE_URL", "")
        .config();
    assert_eq!(environment.okta().expect("set").client_id, "0oaEnv");
    // An empty variable counts as not set.
    assert_eq!(url(&environment), "postgresql://u:from-guide@h/d?a=1#b");
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
}

#[test]
fn a_store_chosen_on_the_screens_yields_to_a_setting() {
    for (setting, chosen, store) in [
        ("", "file", Store::File),
        ("", "file\n", Store::File),
        ("", "keyring", Store::Keyring),
        ("", "anything", Store::Keyring),
        ("store = \"keyring\"", "file", Store::Keyring),
        ("store = \"file\"", "keyring", Store::File),
    ] {
        let scene = Scene::new(setting);
        let state = scene.directory.path().join("state");
        private_file::write(&state.join(CHOSEN_STORE), chosen.as_bytes()).expect("written");
        assert_eq!(scene.config().store, store, "{setting} {chosen}");
        assert!(!scene.config().store_for_now);
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
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let config = Scene::new(WHOLE)
        .with("AUTH_OKTA_SECRET", "hunter2")
        .config();
    let debug = format!("{config:?}");
    assert!(debug.contains("0oaFile"));
    for secret in ["hunter2", "from-file"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[test]
fn a_file_that_is_not_there_is_no_error_unless_it_was_named() {
    let scene = Scene::new("");
    fs::remove_file(scene.directory.path().join("config.toml")).expect("removed");
    assert_eq!(scene.config().file, None);
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
    // A byte order mark is no error.
    assert_eq!(scene.config().store, Store::File);
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
        let expected = if warned { 2 } else { 0 };
        assert_eq!(warnings.len(), expected, "{mode:o}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("chmod 600")));
    }
    let harmless = Scene::new("issuer = \"https://example.okta.com\"\n");
    set_mode(&harmless.directory.path().join("config.toml"), 0o644);
    assert_eq!(harmless.config().warnings, Vec::<String>::new());
}

#[test]
fn an_issuer_of_okta_or_of_a_domain_of_ones_own_is_taken() {
    for issuer in [
        "https://dev-1.okta.com",
        "https://dev-1.okta.com/oauth2/default",
        "https://dev-1.oktapreview.com/oauth2/aus1",
        "https://login.example.com",
        "https://login.example.com/",
        "https://localhost:8443/oauth2/default",
    ] {
        let scene = Scene::new("").with("AUTH_OKTA_ISSUER", issuer);
        let config = scene.with("AUTH_OKTA_ID", "0oa").config();
        assert_eq!(config.okta().expect(issuer).issuer, issuer);
    }
}

#[test]
fn the_example_is_a_good_configuration_and_shows_every_key() {
    let example = include_str!("../../config.example.toml");
    let scene = Scene::new(example);
    assert!(scene.config().database_url().is_ok());
    let failure = scene.config().okta().expect_err("no one's app").clone();
    let says = "still the one of the example";
    assert!(failure.what.contains(says), "{failure}");
    let filled = Scene::new(&example.replace(CLIENT_ID.example, "0oa1"));
    assert!(filled.config().okta().is_ok());
    for setting in SETTINGS {
        let key = setting.key;
        assert!(example.contains(&format!("{key} = ")), "{key}");
        if let Some(variable) = setting.variable {
            assert!(example.contains(variable), "{variable}");
        }
    }
}

#[test]
fn the_state_has_a_directory_of_its_own_on_every_system() {
    let [one, other] = ["/home/nora/one", "/home/nora/other"].map(Path::new);
    assert_eq!(apart(one, other), one);
    assert_eq!(apart(one, one), one.join("state"));
}
