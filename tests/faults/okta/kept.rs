//! What is kept of what Okta publishes, where it is of no use: the program asks, as if there were nothing.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    time::Duration,
};

use super::{an_hour_passes, forget_okta};
use crate::{
    faults::machine::{FULL, after, run},
    support::{
        okta::{Endpoint, Person},
        stage::Stage,
    },
};

/// Someone is signed in, whose refresh tokens work once.
async fn stage() -> Stage {
    let stage = Stage::signed_in().await;
    stage.okta.refresh_tokens_work_once();
    stage
}

/// Renews the session, and returns how often the discovery document was asked for.
fn renewed(stage: &Stage) -> usize {
    let before = stage.okta.count(Endpoint::Discovery);
    an_hour_passes(&stage.home);
    stage.run(&["show"]).fails(5, &["there is no quote"]);
    stage.okta.count(Endpoint::Discovery) - before
}

#[tokio::test]
async fn endpoints_that_have_moved_cost_no_session() {
    let stage = stage().await;
    assert_eq!(renewed(&stage), 0);
    stage.okta.configure(|settings| settings.endpoints = "v2");
    assert_eq!(renewed(&stage), 1);
    assert_eq!(renewed(&stage), 0);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    stage.okta.configure(|settings| settings.endpoints = "v3");
    let logout = stage.run(&["logout"]);
    assert_eq!(logout.stderr, "signed out\n");
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 0);
}

#[tokio::test]
async fn a_kept_file_that_is_no_use_is_written_anew() {
    let stage = stage().await;
    let path = stage.home.file_of("server-").expect("it is kept");
    let target = stage.home.write("target", b"precious");
    let damages: [&dyn Fn(&Path); 4] = [
        &|path| fs::write(path, "{\"version\":1,\"answ").expect("written"),
        &|path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("opened up"),
        // Only root can give a file away; whoever else runs this removes it.
        &|path| {
            if chown(path, Some(65534), None).is_err() {
                fs::remove_file(path).expect("removed");
            }
        },
        &|path| fs::remove_file(path).expect("removed"),
    ];
    for damage in damages {
        damage(&path);
        assert_eq!(renewed(&stage), 1);
        assert_eq!(renewed(&stage), 0);
    }
    fs::remove_file(&path).expect("removed");
    symlink(&target, &path).expect("linked");
    for _ in 0..2 {
        assert_eq!(renewed(&stage), 1);
    }
    assert_eq!(fs::read(&target).ok().as_deref(), Some(&b"precious"[..]));
}

#[tokio::test]
async fn a_disk_too_full_for_what_okta_publishes_is_no_error() {
    let stage = Stage::signed_in().await;
    // The rotated token cannot be kept either.
    let long = Duration::from_hours(1);
    stage.okta.configure(|settings| settings.grace = long);
    forget_okta(&stage.home);
    an_hour_passes(&stage.home);
    let shown = run(&mut after(FULL, &stage.home.command(&["show"])));
    // That the session could not be kept is said, and nothing else.
    assert_eq!(shown.code, Some(5), "{shown:?}");
    assert_eq!(shown.stderr.matches("disk is not full").count(), 1);
    assert_eq!(stage.home.file_of("server-"), None);
    assert_eq!(renewed(&stage), 1);
    assert_eq!(renewed(&stage), 0);
}
