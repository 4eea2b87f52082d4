//! The terminal: taken over on enter, given back however the program ends.
