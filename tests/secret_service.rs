//! The keyring of a Linux desktop, in good and in bad health.

use std::process::Command;

use crate::support::secret_service::{Health, SecretService};

fn store(service: &SecretService, value: &str) -> bool {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "printf %s \"$0\" | timeout 2 secret-tool store --label=test service epigraph-itself",
        value,
    ]);
    service.offer(&mut command);
    command.status().expect("sh starts").success()
}

/// What the tests of the client rely on: otherwise they could pass for the wrong reason.
#[test]
fn the_keyring_is_as_ordered() {
    let open = SecretService::start(Health::Unlocked);
    assert!(store(&open, "first"));
    assert_eq!(open.secrets("service", "epigraph-itself"), ["first"]);
    assert!(open.secrets("service", "another").is_empty());
    assert!(open.files().join("login.keyring").exists());
    for health in [
        Health::Locked,
        Health::WaitingForPassword,
        Health::Absent,
        Health::Hung,
        Health::NeverStarts,
    ] {
        let service = SecretService::start(health);
        assert!(!store(&service, "second"), "{health:?}");
    }
}
