//! The command line, and the headless commands.
