//! What fails at the keyring.
