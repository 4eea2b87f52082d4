//! The screen as a function of the model. Nothing here decides anything.
