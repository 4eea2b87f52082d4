//! What a person is told of the configuration, in one piece.

use super::{tests::Scene, *};
use crate::failure::{list, table};

/// Without the directory of the scene, which has another name every time.
fn told(scene: &Scene, failure: &Failure) -> Failure {
    let directory = scene.directory.path().display().to_string();
    let plain = |text: &str| {
        text.replace(&directory, "/home/nora")
            .replace("nora\\", "nora/")
    };
    Failure {
        what: plain(&failure.what),
        cure: failure.cure.as_deref().map(plain),
        ..failure.clone()
    }
}

fn unread(scene: &Scene) -> Failure {
    told(scene, &scene.load().expect_err("refused"))
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line_and_a_cure() {
    let texts = [
        "isuer = \"x\"",
        "\n\nclient-id = \"x\"",
        "clientid = \"x\"",
        "Database_URL = \"x\"",
        "DATABASE_URL = \"x\"",
        "AUTH_OKTA_SECRET = \"x\"",
        "colour = \"x\"",
        "a1 = \"x\"",
        "[okta]\nissuer = \"x\"",
        "issuer = \"a\"\nclient_id = 12",
        "issuer = true",
        "issuer = [\"a\"]",
        "issuer = https://example.okta.com",
        "issuer \"x\"",
        "issuer = \"a\"\nissuer = \"b\"",
        "store = \"disk\"",
        "frames = \"none\"",
    ];
    let cases = texts.map(|text| (text.replace('\n', "⏎"), unread(&Scene::new(text))));
    insta::assert_snapshot!(table(cases));
}

#[test]
fn every_reason_why_a_file_is_no_configuration() {
    let itself = Scene::new("").env_file("DATABASE_URL=$DATABASE_URL\n");
    let mut failures = vec![unread(&itself)];
    let mut scene = Scene::new("");
    scene.file = Some(scene.directory.path().join("other.toml"));
    failures.push(unread(&scene));
    scene.file = Some(scene.directory.path().to_path_buf());
    failures.push(unread(&scene));
    let path = Path::new("/home/nora/config.toml");
    let denied = std::io::ErrorKind::PermissionDenied.into();
    let io = std::io::Error::other("input/output error");
    for unreadable in [
        file::Unreadable::Io(denied),
        file::Unreadable::Io(io),
        file::Unreadable::TooLong,
        file::Unreadable::NotUtf8(7),
    ] {
        failures.push(unreadable.failure(path, "unused"));
    }
    scene = Scene::new("");
    scene.env_file = Some(scene.directory.path().join(".env"));
    failures.push(unread(&scene));
    insta::assert_snapshot!(list(failures));
}

#[cfg(unix)]
#[test]
fn every_warning_about_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new("client_secret = \"x\"");
    let path = scene.directory.path().join("config.toml");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&path, open).expect("a mode");
    let config = scene.load().expect("read");
    let without_modes = file::exposed(&path, false);
    let warnings = config.warnings.iter().chain([&without_modes]);
    let warnings = warnings.map(|warning| told(&scene, &Failure::new(Kind::Config, warning)));
    insta::assert_snapshot!(list(warnings));
}

#[test]
fn every_reason_why_a_setting_is_none() {
    let issuers = [
        "dev-1.okta.com",
        "http://dev-1.okta.com",
        "ftp://dev-1.okta.com",
        "postgresql://joe:secret@host/db",
        "http://joe:secret@host",
        "AUTH_OKTA_CODE=secret",
        "https://dev-1.okta.com/",
        "https://dev-1.okta.com/oauth2/default/",
        "https://dev-1.okta.com/oauth2",
        "https://dev-1-admin.okta.com",
        "https://dev-1-admin.okta.com/",
        "https://dev-1.okta.com/.well-known/openid-configuration",
        "https://dev-1.okta.com/oauth2/default/.well-known/openid-configuration",
        "https://dev-1.okta.com/oauth2/default/v1/authorize",
        "https://dev-1.okta.com/oauth2/v1/device/authorize",
        "https://dev-1.okta.com/app/UserHome",
        "https://dev-1.okta.com?x=1",
        "https://joe:secret@dev-1.okta.com",
        "https://dev 1.okta.com",
        "https://",
        "org",
        "http://joe@dev-1.okta.com",
        "https://joe@dev-1.okta.com",
    ];
    let no_okta = |scene: &Scene| {
        let config = scene.load().expect("read");
        told(scene, &config.okta().expect_err("refused"))
    };
    let refused = |text: &str, issuer| no_okta(&Scene::new(text).with("AUTH_OKTA_ISSUER", issuer));
    let issuers = issuers.map(|issuer| (issuer, refused("client_id = \"0oa\"", issuer)));
    let client_ids = ["https://x", "0oa 1", "0oa\\u001b[31m"];
    let client_ids = client_ids.map(|client_id| {
        let text = format!("client_id = \"{client_id}\"");
        (client_id, refused(&text, "https://example.okta.com"))
    });
    let no_client_id = ("no client id", refused("", "https://example.okta.com"));
    let nothing = ("nothing", refused("", ""));
    let fresh = Scene::new("");
    std::fs::remove_file(fresh.directory.path().join("config.toml")).expect("removed");
    let not_set_up = ("no file", no_okta(&fresh));
    let example = Scene::new(include_str!("../../config.example.toml"));
    let example = ("the example", no_okta(&example));
    let one = Scene::new("issuer = \"https://example.okta.com\"\nclient_id = \"0oa\"");
    let config = one.load().expect("read");
    let no_url = told(&one, &config.database_url().expect_err("none"));
    let nowhere = Config::load(&Sources {
        file: None,
        env_file: None,
        store: None,
        given: &[],
        variable: &|_| None,
        places: None,
    });
    let others = [
        no_client_id,
        nothing,
        not_set_up,
        example,
        ("no connection string", no_url),
        ("no home", nowhere.expect_err("refused")),
    ];
    let settings = issuers.into_iter().chain(client_ids);
    insta::assert_snapshot!(table(settings.chain(others)));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt;

    let scene = Scene::new("").with("DATABASE_URL", OsString::from_vec(vec![0xff]));
    insta::assert_snapshot!(list([unread(&scene)]));
}
