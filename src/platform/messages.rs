//! The words that depend on the operating system.

use super::*;

#[test]
fn each_system_is_spoken_of_in_its_own_words() {
    let words = Platform::ALL.map(|on| {
        format!(
            "{on:?}\n{}",
            [
                on.keyring(),
                on.end_of_input(),
                on.needs_home(),
                on.allow_reading(),
                on.convert(),
                on.name_editor(),
                on.tls_settings(),
            ]
            .join("\n")
        )
    });
    insta::assert_snapshot!(words.join("\n\n"));
}
