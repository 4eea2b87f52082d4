//! What fails at the terminal.
