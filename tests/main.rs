//! The tests that need real parts, one file per subject; `support` starts the parts.

// Servers, terminals and signals of Unix. Elsewhere the library has its own tests.
#![cfg(unix)]

mod admin;
mod clipboard;
mod command_line;
mod config;
mod demo;
mod farewell;
mod faults;
mod headless;
mod identity;
mod isolation;
mod kept;
mod log;
mod migrations;
mod openid_provider;
mod outages;
mod pictures;
mod pooler;
mod postgres;
mod project;
mod protect;
mod proxy;
mod questions;
mod renewal;
mod round_trips;
mod row_security;
mod screens;
#[cfg(target_os = "linux")]
mod secret_service;
mod sign_in;
mod stand_in;
mod standby;
mod status;
mod support;
mod support_itself;
mod trust;
