//! The entry point: keeps the memory private, runs the command line, and ends with its exit code.

fn main() {
    // It holds tokens and passwords: no crash writes them to a disk, and no other program of the same user reads them there.
    // A debugger that starts the program still follows it. Where the kernel refuses, all else is as it was.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};

        let mut limit = getrlimit(Resource::Core);
        limit.current = Some(0);
        let _ = setrlimit(Resource::Core, limit);
    }
    // Not by returning: a thread that a hung keyring holds must not keep the process.
    std::process::exit(epigraph::cli::run(std::env::args_os()).into());
}
