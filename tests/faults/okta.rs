//! What fails at Okta, and on the way to it.
