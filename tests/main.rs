//! The tests that need real parts, one file per subject; `support` starts the parts.

mod support;
mod support_itself;
