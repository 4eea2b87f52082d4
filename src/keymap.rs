//! The one table of keys: dispatch, hint line, help and documentation come from it.
