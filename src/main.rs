//! The exit code, nothing else.

fn main() {
    // Not by returning: a thread that a hung keyring holds must not keep the process.
    std::process::exit(epigraph::cli::run(std::env::args_os()).into());
}
