//! The database, against a real PostgreSQL.

use crate::support::postgres::{Database, shared};

#[test]
fn the_cluster_is_as_neon_has_it() {
    let database = Database::new();
    assert_eq!(database.query("show ssl"), "on");
    assert_eq!(
        database.query("select left(rolpassword, 13) from pg_authid where rolname = current_user"),
        "SCRAM-SHA-256"
    );
    assert_eq!(
        shared().query(
            database.name(),
            &format!(
                "select rolsuper or rolbypassrls or rolcreaterole or has_schema_privilege(rolname, 'public', 'create')
                 from pg_roles where rolname = '{}'",
                database.user_name()
            )
        ),
        "f"
    );
}
