//! What a person is told of the configuration, in one piece.

use super::{tests::Scene, *};
use crate::failure::list;

/// Without the directory of the scene, which has another name every time.
fn told(scene: &Scene, failure: &Failure) -> Failure {
    let directory = scene.directory.path().display().to_string();
    let plain = |text: &str| text.replace(&directory, "/home/nora");
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
fn every_reason_why_a_file_is_no_configuration() {
    let texts = [
        "isuer = \"x\"",
        "colour = \"x\"",
        "a1 = \"x\"",
        "[okta]\nissuer = \"x\"",
        "client_id = 12",
        "issuer = true",
        "issuer = https://example.okta.com",
        "store = \"disk\"",
    ];
    let mut failures: Vec<Failure> = texts.iter().map(|text| unread(&Scene::new(text))).collect();
    failures.push(unread(
        &Scene::new("").env_file("A=b\n\nDATABASE_URL=\"x\n"),
    ));
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
    let warnings = config.warnings.iter();
    let warnings = warnings.map(|warning| told(&scene, &Failure::new(Kind::Config, warning)));
    insta::assert_snapshot!(list(warnings));
}

#[test]
fn every_reason_why_a_setting_is_none() {
    let issuers = [
        "https://dev 1.okta.com",
        "dev-1.okta.com",
        "org",
        "http://dev-1.okta.com",
        "http://joe@dev-1.okta.com",
        "ftp://dev-1.okta.com",
        "https://",
        "https://joe@dev-1.okta.com",
        "https://dev-1.okta.com/.well-known/openid-configuration",
        "https://dev-1.okta.com/oauth2/v1/device/authorize",
        "https://dev-1.okta.com?x=1",
        "https://dev-1-admin.okta.com",
        "https://dev-1.okta.com/",
        "https://dev-1.okta.com/oauth2",
        "https://dev-1.okta.com/app/UserHome",
    ];
    let mut failures: Vec<Failure> = issuers
        .into_iter()
        .map(|issuer| {
            let scene = Scene::new("client_id = \"0oa\"").with("AUTH_OKTA_ISSUER", issuer);
            let config = scene.load().expect("read");
            told(&scene, &config.okta().expect_err("refused"))
        })
        .collect();
    for text in [
        "issuer = \"https://example.okta.com\"\nclient_id = \"https://x\"",
        "issuer = \"https://example.okta.com\"",
        "",
    ] {
        let scene = Scene::new(text);
        let config = scene.load().expect("read");
        failures.push(told(&scene, &config.okta().expect_err("refused")));
    }
    let nothing = Scene::new("");
    std::fs::remove_file(nothing.directory.path().join("config.toml")).expect("removed");
    let config = nothing.load().expect("read");
    failures.push(told(&nothing, &config.okta().expect_err("refused")));
    let example = Scene::new(include_str!("../../config.example.toml"));
    let config = example.load().expect("read");
    failures.push(told(&example, &config.okta().expect_err("refused")));
    let one = Scene::new("issuer = \"https://example.okta.com\"\nclient_id = \"0oa\"");
    let config = one.load().expect("read");
    failures.push(told(&one, &config.database_url().expect_err("none")));
    let nowhere = Config::load(&Sources {
        file: None,
        env_file: None,
        store: None,
        given: &[],
        variable: &|_| None,
        places: None,
    });
    failures.push(nowhere.expect_err("refused"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;

        let look_up = |_: &str| Some(OsString::from_vec(vec![0xff]));
        failures.push(environment::variable(ISSUER, &look_up).expect_err("refused"));
    }
    insta::assert_snapshot!(list(failures));
}
