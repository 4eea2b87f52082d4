//! Questions of someone who writes their own SQL about a row that is not theirs: what they are told must not depend on it.
//!
//! Each question is a guess, once right and once wrong. It is first seen to be answered where the guard is as it was before.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    faults::rounds_on_a_version,
    support::{
        postgres::{Cluster, Database, each_server, literal},
        token,
    },
};

each_server!(
    the_guard_answers_no_question_that_the_old_one_answered,
    partitions_and_children_answer_none_either,
    what_the_page_says_row_security_leaves_visible_is,
);

/// A guess about someone's row.
#[derive(Clone)]
pub(crate) struct Question {
    /// SQL with `{guess}` in it.
    sql: String,
    right: String,
    wrong: String,
}

impl Question {
    /// Guesses are taken out of what is shown, so they have to be such as stand nowhere else in it.
    pub(crate) fn new(sql: &str, right: &str, wrong: &str) -> Self {
        for guess in [right, wrong] {
            let is_long = guess.trim_matches('\'').len() >= 4;
            assert!(is_long, "{guess} is too short");
        }
        let [sql, right, wrong] = [sql, right, wrong].map(str::to_owned);
        Self { sql, right, wrong }
    }

    /// The same question with another text in a place of it, the name of a table for instance.
    pub(crate) fn with(&self, place: &str, text: &str) -> Self {
        Self {
            sql: self.sql.replace(place, text),
            ..self.clone()
        }
    }
}

/// Whoever asks: what they are called here, and their token.
pub(crate) type Asker = (&'static str, Option<String>);

/// Everybody who may ask: no one, and a person whose token has expired, who is blocked, or who is let in.
pub(crate) async fn askers(database: &Database<'_>) -> Vec<Asker> {
    let owner = database.owner_session().await;
    owner
        .batch_execute("select okta.block('00u-shut-out')")
        .await
        .expect("the owner may");
    let mut old = token::claims("00u-eve");
    old["iat"] = (token::now() - 7200).into();
    old["exp"] = (token::now() - 3600).into();
    vec![
        ("nobody", None),
        ("an expired token", Some(token::signer().token(&old))),
        ("somebody blocked", Some(token::of("00u-shut-out"))),
        ("a person", Some(token::of("00u-eve"))),
    ]
}

/// What a caller may set to have another plan.
const SETTINGS: [&str; 3] = [
    "",
    "set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off",
    "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0",
];

/// How a question may be put.
const FORMS: [&str; 2] = [
    "",
    "explain (analyze, buffers, verbose, costs off, timing off, summary off) ",
];

/// The questions of which the answers differ, with who asked and how. Every day each is put in a fifth of the ways, and the next one
/// in others.
pub(crate) async fn told(client: &Client, askers: &[Asker], questions: &[Question]) -> Vec<String> {
    let every = rounds_on_a_version(5, 1) as usize;
    let mut told = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        for (_, way) in (number..)
            .zip(ways(askers))
            .filter(|(turn, _)| turn % every == 0)
        {
            told.extend(tells(client, way, question).await);
        }
    }
    told
}

/// Who asks, with which settings, and in which form.
type Way<'a> = (&'a Asker, &'static str, &'static str);

fn ways(askers: &[Asker]) -> impl Iterator<Item = Way<'_>> {
    let forms = |settings| FORMS.map(|form| (settings, form));
    let puts = SETTINGS.into_iter().flat_map(forms);
    let ways = |asker| {
        puts.clone()
            .map(move |(settings, form)| (asker, settings, form))
    };
    askers.iter().flat_map(ways).collect::<Vec<_>>().into_iter()
}

/// What a question put like this tells, if it tells anything.
async fn tells(client: &Client, way: Way<'_>, question: &Question) -> Option<String> {
    let ((asker, token), settings, form) = way;
    let (right, wrong) = answers_differ(client, token.as_deref(), settings, form, question).await?;
    Some(format!(
        "{asker}: {settings}; {form}{}\n-- right: {right}\n-- wrong: {wrong}",
        question.sql
    ))
}

/// The two answers, where they differ every time: caches and other sessions may make one differ once.
pub(crate) async fn answers_differ(
    client: &Client,
    token: Option<&str>,
    settings: &str,
    form: &str,
    question: &Question,
) -> Option<(String, String)> {
    let mut answers = (String::new(), String::new());
    for _ in 0..5 {
        answers = (
            answer(client, token, settings, form, question, &question.right).await,
            answer(client, token, settings, form, question, &question.wrong).await,
        );
        if answers.0 == answers.1 {
            return None;
        }
    }
    Some(answers)
}

/// All that is shown to whoever asks: rows, plans, or the error. Nothing of it is kept in the database.
async fn answer(
    client: &Client,
    token: Option<&str>,
    settings: &str,
    form: &str,
    question: &Question,
    guess: &str,
) -> String {
    let token = literal(token.unwrap_or_default());
    client
        .batch_execute(&format!(
            "deallocate all; begin; set local okta.id_token = {token}; {settings}"
        ))
        .await
        .expect("anybody may set these");
    let sql = question.sql.replace("{guess}", guess);
    // What comes before the last statement prepares the question, a cursor for instance.
    let sql = match sql.rsplit_once(";;") {
        Some((before, last)) => format!("{before}; {last}"),
        None => format!("{form}{sql}"),
    };
    let shown = match client.simple_query(&sql).await {
        Ok(messages) => messages.iter().map(line).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("{:?}", error.as_db_error().expect("the database says it")),
    };
    client.batch_execute("rollback").await.expect("it can");
    // The plan repeats the guess.
    steady(&shown.replace(guess.trim_matches('\''), "{guess}"))
}

fn line(message: &SimpleQueryMessage) -> String {
    match message {
        SimpleQueryMessage::Row(row) => (0..row.len())
            .map(|column| row.get(column).unwrap_or("null"))
            .collect::<Vec<_>>()
            .join("|"),
        SimpleQueryMessage::CommandComplete(count) => format!("{count} rows"),
        _ => String::new(),
    }
}

/// Without what depends on others at the same moment, which of the pages were in memory already, and without what planning read:
/// it follows statistics, as the estimates do.
fn steady(shown: &str) -> String {
    let mut planning = false;
    let mut lines = Vec::new();
    for line in shown.lines() {
        planning = line.starts_with("Planning") || planning && line.starts_with(' ');
        if planning {
            continue;
        }
        match line.split_once("Buffers: ") {
            Some((indent, counts)) => lines.push(format!("{indent}Buffers: {}", pages(counts))),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

fn pages(counts: &str) -> u64 {
    counts
        .split([' ', ','])
        .filter_map(|word| word.strip_prefix("hit=").or(word.strip_prefix("read=")))
        .filter_map(|count| count.parse::<u64>().ok())
        .sum()
}

/// Those of `identity.md`, and their siblings. The table has an owner, a text, a note, a number and a flag.
fn questions(cluster: &Cluster) -> Vec<Question> {
    let mut questions = Vec::new();
    for sql in [
        "select from {table} where owner_id in ({guess}, 'x')",
        "select from {table} where owner_id = any (array[{guess}]) and kind is not null",
        "select from {table} where (owner_id = {guess}) is true",
        "select from {table} where owner_id is not distinct from {guess}",
        "select from {table} where owner_id between {guess} and {guess}",
        "select from {table} where case when owner_id = any (array[{guess}]) then (select true) end",
        "select from {table} where nullif(owner_id, {guess}) is null",
    ] {
        questions.push(Question::new(sql, "'00u-victim'", "'00u-nobody'"));
    }
    // A key looked up costs the planner nothing.
    for sql in [
        "select from {table} where ('{\"{guess}\": 1}'::jsonb)[owner_id] is not null",
        "select from {table} where case when ('{\"{guess}\": 1}'::jsonb)[owner_id] is not null then (select true) end",
    ] {
        questions.push(Question::new(sql, "00u-victim", "00u-nobody"));
    }
    for sql in [
        "select from {table} where body >= {guess} and body < 'SECRET-Z'",
        "select from {table} where body >= any (array[{guess}]) and body < any (array['SECRET-Z'])",
        "update {table} set note = 'x' where body >= {guess} and body < 'SECRET-Z'",
        "update {table} set note = 'x' where body >= {guess} and body < 'SECRET-Z' returning id",
        "delete from {table} where body >= {guess} and body < 'SECRET-Z'",
        "delete from {table} using (values (1)) v (x) where body >= {guess} and body < 'SECRET-Z'",
        "select from {table} where body >= {guess} and body < 'SECRET-Z' for update",
        "select from {table} where body >= {guess} and body < 'SECRET-Z' for key share skip locked",
        "select from {table} where body >= {guess} and body < 'SECRET-Z' order by id limit 1",
        "select count(*), max(body) from {table} where body >= {guess} and body < 'SECRET-Z'",
        "with t as not materialized (select * from {table}) select from t where body >= {guess} and body < 'SECRET-Z'",
        "with t as materialized (select * from {table} where body >= {guess} and body < 'SECRET-Z') select from t",
        "with t as (delete from {table} where body >= {guess} and body < 'SECRET-Z' returning id) select from t",
        "select from (select * from {table} where body >= {guess} and body < 'SECRET-Z' offset 0) t",
        "select from (values (1)) v where exists (select from {table} where body >= {guess} and body < 'SECRET-Z')",
        "select from (values (1)) v where 1 not in (select id from {table} where body >= {guess} and body < 'SECRET-Z')",
        "select (select min(id) from {table} where body >= {guess} and body < 'SECRET-Z')",
        "select from {table} a join (values (0)) v (x) on a.id <> v.x where a.body >= {guess} and a.body < 'SECRET-Z'",
        "select from {table} a join {table} b on a.id = b.id where a.body >= {guess} and a.body < 'SECRET-Z'",
        "select from (values (0)) v (x) left join {table} a on a.id <> v.x and a.body >= {guess} and a.body < 'SECRET-Z'",
        "select from (values ({guess})) v (x), lateral (select from {table} a where a.body >= v.x and a.body < 'SECRET-Z' offset 0) s",
        "select from (select * from {table} union all select * from {table}) t where body >= {guess} and body < 'SECRET-Z'",
        "select from (select * from {table} union all select * from {table}) t where body >= any (array[{guess}]) and body < any (array['SECRET-Z'])",
        "select from {table} tablesample system (100) where body >= {guess} and body < 'SECRET-Z'",
        "declare c cursor for select id from {table} where body >= {guess} and body < 'SECRET-Z';; fetch 1 from c",
        "prepare p as select id from {table} where body >= {guess} and body < 'SECRET-Z';; execute p; deallocate p",
        "set local plan_cache_mode = force_generic_plan; prepare p (text) as select id from {table} where body >= $1 and body < 'SECRET-Z';; execute p ({guess}); deallocate p",
    ] {
        questions.push(Question::new(sql, "'SECRET-L'", "'SECRET-M'"));
    }
    if cluster.version() >= 150_000 {
        questions.push(Question::new(
            "merge into {table} t using (values (0)) v (x) on t.id <> v.x and t.body >= {guess} and t.body < 'SECRET-Z' when matched then update set note = 'x'",
            "'SECRET-L'",
            "'SECRET-M'",
        ));
    }
    for sql in [
        // How many pages a text fills.
        "select from {table} where owner_id = any (array[{guess}]) and body <> 'x'",
        "select from {table} where case when owner_id = any (array[{guess}]) then array[body] end is null",
    ] {
        questions.push(Question::new(sql, "'00u-long'", "'00u-none'"));
    }
    for sql in [
        "select from {table} where {guess}",
        "select from {table} where {guess} is true",
        "select from {table} where case when {guess} then (select true) end",
        "select from {table} where case when {guess} then array[body] is not null end",
    ] {
        questions.push(Question::new(sql, "is_seen", "is_gone"));
    }
    questions
}

/// What stands in every table that is asked: a victim's row, and others of which one is long.
const ROWS: &str = "\
insert into {table} (id, owner_id, body, is_seen, kind)
select case n when 'victim' then 4711 when 'eve' then 4712 when 'long' then 4713 else 4714 end, '00u-' || n, case n when 'victim' then 'SECRET-Lamp' when 'long' then repeat('long', 20000) else 'often' end,
    case n when 'victim' then true end, 1
from unnest(array['victim', 'long', 'eve', 'woolf']) n;
insert into {table} (owner_id, body, note, kind) select '00u-reader-' || n % 10, 'often', n + 1000, 2 from generate_series(1, 200) n;
grant select, insert, update, delete on {table} to {group};
analyze {table}";

const COLUMNS: &str = "id int generated by default as identity, owner_id text, body text, note text, is_seen boolean, is_gone boolean, kind int";

/// As `okta.protect` of the second migration made it.
const OLD_GUARD: &str = "\
create policy okta_user_id on {table} using (owner_id = (select okta.user_id())) with check (owner_id = (select okta.user_id()));
alter table {table} enable row level security";

/// Runs SQL as the owner, for this table and for a role of the people.
async fn prepare(database: &Database<'_>, table: &str, sql: &[&str]) {
    let owner = database.owner_session().await;
    for sql in sql {
        let sql = sql
            .replace("{table}", table)
            .replace("{group}", database.user_name());
        owner.batch_execute(&sql).await.expect(&sql);
    }
}

/// A database with these tables of notes; what makes one is run before its rows are there.
async fn with_notes<'a>(cluster: &'a Cluster, tables: &[(&str, &[&str])]) -> Database<'a> {
    let database = cluster.migrated().await;
    prepare(
        &database,
        "",
        &["create schema s; grant usage on schema s to {group}; select okta.grant_access('{group}')"],
    )
    .await;
    for (table, made) in tables {
        prepare(&database, table, made).await;
        prepare(&database, table, &[ROWS]).await;
    }
    database
}

fn about(table: &str, questions: &[Question]) -> Vec<Question> {
    questions
        .iter()
        .map(|question| question.with("{table}", table))
        .collect()
}

async fn the_guard_answers_no_question_that_the_old_one_answered(cluster: &'static Cluster) {
    let table = format!(
        "create table {{table}} ({COLUMNS}); alter table {{table}} alter body set storage external; create index on {{table}} (owner_id)"
    );
    let database = with_notes(
        cluster,
        &[
            ("s.old", &[&table, OLD_GUARD]),
            (
                "s.guarded",
                &[&table, "select okta.protect('{table}', 'owner_id')"],
            ),
        ],
    )
    .await;
    let askers = askers(&database).await;
    let client = database.user_session().await;
    let questions = questions(cluster);
    'questions: for question in about("s.old", &questions) {
        for way in ways(&askers) {
            if tells(&client, way, &question).await.is_some() {
                continue 'questions;
            }
        }
        panic!("{} is no question", question.sql);
    }
    let told = told(&client, &askers, &about("s.guarded", &questions)).await;
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

async fn partitions_and_children_answer_none_either(cluster: &'static Cluster) {
    let parted = format!(
        "create table {{table}} ({COLUMNS}) partition by list (kind);
         create table s.part (kind int, gone int, is_gone boolean, is_seen boolean, body text, note text, owner_id text, id int not null);
         alter table s.part drop gone, alter body set storage external;
         alter table {{table}} attach partition s.part for values in (1);
         create table s.rest partition of {{table}} default;
         grant select, insert, update, delete on s.part to {{group}}"
    );
    let parent = format!(
        "create table {{table}} ({COLUMNS});
         create table s.child (more text) inherits ({{table}});
         alter table s.child alter body set storage external;
         grant select, insert, update, delete on s.child to {{group}}"
    );
    let protect = "select okta.protect('{table}', 'owner_id')";
    let database = with_notes(
        cluster,
        &[
            ("s.parted", &[&parted, protect]),
            ("s.parent", &[&parent, protect]),
        ],
    )
    .await;
    prepare(
        &database,
        "",
        &["insert into s.child (id, owner_id, body, is_seen) select id, owner_id, body, is_seen from s.parent; delete from only s.parent; vacuum analyze s.child"]
            .map(|sql| sql.split("; ").collect::<Vec<_>>())
            .concat(),
    )
    .await;
    let askers = askers(&database).await;
    let client = database.user_session().await;
    let questions = questions(cluster);
    for table in ["s.parted", "s.part", "s.parent", "s.child"] {
        let told = told(&client, &askers, &about(table, &questions)).await;
        assert!(told.is_empty(), "{}", told.join("\n\n"));
    }
}

const BY_INDEX: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off";

/// What it is, whether it takes a token, how it is put, the question, and a right and a wrong guess.
type Visible = (
    &'static str,
    bool,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const VISIBLE: [Visible; 7] = [
    (
        "a value that costs nothing to look for, without a token",
        false,
        FORMS[0],
        "select from (select * from s.notes union all select * from s.notes) t where ('{\"{guess}\": 1}'::jsonb)[body] is not null",
        "SECRET-Lamp",
        "SECRET-Lame",
    ),
    (
        "the same with one's own",
        true,
        FORMS[1],
        "select from (select * from s.notes union all select * from s.notes) t where case when ('{\"{guess}\": 1}'::jsonb)[body] is not null then (select true) end",
        "SECRET-Lamp",
        "SECRET-Lame",
    ),
    (
        "a value in an index, without a token",
        false,
        FORMS[0],
        "select from s.notes where id = {guess}",
        "4711",
        "4799",
    ),
    (
        "a value in an index, with a token of one's own",
        true,
        FORMS[1],
        "select from s.notes where id = {guess}",
        "4711",
        "4799",
    ),
    (
        "a value that must be unique",
        true,
        FORMS[0],
        "insert into s.notes (owner_id, body) values ('00u-eve', {guess})",
        "'SECRET-Lamp'",
        "'SECRET-Lame'",
    ),
    (
        "how often a value is there",
        true,
        "explain ",
        "select from s.notes where body = {guess}",
        "'often'",
        "'never'",
    ),
    (
        "how values are spread",
        true,
        "explain ",
        "select from s.notes where note < {guess}",
        "'1190'",
        "'1010'",
    ),
];

/// The lines of `docs/protect.md` about what stays visible: each is a question that is answered.
async fn what_the_page_says_row_security_leaves_visible_is(cluster: &'static Cluster) {
    let table = format!("create table {{table}} ({COLUMNS}); create index on {{table}} (owner_id)");
    let database = with_notes(
        cluster,
        &[(
            "s.notes",
            &[
                &table,
                "create unique index on s.notes (body) where body like 'SECRET%'; alter table s.notes add primary key (id);
                 create table s.likes (note_id int references s.notes); grant insert on s.likes to {group}",
                "select okta.protect('{table}', 'owner_id')",
            ],
        )],
    )
    .await;
    let client = database.user_session().await;
    let eve = token::of("00u-eve");
    for (what, has_token, form, sql, right, wrong) in VISIBLE {
        let question = Question::new(sql, right, wrong);
        let token = has_token.then_some(eve.as_str());
        let settings = if what.contains("index") {
            BY_INDEX
        } else {
            SETTINGS[1]
        };
        let differs = answers_differ(&client, token, settings, form, &question).await;
        assert!(differs.is_some(), "{what}: {}", question.sql);
    }
    // Exactly, and by views that are everybody's.
    let all = Question::new("select from s.notes where {guess}", "true", "true");
    let counted = answer(&client, Some(&eve), SETTINGS[1], FORMS[1], &all, "true").await;
    assert!(counted.contains("Rows Removed by Filter: 203"), "{counted}");
    for (what, says) in [
        (
            "reltuples from pg_class where oid = 's.notes'::regclass",
            "204",
        ),
        ("pg_relation_size('s.notes') > 0", "t"),
        (
            "count(*) from pg_stat_all_tables where relid = 's.notes'::regclass",
            "1",
        ),
        ("count(*) from pg_stats where tablename = 'notes'", "0"),
    ] {
        let shown = database.psql(&database.user(), &format!("select {what}"));
        assert_eq!(shown.trim(), says, "{what}");
    }
}
