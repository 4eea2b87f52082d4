//! The table of faults in docs/faults.md, line by line: the real program, and what fails around it.

mod database;
#[cfg(target_os = "linux")]
mod keyring;
mod machine;
mod okta;
mod terminal;

/// How often something random is tried: some rounds every day, all of them where `EPIGRAPH_TEST_ROUNDS=all` says so, as the
/// whole of `scripts/test` does.
fn rounds(every_day: u32, all: u32) -> u32 {
    match std::env::var("EPIGRAPH_TEST_ROUNDS").as_deref() {
        Ok("all") => all,
        _ => every_day,
    }
}
