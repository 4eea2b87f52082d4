//! The tests that need real parts, one file per subject; `support` starts the parts.

mod openid_provider;
mod postgres;
mod stand_in;
mod support;
mod support_itself;
