//! The tests that need real parts, one file per subject; `support` starts the parts.

mod postgres;
mod stand_in;
mod support;
mod support_itself;
