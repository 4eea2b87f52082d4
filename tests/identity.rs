//! The database checks who is asking: what it refuses, why, and that nothing gets around it.

mod asking;
mod forgery;
mod keys;
mod protection;
mod refusals;
mod session;
mod vectors;
