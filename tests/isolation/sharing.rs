//! What people with the same role name can do to each other, and people with one each cannot. Never reading is among it.

use super::scene::{SECRET, VICTIM};
use crate::support::{
    person::Person,
    postgres::{Cluster, each_server, literal},
};

each_server! {
    people_who_share_a_role_can_disturb_but_not_read,
    people_with_their_own_roles_cannot_disturb_each_other,
    people_of_another_database_cannot_log_in,
}

async fn people_who_share_a_role_can_disturb_but_not_read(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    database.query(&format!(
        "insert into public.user_messages (user_id, message) values ('{VICTIM}', {})",
        literal(SECRET)
    ));
    let (url, role) = (database.user(), database.user_name());
    let woolf = Person::new(VICTIM, &url.to_string());
    woolf.load().await;
    // End their sessions: the program connects again.
    let ended = database.psql(
        &url,
        "select 'ended', pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()",
    );
    assert!(ended.contains("ended|t"), "{ended}");
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
    // Settings for all who come after; the program says itself what its transactions need.
    let shown = database.psql(
        &url,
        "alter role current_user set default_transaction_read_only = on",
    );
    assert_eq!(shown, "");
    let shown = database.psql(&url, "show default_transaction_read_only");
    assert_eq!(shown, "on\n");
    let later = Person::new(VICTIM, &url.to_string());
    later.save(SECRET, Some(SECRET)).await;
    let shown = database.psql(
        &url,
        "begin read write; alter role current_user reset all; commit",
    );
    assert!(!shown.contains("ERROR"), "{shown}");
    // Another password: no one else gets in.
    let shown = database.psql(&url, "alter role current_user password 'mine alone'");
    assert_eq!(shown, "");
    let later = Person::new(VICTIM, &url.to_string());
    let failure = later
        .try_load()
        .await
        .expect_err("the password is another one");
    assert!(failure.what.contains("password"), "{failure}");
    // The owner gives it back, and all is there.
    database.query(&format!(
        "alter role {role} password {}",
        literal(database.user_password())
    ));
    let later = Person::new(VICTIM, &url.to_string());
    assert_eq!(later.load().await.as_deref(), Some(SECRET));
}

async fn people_with_their_own_roles_cannot_disturb_each_other(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let woolf = Person::new(VICTIM, &database.user_url());
    woolf.save(SECRET, None).await;
    let role = database.user_name();
    let (mine, group) = (format!("{role}_kafka"), database.group());
    database.query(&format!(
        "create role {mine} login password 'his own' in role {group}"
    ));
    let mut url = database.user();
    url.user = mine;
    url.password = "his own".into();
    let shown = database.psql(
        &url,
        &format!(
            "alter role {role} password 'no';\nalter role {role} set default_transaction_read_only = on;\n
             alter role {group} set default_transaction_read_only = on;\nset role {role};\n
             select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}';\n
             select 'seen', query from pg_stat_activity where usename = '{role}' and query ~ 'epigraph|commit';"
        ),
    );
    assert_eq!(shown.matches("ERROR").count(), 5, "{shown}");
    assert!(!shown.contains("seen|"), "{shown}");
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
}

async fn people_of_another_database_cannot_log_in(cluster: &'static Cluster) {
    let [mine, other] = [cluster.migrated().await, cluster.migrated().await];
    let mut url = mine.user();
    url.database = other.name().into();
    let shown = mine.psql(&url, "select 1");
    assert!(shown.contains("permission denied for database"), "{shown}");
    assert_eq!(mine.psql(&mine.user(), "select 1"), "1\n");
    // As it was in the first release, where all databases of a server had one group.
    let before = cluster.first_release();
    let mut url = mine.user();
    url.database = before.name().into();
    assert_eq!(mine.psql(&url, "select 1"), "1\n");
}
