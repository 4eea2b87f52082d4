//! The page that shows how to protect a table of another shape: what it says is run as it stands there.

use crate::{
    questions::{Question, askers, told},
    support::{
        postgres::{Cluster, Database, each_server, literal},
        token,
    },
};

each_server!(
    what_the_page_says_works,
    the_functions_of_the_page_tell_nothing,
);

/// The blocks of SQL, in their order.
fn page() -> Vec<&'static str> {
    let page = include_str!("../docs/protect.md");
    page.split("```sql\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .collect()
}

/// A database of which the owner has done these, and of which the person has the page's role.
async fn with_notes(cluster: &'static Cluster, blocks: &[&str]) -> Database<'static> {
    let database = cluster.migrated().await;
    // A role is one for all databases of the cluster, and this test runs in more than one of them.
    let role = format!("notes_{}", database.user_name());
    for block in blocks {
        let block = block.replace("notes_user", &role);
        database.owner_runs(&block).await;
    }
    database.query(&format!("grant {role} to {}", database.user_name()));
    database
}

async fn what_the_page_says_works(cluster: &'static Cluster) {
    let [table, grants, program, _, undo] = page()[..] else {
        panic!("the page has other blocks than this test knows")
    };
    let database = with_notes(cluster, &[table, grants]).await;

    let woolf = run(&database, program, "00u-woolf");
    assert!(woolf.contains("Buy the flowers herself."), "{woolf}");
    let his = program.replace("the flowers", "the paper");
    let joyce = run(&database, &his, "00u-joyce");
    assert!(joyce.contains("Buy the paper herself."), "{joyce}");
    assert!(!joyce.contains("flowers"), "{joyce}");
    let owners = "select string_agg(owner_id, ' ' order by id) from public.notes";
    database.shows(owners, "00u-woolf 00u-joyce");

    let hostile = |sql: &str| {
        let program = program.replace("the flowers", "the lamp");
        run(&database, &program.replace("insert into", sql), "00u-kafka")
    };
    let hers_and_his = ["flowers", "paper"];
    let shown =
        hostile("delete from public.notes; update public.notes set body = 'no'; insert into");
    assert!(!hers_and_his.iter().any(|it| shown.contains(it)), "{shown}");
    let for_her = "insert into public.notes (owner_id, body) values ('00u-woolf', 'no')";
    let shown = hostile(&format!("{for_her}; insert into"));
    assert!(shown.contains("row-level security"), "{shown}");
    let url = database.user();
    let shown = database.psql(&url, "\\set VERBOSITY verbose\ntable public.notes;");
    assert!(shown.contains("28E01"), "{shown}");
    let left = "select count(*) from public.notes where body ~ 'herself' and body !~ 'lamp'";
    database.shows(left, "2");
    // One check for the whole statement, and the index is used.
    let many = "insert into public.notes (owner_id, body) select 'o' || n, '' from generate_series(1, 5000) n; analyze public.notes";
    database.owner_runs(many).await;
    let explained = program.replace("select body", "explain select body");
    let plan = run(&database, &explained, "00u-woolf");
    assert!(plan.contains("owner_id_idx"), "{plan}");
    assert!(plan.contains("InitPlan"), "{plan}");

    database.owner_runs(undo).await;
    let shown = database.psql(&url, "table public.notes;");
    assert!(hers_and_his.iter().all(|it| shown.contains(it)), "{shown}");
}

/// As the program of the page would send it, with the token in the place of the parameter.
fn run(database: &Database, program: &str, person: &str) -> String {
    let token = literal(&token::of(person));
    database.psql(&database.user(), &program.replace("$1", &token))
}

async fn the_functions_of_the_page_tell_nothing(cluster: &'static Cluster) {
    let [table, grants, program, functions, _] = page()[..] else {
        panic!("the page has other blocks than this test knows")
    };
    let rows = "insert into public.notes (id, owner_id, body) overriding system value values (4711, '00u-victim', 'SECRET-Lamp'), (4712, '00u-long', repeat('long', 20000));
         insert into public.notes (owner_id, body) select 'o' || n, '' from generate_series(1, 500) n; analyze public.notes";
    let database = with_notes(cluster, &[table, grants, functions, rows]).await;
    let program = program
        .replace(
            "insert into public.notes (body) values ('Buy the flowers herself.')",
            "select public.add_note('Buy the lamp herself.')",
        )
        .replace("from public.notes", "from public.my_notes()");
    let shown = run(&database, &program, "00u-kafka");
    let last = shown.trim().lines().last();
    assert_eq!(last, Some("Buy the lamp herself."), "{shown}");
    assert!(!shown.contains("SECRET"), "{shown}");
    let whose = "select owner_id from public.notes where body ~ 'lamp'";
    database.shows(whose, "00u-kafka");

    let client = database.user_session().await;
    let mut questions = Vec::new();
    for from in [
        "public.my_notes()",
        "(select * from public.my_notes() union all select * from public.my_notes()) t",
        "public.notes",
        "(select * from public.notes union all select * from public.notes) t",
    ] {
        let ask = |condition: &str, right: &str, wrong: &str| {
            Question::new(
                &format!("select count(*) from {from} where {condition}"),
                right,
                wrong,
            )
        };
        questions.extend([
            ask("owner_id in ({guess}, 'x')", "'00u-victim'", "'00u-nobody'"),
            ask(
                "body >= {guess} and body < 'SECRET-Z'",
                "'SECRET-L'",
                "'SECRET-M'",
            ),
            ask(
                "('{\"{guess}\": 1}'::jsonb)[body] is not null",
                "SECRET-Lamp",
                "SECRET-Lame",
            ),
            ask(
                "case when owner_id = any (array[{guess}]) then array[body] end is null",
                "'00u-long'",
                "'00u-none'",
            ),
            ask("id = {guess}", "4711", "4799"),
        ]);
    }
    let told = told(&client, &askers(&database).await, &questions).await;
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    // The estimates are of a function, and not of what is in the table.
    let plan = |guess: &str| {
        run(&database, &format!(
            "begin; select set_config('okta.id_token', $1, true); explain select from public.my_notes() where body = {guess}; commit;"
        ), "00u-kafka").replace(guess, "").lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(plan("''"), plan("'SECRET-Lamp'"));
    for (table, code) in [("public.notes", "42501"), ("public.my_notes()", "28E01")] {
        let shown = database.psql(
            &database.user(),
            &format!("\\set VERBOSITY verbose\nselect from {table};"),
        );
        assert!(shown.contains(code), "{shown}");
    }
}
