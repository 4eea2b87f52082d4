//! The database checks who is asking: what it refuses, why, and that nothing gets around it.

pub(crate) mod asking;
mod forgery;
mod keys;
mod protection;
mod refusals;
mod session;
mod vectors;
