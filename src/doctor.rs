//! Checks every part and says what to do.
