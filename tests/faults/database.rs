//! What fails at the database, and on the way to it.
