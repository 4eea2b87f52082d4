//! What `admin status` says of a database that someone has opened: every mistake alone, and nothing before and after.

use epigraph::{
    admin::{self, Owner, Status},
    postgres::Target,
};

use crate::{
    faults::rounds_on_a_version,
    support::{
        person::Person,
        postgres::{Cluster, Database, Settings, each_server, eighteen},
        token,
    },
};

each_server! {
    every_mistake_is_named_and_its_cure_works,
    what_lets_a_guess_be_weighed_is_noted,
    a_server_that_logs_tokens_is_noted_and_its_cure_works,
    roles_are_told_apart_and_what_others_must_close_is_named,
}

/// How a mistake is undone.
enum Undo {
    /// By what the sentence says.
    AsTold,
    /// The sentence leaves it to people.
    By(&'static str),
}
use Undo::{AsTold, By};

/// SQL by the superuser, what one sentence says then, and what undoes it. `eve` is a person, `bob` is another login that may
/// connect, `readers` is a role that no one is in; `GROUP`, `OWNER` and `DATABASE` stand for names.
type Mistake = (&'static str, &'static [&'static str], Undo);

/// The keys as they were.
const KEPT_KEYS: &str = "truncate okta.signing_key; insert into okta.signing_key select * from public.kept; drop table public.kept";

/// What is effective: held by whom it was granted to, inherited, or within reach.
const RIGHTS: &[Mistake] = &[
    // M3 of the field notes.
    ("grant pg_read_all_data to GROUP", &["The group GROUP is in pg_read_all_data", "reads every table"], AsTold),
    (
        "grant usage on schema okta to public; grant select (kid, issuer) on okta.signing_key to public",
        &["Everybody may select (issuer, kid) on okta.signing_key"],
        By("revoke usage on schema okta from public; revoke select (kid, issuer) on okta.signing_key from public"),
    ),
    ("grant usage on schema okta to public", &["Everybody may use the schema okta"], AsTold),
    ("grant pg_read_all_data to bob", &["bob is in pg_read_all_data"], AsTold),
    (
        "drop policy okta_user_id on public.user_messages;
         create policy okta_user_id on public.user_messages using (user_id = okta.user_id() or true)",
        &["public.user_messages is not guarded", "not the one that okta.protect makes"],
        AsTold,
    ),
    (
        "create policy second on public.user_messages using (user_id = okta.user_id() or true)",
        &["The policy second opens public.user_messages", "for everybody"],
        AsTold,
    ),
    (
        "alter policy okta_user_id on public.user_messages to eve",
        &["public.user_messages is not guarded", "for some roles only"],
        AsTold,
    ),
    // The table of quotes.
    ("grant select on public.user_messages to public", &["Everybody may select on public.user_messages"], AsTold),
    ("grant insert, update on public.user_messages to GROUP", &["The group GROUP may insert, update on public.user_messages"], AsTold),
    ("grant truncate on public.user_messages to eve", &["eve may truncate on public.user_messages"], AsTold),
    ("grant references (user_id) on public.user_messages to eve", &["eve may reference (user_id) on public.user_messages"], AsTold),
    ("grant trigger on public.user_messages to bob", &["bob may add triggers on public.user_messages"], AsTold),
    ("grant select (message), delete on public.user_messages to bob", &["bob may delete, select (message) on"], AsTold),
    (
        "grant select on public.user_messages to readers; grant readers to bob",
        &["bob, through the role readers, may select on public.user_messages"],
        By("revoke select on public.user_messages from readers; revoke readers from bob"),
    ),
    (
        "grant select on public.user_messages to readers; grant readers to GROUP",
        &["The group GROUP, through the role readers, may select"],
        By("revoke select on public.user_messages from readers; revoke readers from GROUP"),
    ),
    (
        "create role outer_readers noinherit; grant readers to outer_readers; grant outer_readers to bob; alter role bob noinherit;
         grant select on public.user_messages to readers",
        &["bob, through the role readers, may select on public.user_messages"],
        By("revoke select on public.user_messages from readers; alter role bob inherit; drop role outer_readers"),
    ),
    (
        "grant select on public.user_messages to bob with grant option; set role bob; grant select on public.user_messages to eve; reset role",
        &["bob may select on public.user_messages", "cascade;"],
        AsTold,
    ),
    ("create role ann login in role eve; grant select on public.user_messages to ann", &["ann may select on public.user_messages"],
        By("drop owned by ann; drop role ann")),
    // Our own tables.
    ("grant select on okta.signing_key to GROUP", &["The group GROUP may select on okta.signing_key"], AsTold),
    ("grant insert on okta.signing_key to bob", &["bob may insert on okta.signing_key"], AsTold),
    ("grant select on okta.blocked to eve", &["eve may select on okta.blocked"], AsTold),
    ("grant update (audience) on okta.issuer to public", &["Everybody may update (audience) on okta.issuer"], AsTold),
    ("grant insert on public.epigraph_schema_history to bob", &["bob may insert on public.epigraph_schema_history"], AsTold),
    // Schemas and the database.
    ("grant create on schema okta to GROUP", &["The group GROUP may create objects in the schema okta"], AsTold),
    ("grant create on schema epigraph to bob", &["bob may create objects in the schema epigraph"], AsTold),
    ("grant usage on schema epigraph to public", &["Everybody may use the schema epigraph"], AsTold),
    ("grant create on database DATABASE to eve", &["eve may create schemas in this database"], AsTold),
    ("grant temporary on database DATABASE to public", &["Everybody may create temporary tables in this database"], AsTold),
    ("grant temporary on database DATABASE to GROUP", &["The group GROUP may create temporary tables"], AsTold),
    ("grant connect on database DATABASE to public", &["Everybody may connect to this database"], AsTold),
    // Functions.
    ("grant execute on function okta.block(text) to bob", &["bob may call okta.block(text)"], AsTold),
    ("grant execute on function okta.user_id() to public", &["Everybody may call okta.user_id()"], AsTold),
    ("grant execute on function epigraph.close_database() to GROUP", &["The group GROUP may call epigraph.close_database()"], AsTold),
    ("revoke execute on function epigraph.load_quote() from GROUP", &["The group GROUP may not use epigraph.load_quote()"],
        By("grant execute on function epigraph.load_quote() to GROUP")),
    ("revoke connect on database DATABASE from GROUP", &["The group GROUP may not connect"],
        By("set role OWNER; grant connect on database DATABASE to GROUP")),
    ("revoke usage on schema epigraph from GROUP", &["The group GROUP may not use the schema epigraph"],
        By("grant usage on schema epigraph to GROUP")),
    // PostgreSQL's own.
    ("grant select on pg_catalog.pg_statistic to bob", &["bob may select on pg_catalog.pg_statistic"], AsTold),
    ("grant select on pg_catalog.pg_authid to public", &["Everybody may select on pg_catalog.pg_authid"], AsTold),
    ("grant execute on function pg_catalog.pg_read_file(text) to bob", &["bob may call pg_catalog.pg_read_file(text)"], AsTold),
    ("grant execute on function pg_catalog.pg_reload_conf() to GROUP", &["The group GROUP may call pg_catalog.pg_reload_conf()"], AsTold),
];

/// What a role is, or may become.
const ROLES: &[Mistake] = &[
    (
        "grant pg_write_all_data to eve",
        &["eve is in pg_write_all_data", "writes every table"],
        AsTold,
    ),
    (
        "grant pg_read_server_files to bob",
        &["bob is in pg_read_server_files"],
        AsTold,
    ),
    (
        "grant pg_write_server_files to GROUP",
        &["The group GROUP is in pg_write_server_files"],
        AsTold,
    ),
    (
        "grant pg_execute_server_program to readers; grant readers to bob",
        &["bob, through the role readers, is in pg_execute_server_program"],
        By("revoke pg_execute_server_program from readers; revoke readers from bob"),
    ),
    (
        "grant pg_monitor to eve",
        &["eve is in pg_monitor", "statements of others"],
        AsTold,
    ),
    (
        "grant pg_read_all_stats to GROUP",
        &["The group GROUP is in pg_read_all_stats"],
        AsTold,
    ),
    (
        "grant pg_signal_backend to eve",
        &["eve is in pg_signal_backend", "ends the sessions"],
        AsTold,
    ),
    (
        "grant pg_monitor to bob",
        &["note: bob is in pg_monitor"],
        AsTold,
    ),
    ("alter role bob replication", &["bob may replicate"], AsTold),
    ("alter role eve replication", &["eve may replicate"], AsTold),
    (
        "alter role eve superuser",
        &["eve is a superuser, and is in the group"],
        AsTold,
    ),
    (
        "alter role eve bypassrls",
        &["eve passes over row security, and is in the group"],
        AsTold,
    ),
    (
        "alter role eve createrole",
        &["eve may make roles", "is in the group"],
        AsTold,
    ),
    (
        "alter role eve createdb",
        &["eve may make databases, and is in the group"],
        AsTold,
    ),
    (
        "alter role GROUP login",
        &["The group GROUP may log in itself"],
        AsTold,
    ),
    (
        "alter role GROUP createdb",
        &["The group GROUP may make databases"],
        AsTold,
    ),
    (
        "alter role GROUP bypassrls",
        &["The group GROUP passes over row security"],
        AsTold,
    ),
    (
        "grant OWNER to eve",
        &["eve is a member of OWNER, which owns this database"],
        AsTold,
    ),
    (
        "create role boss bypassrls; grant boss to GROUP",
        &["The group GROUP may become boss, which passes over row security"],
        By("drop role boss"),
    ),
    (
        "create role boss superuser; grant boss to eve",
        &["eve may become boss, which is a superuser"],
        By("drop role boss"),
    ),
    (
        "grant postgres to readers; grant readers to eve",
        &["eve may become postgres, which is a superuser"],
        By("revoke postgres from readers; revoke readers from eve"),
    ),
    (
        "grant GROUP to bob with admin option",
        &["bob may let others into the group GROUP"],
        By("revoke GROUP from bob"),
    ),
    (
        "alter role eve noinherit; revoke GROUP from eve granted by OWNER; grant GROUP to eve",
        &["eve does not inherit the rights of the group"],
        By("alter role eve inherit; revoke GROUP from eve; set role OWNER; grant GROUP to eve"),
    ),
    (
        "alter table public.user_messages owner to eve",
        &["eve owns public.user_messages, and is in the group"],
        By("alter table public.user_messages owner to OWNER"),
    ),
    (
        "alter table public.notes owner to eve",
        &["eve owns public.notes"],
        By("alter table public.notes owner to OWNER"),
    ),
    (
        "do $$ begin create role epigraph_user nologin; exception when duplicate_object then null; end $$; grant connect on database DATABASE to epigraph_user",
        &["The group epigraph_user, which was for all databases of this server, may connect"],
        AsTold,
    ),
    (
        "do $$ begin create role epigraph_user nologin; exception when duplicate_object then null; end $$; grant execute on function okta.claims() to epigraph_user",
        &["The group epigraph_user", "may call okta.claims()"],
        AsTold,
    ),
];

/// What someone made or changed.
const THINGS: &[Mistake] = &[
    ("alter table public.user_messages disable row level security", &["ow security is off"], AsTold),
    ("drop policy okta_user_id on public.user_messages", &["No policy of this program guards public.user_messages"], AsTold),
    ("create policy narrow on public.user_messages as restrictive to bob using (false)",
        &["The policy narrow of public.user_messages, for bob, is not of this program"], AsTold),
    ("create policy open on public.notes for select to bob using (true)", &["The policy open opens public.notes", "for bob"], AsTold),
    ("alter table public.notes disable row level security", &["public.notes is not guarded", "ow security is off"], AsTold),
    ("grant truncate on public.notes to bob", &["bob may truncate on public.notes"], AsTold),
    ("create view public.all_notes as select * from public.notes; alter view public.all_notes owner to OWNER;
      grant select on public.all_notes to GROUP",
        &["The group GROUP may select on public.all_notes, which shows rows of public.notes"], By("drop view public.all_notes")),
    // Functions of ours.
    ("create or replace function okta.user_id() returns text language plpgsql stable parallel unsafe
      set search_path = pg_catalog, pg_temp as $$ begin return current_setting('okta.me'); end $$",
        &["The body of the function okta.user_id() has been changed"], By("RESTORE okta.user_id()")),
    ("alter function okta.claims() security invoker", &["okta.claims() has been changed", "security invoker in place of security definer"],
        By("alter function okta.claims() security definer")),
    ("alter function epigraph.load_quote() reset search_path", &["epigraph.load_quote() has been changed", "it sets enable_indexscan"],
        By("RESTORE epigraph.load_quote()")),
    ("alter function epigraph.load_quote() set enable_seqscan = on", &["epigraph.load_quote() has been changed", "enable_seqscan=on"],
        By("RESTORE epigraph.load_quote()")),
    ("alter function okta.user_id() volatile", &["volatile in place of stable"], By("alter function okta.user_id() stable")),
    ("alter function okta.user_id() leakproof", &["leakproof in place of not leakproof"], By("alter function okta.user_id() not leakproof")),
    ("alter function okta.user_id() cost 1", &["cost 1 in place of cost 100"], By("alter function okta.user_id() cost 100")),
    ("alter function okta.user_id() owner to bob", &["The function okta.user_id() belongs to bob, and the rest to OWNER"], AsTold),
    ("alter schema epigraph owner to bob", &["The schema epigraph belongs to bob"], AsTold),
    ("alter function okta.unblock(text) rename to unlock", &["The function okta.unblock(text) is missing"],
        By("alter function okta.unlock(text) rename to unblock")),
    ("create function okta.user_id(text) returns text language sql as 'select $1'; revoke all on function okta.user_id(text) from public",
        &["The function okta.user_id(text) is not of this program"], AsTold),
    ("create procedure epigraph.tidy() language sql as 'select 1'; revoke all on procedure epigraph.tidy() from public",
        &["The procedure epigraph.tidy() is not of this program"], AsTold),
    ("create operator okta.== (leftarg = text, rightarg = text, function = pg_catalog.texteq)",
        &["The operator okta.==", "is not of this program"], AsTold),
    ("create table okta.copy (message text)", &["The table okta.copy is not of this program"], AsTold),
    ("create view epigraph.all as select * from public.user_messages", &["The view epigraph.\"all\" is not of this program"], AsTold),
    ("create type okta.mood as enum ('happy')", &["The type okta.mood is not of this program"], AsTold),
    ("create cast (okta.blocked as text) with inout", &["The cast (okta.blocked as text) is not of this program"], AsTold),
    ("alter table okta.unshown_access rename to shown_access", &["The table okta.unshown_access is missing"],
        By("alter table okta.shown_access rename to unshown_access")),
    // What shows rows by itself.
    ("create view public.everything as select * from public.user_messages; alter view public.everything owner to OWNER;
      grant select on public.everything to bob",
        &["bob may select on public.everything, which shows rows of public.user_messages"], By("drop view public.everything")),
    ("create view public.inner_view as select * from public.user_messages; create view public.outer_view as select 1 as one from public.inner_view;
      grant select (one) on public.outer_view to public",
        &["Everybody may select (one) on public.outer_view, which shows rows of public.user_messages"],
        By("drop view public.outer_view; drop view public.inner_view")),
    ("create materialized view public.frozen as select * from public.user_messages; grant select on public.frozen to eve",
        &["eve may select on public.frozen"], By("drop materialized view public.frozen")),
    ("create view public.keys as select kid from okta.signing_key; grant select on public.keys to GROUP",
        &["The group GROUP may select on public.keys, which shows rows of okta.signing_key"], By("drop view public.keys")),
    ("create function public.peek() returns bigint language sql security definer as 'select count(*) from public.user_messages'",
        &["Everybody may call public.peek()", "runs with the rights of postgres"], By("drop function public.peek()")),
    ("create function public.peek() returns bigint language sql security definer begin atomic; select count(*) from okta.blocked; end",
        &["Everybody may call public.peek()"], By("drop function public.peek()")),
    ("create table public.likes (user_id text references public.user_messages); grant insert on public.likes to bob",
        &["bob may insert on public.likes", "tells who has a row"], By("drop table public.likes")),
    ("create table public.likes (user_id text references public.user_messages); alter table public.likes owner to bob",
        &["bob may insert, update on public.likes"], By("drop table public.likes")),
    ("create table public.parent (user_id text not null, create_ts timestamp not null, message text not null);
      alter table public.user_messages inherit public.parent",
        &["Every role that may read public.parent reads public.user_messages"],
        By("alter table public.user_messages no inherit public.parent; drop table public.parent")),
    ("create table public.child () inherits (public.user_messages)", &["The rows of public.child, a child of public.user_messages"],
        By("drop table public.child")),
    ("create unique index once on public.user_messages (message)", &["The index once on public.user_messages is unique"], AsTold),
    ("alter table public.user_messages add constraint \"Once\" unique (message, create_ts)", &["The index \"Once\" on public.user_messages"], AsTold),
    (
        "alter table public.user_messages add constraint apart exclude (message with =)",
        &["The index apart on public.user_messages"],
        AsTold,
    ),
    ("create rule copy as on insert to public.user_messages do also select 1", &["The rule copy on public.user_messages"], AsTold),
    ("create function public.spy() returns trigger language plpgsql as 'begin return new; end'; alter function public.spy() owner to bob;
      create trigger spy after insert on public.user_messages for each row execute function public.spy()",
        &["public.user_messages runs code of bob", "trigger spy"], By("drop function public.spy() cascade")),
    ("create function public.spy() returns trigger language plpgsql as 'begin return new; end';
      create trigger spy after insert on okta.blocked for each row execute function public.spy()",
        &["The trigger spy on okta.blocked is not of this program"], By("drop function public.spy() cascade")),
    ("create function public.spy() returns trigger language plpgsql as 'begin return new; end';
      create trigger spy after insert on public.user_messages for each row execute function public.spy()",
        &["note: The trigger spy on public.user_messages sees every quote"], By("drop function public.spy() cascade")),
    ("create function public.check(text) returns boolean language sql as 'select true'; alter function public.check(text) owner to eve;
      alter table public.user_messages add constraint checked check (public.check(message))",
        &["public.user_messages runs code of eve"], By("drop function public.check(text) cascade")),
    ("create function public.now() returns timestamp language sql as 'select null::timestamp'; alter function public.now() owner to bob;
      alter table public.user_messages alter create_ts set default public.now()",
        &["public.user_messages runs code of bob"],
        By("alter table public.user_messages alter create_ts set default pg_catalog.now(); drop function public.now()")),
    ("create publication everything for all tables", &["note: The publication everything shows every row of public.user_messages"],
        By("drop publication everything")),
    ("create foreign data wrapper nothing; create server itself foreign data wrapper nothing; create user mapping for public server itself",
        &["Everybody uses the foreign server itself"], By("drop foreign data wrapper nothing cascade")),
    ("alter table public.user_messages drop constraint user_messages_pkey", &["user_id of public.user_messages is not unique"], AsTold),
    ("alter table public.user_messages rename to messages", &["The table public.user_messages is missing"],
        By("alter table public.messages rename to user_messages")),
    ("alter table public.user_messages owner to postgres", &["The owner of the schema epigraph may not select, insert, update, delete"],
        By("alter table public.user_messages owner to OWNER")),
    ("drop index okta.only_one_issuer; insert into okta.issuer (issuer, audience) values ('https://other.example', 'x')",
        &["More than one issuer"],
        By("delete from okta.issuer where audience = 'x'; create unique index only_one_issuer on okta.issuer ((true))")),
    ("insert into okta.unshown_access (role_name) values ('epigraph_nora')", &["The password of epigraph_nora was never shown", "invite nora"],
        By("delete from okta.unshown_access")),
    // What comes from the start of a session, or later.
    ("alter role eve set okta.id_token = 'x'", &["Every session of eve starts with a token"], AsTold),
    ("alter database DATABASE set okta.id_token = 'x'", &["starts with a token"], AsTold),
    ("alter role eve set log_parameter_max_length_on_error = -1", &["note: For eve, log_parameter_max_length_on_error = -1"], AsTold),
    ("alter role eve in database DATABASE set debug_print_parse = on", &["note: For eve, debug_print_parse"], AsTold),
    ("alter database DATABASE set log_statement = 'all'", &["note: For everybody in this database, log_statement"], AsTold),
    ("alter default privileges for role OWNER in schema okta grant select on tables to public",
        &["Everybody may select tables that OWNER makes in schema okta"], AsTold),
    ("alter default privileges for role OWNER grant select on tables to bob", &["note: bob may select tables that OWNER makes from now on"], AsTold),
];

/// Parts of what is protected.
const PARTS: &[Mistake] = &[
    (
        "create table public.late () inherits (public.notes)",
        &[
            "public.late is not guarded as it should be",
            "part of public.notes and came after",
        ],
        By("drop table public.late"),
    ),
    (
        "create table public.above (id int, owner_id text); alter table public.notes inherit public.above",
        &[
            "public.notes is not guarded as it should be",
            "seen through public.above",
        ],
        By("alter table public.notes no inherit public.above; drop table public.above"),
    ),
];

/// What someone left outside is not in yet.
const OUTSIDE: &[Mistake] = &[
    ("create role far login; grant pg_read_all_data to far", &["far is in pg_read_all_data", "once it may connect"], By("drop role far")),
    ("create role far login; grant select on public.user_messages to far", &["far may select on public.user_messages"],
        By("drop owned by far; drop role far")),
    ("grant select on public.user_messages to readers", &["note: The role readers has rights on public.user_messages"], AsTold),
    ("create role epigraph_user_7; grant connect on database DATABASE to epigraph_user_7",
        &["The group epigraph_user_7, which is of another database, may connect to this database"],
        By("drop owned by epigraph_user_7; drop role epigraph_user_7")),
    ("create role epigraph_user_7; grant GROUP to epigraph_user_7",
        &["The group epigraph_user_7 of another database is in the group of this one"], By("drop role epigraph_user_7")),
    ("do $$ begin create role epigraph_user nologin; exception when duplicate_object then null; end $$; grant GROUP to epigraph_user", &["The group epigraph_user of another database is in the group"], AsTold),
    ("alter table okta.blocked rename to shut_out", &["The table okta.blocked is missing"], By("alter table okta.shut_out rename to blocked")),
    ("alter table okta.signing_key rename fold to folded", &["The table okta.signing_key has been changed (without column fold numeric not null"],
        By("alter table okta.signing_key rename folded to fold")),
    ("alter function okta.protection() rename to shield", &["The function okta.protection() is missing"],
        By("alter function okta.shield() rename to protection")),
    ("alter function okta.ancestors(regclass) rename to forebears", &["The function okta.ancestors(regclass) is missing"],
        By("alter function okta.forebears(regclass) rename to ancestors")),
    // A way round by what runs with an owner's rights.
    ("create function public.let_in(text) returns boolean language sql security definer begin atomic; select okta.unblock($1); end",
        &["Everybody may call public.let_in(text)"], By("drop function public.let_in(text)")),
    ("create view public.all_quotes as select * from public.user_messages;
      create function public.peek() returns setof text language sql security definer as 'select message from public.all_quotes'",
        &["Everybody may call public.peek()"], By("drop function public.peek(); drop view public.all_quotes")),
    ("create function public.look() returns bigint language sql as 'select count(*) from public.user_messages';
      create function public.peek() returns bigint language sql security definer as 'select public.look()'",
        &["Everybody may call public.peek()"], By("drop function public.peek(); drop function public.look()")),
    ("create function public.step(bigint, int) returns bigint language sql security definer as 'select count(*) from public.user_messages';
      revoke execute on function public.step(bigint, int) from public; create aggregate public.total(int) (sfunc = public.step, stype = bigint)",
        &["Everybody may call public.total(integer), which runs with the rights"],
        By("drop aggregate public.total(int); drop function public.step(bigint, int)")),
    ("create materialized view public.frozen as select * from public.user_messages; alter materialized view public.frozen owner to eve",
        &["eve may select on public.frozen, which contains a copy of rows of public.user_messages"], AsTold),
    ("create table public.inbox (text text); create function public.fill() returns trigger language plpgsql security definer as
      'begin select message into new.text from public.user_messages; return new; end';
      revoke execute on function public.fill() from public; create trigger \"Fill\" before insert on public.inbox for each row execute function public.fill();
      grant insert on public.inbox to eve",
        &["eve may insert on public.inbox, whose trigger \"Fill\" works with the rights of an owner"],
        By("drop table public.inbox; drop function public.fill()")),
    ("create table public.inbox (text text); create table public.copies (text text);
      create rule copy as on insert to public.inbox do also insert into public.copies select message from public.user_messages;
      grant insert (text) on public.inbox to GROUP",
        &["The group GROUP may insert (text) on public.inbox, whose rule copy works with the rights of an owner"],
        By("drop table public.inbox, public.copies cascade")),
    ("create function public.run(text) returns void language plpgsql security definer as 'begin execute $1; end'",
        &["note: Everybody may call public.run(text), which builds statements and runs them with the rights of postgres"],
        By("drop function public.run(text)")),
    ("alter schema public owner to eve", &["eve owns the schema public, and so may drop what is in it"],
        By("do $$ begin if current_setting('server_version_num')::int < 150000 then alter schema public owner to postgres;
            else alter schema public owner to pg_database_owner; end if; end $$")),
    // Keys by hand, with numbers that a forgery fits.
    ("create table public.kept as table okta.signing_key; update okta.signing_key set reciprocal = 0, fold = 0",
        &["is none that `epigraph admin keys` stores"], By(KEPT_KEYS)),
    ("create table public.kept as table okta.signing_key; update okta.signing_key set padding = padding - 1",
        &["is none that `epigraph admin keys` stores"], By(KEPT_KEYS)),
    ("create table public.kept as table okta.signing_key; update okta.signing_key set octets = 1",
        &["is none that `epigraph admin keys` stores"], By(KEPT_KEYS)),
    ("create table public.kept as table okta.signing_key; update okta.signing_key set modulus = 'NaN'",
        &["is none that `epigraph admin keys` stores"], By(KEPT_KEYS)),
    ("insert into okta.signing_key (issuer, kid, modulus, bits, octets, padding, irrelevant_digits, reciprocal, folded_digits, fold)
      select k.issuer, 'short', m.modulus, 1024, 128, 0, c.irrelevant_digits, c.reciprocal, c.folded_digits, c.fold
      from okta.signing_key k, (select 2::numeric ^ 1023 + 1) m(modulus), okta.constants_of(m.modulus) c",
        &["The signing key short is none that `epigraph admin keys` stores"], AsTold),
    ("alter table okta.signing_key drop constraint signing_key_issuer_fkey;
      insert into okta.signing_key (issuer, kid, modulus, bits, octets, padding, irrelevant_digits, reciprocal, folded_digits, fold)
      select 'https://other.example', 'other', modulus, bits, octets, padding, irrelevant_digits, reciprocal, folded_digits, fold from okta.signing_key",
        &["The signing key other counts, and is of https://other.example, which is not registered"],
        By("delete from okta.signing_key where kid = 'other';
            alter table okta.signing_key add foreign key (issuer) references okta.issuer on delete cascade")),
    // What our tables are made of.
    ("alter table okta.blocked drop constraint blocked_pkey", &["The table okta.blocked has been changed (without PRIMARY KEY (user_id))"],
        By("alter table okta.blocked add primary key (user_id)")),
    ("drop index okta.only_one_issuer", &["The table okta.issuer has been changed", "only_one_issuer"],
        By("create unique index only_one_issuer on okta.issuer ((true))")),
    ("alter table okta.issuer add check (audience = 'x') not valid", &["The table okta.issuer has been changed (with CHECK"],
        By("alter table okta.issuer drop constraint issuer_audience_check1")),
    ("alter table okta.signing_key alter added_at set default 'epoch', add note text",
        &["The table okta.signing_key has been changed", "with column added_at", "column note text"],
        By("alter table okta.signing_key alter added_at set default now(), drop note")),
    ("alter table okta.unshown_access alter role_name type text", &["The table okta.unshown_access has been changed", "with column role_name text"],
        By("alter table okta.unshown_access alter role_name type name")),
    ("alter table public.user_messages force row level security", &["Row security of public.user_messages holds for its owner as well"], AsTold),
    ("alter table okta.blocked set unlogged", &["okta.blocked is unlogged"], AsTold),
    ("alter table public.user_messages set unlogged", &["public.user_messages is unlogged"], AsTold),
    ("alter table public.user_messages alter message type varchar(5)", &["The column message of public.user_messages is of another type"], AsTold),
    ("alter table public.user_messages alter message drop not null", &["The column message of public.user_messages may be null"], AsTold),
    ("alter table public.user_messages rename create_ts to created", &["The table public.user_messages has no column create_ts"],
        By("alter table public.user_messages rename created to create_ts")),
    ("alter table public.user_messages add mood text not null", &["The column mood of public.user_messages must be filled"],
        By("alter table public.user_messages drop mood")),
    ("alter table okta.blocked enable row level security, force row level security", &["Row security hides rows of okta.blocked"], AsTold),
    ("create function public.let_in(text) returns boolean language sql security definer as 'select okta.unblock($1)'",
        &["Everybody may call public.let_in(text)"], By("drop function public.let_in(text)")),
    ("create function public.watch() returns event_trigger language plpgsql as 'begin end'; alter function public.watch() owner to bob;
      create event trigger watch on ddl_command_end execute function public.watch()",
        &["This database runs code of bob"], By("drop event trigger watch; drop function public.watch()")),
    ("create foreign data wrapper nothing; create server itself foreign data wrapper nothing;
      create foreign table public.far (message text) server itself options (table_name 'user_messages'); grant select on public.far to eve",
        &["eve may select on public.far"], By("drop foreign data wrapper nothing cascade")),
    ("create foreign data wrapper nothing; create server itself foreign data wrapper nothing; create user mapping for eve server itself",
        &["note: eve reaches the foreign server itself"], By("drop foreign data wrapper nothing cascade")),
    ("create table public.users (id text primary key); insert into public.users select user_id from public.user_messages;
      alter table public.user_messages add constraint belongs foreign key (user_id) references public.users on delete cascade",
        &["The constraint belongs changes or deletes quotes along with rows of public.users"],
        By("drop table public.users cascade")),
    ("alter table public.user_messages add constraint short check (length(message) < 1000)",
        &["note: Some quotes cannot be saved in public.user_messages (constraint short, CHECK"], AsTold),
    ("create table public.backup as table public.user_messages; grant select on public.backup to eve",
        &["note: eve may select on public.backup, which has the columns of public.user_messages"], By("drop table public.backup")),
    ("create table public.backup as table public.user_messages; grant select (message) on public.backup to public",
        &["note: Everybody may select (message) on public.backup"], By("drop table public.backup")),
    ("update okta.signing_key set last_published_at = now() + interval '1 year'", &["which is still to come"],
        By("update okta.signing_key set last_published_at = now()")),
    ("alter role all set okta.id_token = 'x'", &["Every session of everybody starts with a token"], AsTold),
];

/// On PostgreSQL 15 and later.
const SINCE_15: &[Mistake] = &[
    (
        "grant create on schema public to public",
        &["Everybody may create objects in the schema public"],
        AsTold,
    ),
    (
        "grant create on schema public to eve",
        &["eve may create objects in the schema public"],
        AsTold,
    ),
    (
        "grant set on parameter log_statement to eve",
        &["eve may set the parameter log_statement"],
        AsTold,
    ),
    (
        "grant alter system on parameter log_statement to public",
        &["Everybody may alter system the parameter log_statement"],
        AsTold,
    ),
];

/// On PostgreSQL 16 and later.
const SINCE_16: &[Mistake] = &[
    (
        "grant select on public.user_messages to readers; grant readers to bob with inherit false, set false, admin true",
        &["bob, through the role readers, may select"],
        By("revoke select on public.user_messages from readers; revoke readers from bob"),
    ),
    (
        "create role boss superuser; grant boss to eve with inherit false, set true",
        &["eve may become boss"],
        By("drop role boss"),
    ),
    (
        "grant GROUP to bob with inherit false, set false, admin true",
        &["bob may let others into the group"],
        By("revoke GROUP from bob"),
    ),
    (
        "grant pg_create_subscription to eve",
        &["eve is in pg_create_subscription"],
        AsTold,
    ),
];

/// On PostgreSQL 17 and later.
const SINCE_17: &[Mistake] = &[
    (
        "grant pg_maintain to bob",
        &["bob is in pg_maintain"],
        AsTold,
    ),
    (
        "grant maintain on public.user_messages to eve",
        &["eve may maintain on public.user_messages"],
        AsTold,
    ),
];

/// A server of its own: what a role may do is known to all databases.
fn alone(cluster: &Cluster) -> Cluster {
    Cluster::start(Settings {
        server: if cluster.version() / 10_000 == 18 {
            eighteen()
        } else {
            None
        },
        ..Settings::default()
    })
}

struct Scene<'a> {
    database: Database<'a>,
    owner: Owner,
    owner_name: String,
    group: String,
}

impl<'a> Scene<'a> {
    async fn of(cluster: &'a Cluster) -> Self {
        let database = cluster.database();
        database.migrate().await;
        database.trust(token::ISSUER, token::AUDIENCE, &[token::signer().jwk()]);
        database.query("create role eve login; create role bob login; create role readers");
        let owner_name = database.owner().user;
        let group = database.query("select okta.user_group()");
        let notes = format!(
            "grant {group} to eve; grant connect on database {} to bob;
             create table public.notes (id int, owner_id text); select okta.protect('public.notes', 'owner_id');
             grant select, insert, update, delete on public.notes to {group}, bob",
            database.name()
        );
        database.owner_runs(&notes).await;
        let target = Target::parse(&database.owner_url().into()).expect("a good connection string");
        let owner = Owner::connect(&target).await.expect("it is there");
        Self {
            database,
            owner,
            owner_name,
            group,
        }
    }

    async fn status(&mut self) -> Status {
        admin::status(&mut self.owner).await.expect("it answers")
    }

    /// All sentences; notes are marked.
    async fn sentences(&mut self) -> Vec<String> {
        let status = self.status().await;
        let notes = status.notes.iter().map(|note| format!("note: {note}"));
        status.problems.iter().cloned().chain(notes).collect()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("GROUP", &self.group)
            .replace("DATABASE", self.database.name())
            .replace("OWNER", &self.owner_name)
    }

    fn definition(&self, function: &str) -> String {
        self.database.query(&format!(
            "select pg_get_functiondef('{function}'::regprocedure)"
        ))
    }
}

/// The statement at the end of a sentence.
fn cure(sentence: &str) -> &str {
    let (_, cure) = sentence.rsplit_once(": ").expect("it says what to do");
    cure.strip_prefix("look at it, and ").unwrap_or(cure)
}

async fn every_mistake_is_named_and_its_cure_works(cluster: &'static Cluster) {
    let cluster = alone(cluster);
    let mut scene = Scene::of(&cluster).await;
    let usual = scene.sentences().await;
    let is_note = |sentence: &String| sentence.starts_with("note: ");
    assert!(usual.iter().all(is_note), "{usual:#?}");

    let version = cluster.version() / 10_000;
    let mut mistakes: Vec<&Mistake> = [RIGHTS, ROLES, THINGS, PARTS, OUTSIDE]
        .into_iter()
        .flatten()
        .collect();
    for (since, more) in [(15, SINCE_15), (16, SINCE_16), (17, SINCE_17)] {
        if version >= since {
            mistakes.extend(more);
        }
    }
    let mut faults = Vec::new();
    for (does, says, undo) in mistakes {
        let undone_by = match undo {
            By(text) => match text.strip_prefix("RESTORE ") {
                Some(function) => Some(scene.definition(function)),
                None => Some(scene.fill(text)),
            },
            AsTold => None,
        };
        scene.database.query(&scene.fill(does));
        let said = scene.sentences().await;
        let says: Vec<_> = says.iter().map(|part| scene.fill(part)).collect();
        let sentence = said
            .iter()
            .find(|sentence| says.iter().all(|part| sentence.contains(part)));
        if sentence.is_none() {
            faults.push(format!("{does}\n{says:?} is not in {said:#?}"));
        }
        let Some(undone_by) = undone_by.or_else(|| Some(cure(sentence?).to_owned())) else {
            break;
        };
        scene.database.query(&undone_by);
        if rounds_on_a_version(0, 1) == 1 {
            let left = scene.sentences().await;
            if left != usual {
                faults.push(format!("{does}\nundone by {undone_by}\nleaves {left:#?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // Every day it is seen here alone that nothing is left.
    assert_eq!(scene.sentences().await, usual);
}

async fn what_lets_a_guess_be_weighed_is_noted(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let target = Target::parse(&database.owner_url().into()).expect("a good connection string");
    let mut noted = Vec::new();
    for set in ["off", "on"] {
        database.query(&format!(
            "alter database {} set wal_compression = {set}",
            database.name()
        ));
        let mut owner = Owner::connect(&target).await.expect("it is there");
        let status = admin::status(&mut owner).await.expect("it answers");
        let is_noted = |note: &String| note.contains("(wal_compression)");
        noted.push(status.notes.iter().any(is_noted));
    }
    assert_eq!(noted, [false, true]);
}

async fn a_server_that_logs_tokens_is_noted_and_its_cure_works(cluster: &'static Cluster) {
    let cluster = alone(cluster);
    let database = cluster.migrated().await;
    let target = Target::parse(&database.owner_url().into()).expect("a good connection string");
    let mut tokens = 0;
    let mut logs_and_notes = async || {
        tokens += 1;
        let mut claims = token::claims("00u-woolf");
        claims["jti"] = tokens.into();
        let token = token::signer().token(&claims);
        let (_, signature) = token.rsplit_once('.').expect("three parts");
        let signature = signature.to_owned();
        let woolf = Person::with_token(&database.user_url(), token);
        assert_eq!(woolf.load().await, None);
        let mut owner = Owner::connect(&target).await.expect("it is there");
        let status = admin::status(&mut owner).await.expect("it answers");
        let logs = |note: &String| note.contains("ID tokens");
        let note = status.notes.into_iter().find(logs);
        (cluster.log().contains(&signature), note)
    };
    let set = |statement: &str| {
        cluster.query("postgres", statement);
        cluster.reload();
    };
    for (name, value, tells) in [
        ("log_statement", "mod", false),
        ("log_statement", "all", true),
        ("log_min_duration_statement", "0", true),
        ("log_min_duration_sample", "0", true),
        ("log_transaction_sample_rate", "1", true),
    ] {
        set(&format!("alter system set {name} = '{value}'"));
        let (logged, note) = logs_and_notes().await;
        assert_eq!((logged, note.is_some()), (tells, tells), "{name} {note:?}");
        if let Some(note) = note {
            assert!(note.contains(&format!("({name} = {value})")), "{note}");
            let (cured, _) = cure(&note).split_once(';').expect("two statements");
            set(cured);
            assert_eq!(logs_and_notes().await, (false, None), "{name}");
        }
        cluster.query("postgres", "alter system reset log_parameter_max_length");
        set(&format!("alter system reset {name}"));
    }
}

async fn roles_are_told_apart_and_what_others_must_close_is_named(cluster: &'static Cluster) {
    let cluster = alone(cluster);
    let mut scene = Scene::of(&cluster).await;
    // Another database of the same server, whose people have no business here.
    let other = cluster.database();
    other.migrate().await;
    other.query(&format!(
        "do $$ begin execute format('grant %I to {}', okta.user_group()); end $$",
        other.user_name()
    ));
    let owner = scene.fill("OWNER");
    let status = scene.status().await;
    let access: Vec<_> = status.access.iter().map(|one| one.role.as_str()).collect();
    let others: Vec<_> = status.others.iter().map(|one| one.role.as_str()).collect();
    let administrators: Vec<_> = status
        .administrators
        .iter()
        .map(|one| (one.role.as_str(), one.why.as_str()))
        .collect();
    assert_eq!((access, others), (vec!["eve"], vec!["bob"]));
    for one in [
        ("postgres", "is a superuser"),
        (&owner, "owns this database"),
    ] {
        assert!(administrators.contains(&one), "{administrators:?}");
    }
    // Until PostgreSQL 15 whoever may make roles may take any: the owner of the other database as well.
    let all = if cluster.version() < 160_000 { 3 } else { 2 };
    assert_eq!(administrators.len(), all, "{administrators:?}");
    assert!(status.problems.is_empty(), "{status:#?}");
    let schema = "Everybody may create objects in the schema public. It opens no row; postgres may take it back";
    let is_noted = |status: &Status, words| status.notes.iter().any(|it| it.contains(words));
    let is_open = cluster.version() < 150_000;
    assert_eq!(is_noted(&status, schema), is_open, "{status:#?}");

    // What is someone else's to close is no fault of the owner's.
    let name = scene.database.name().to_owned();
    scene.database.query(&format!(
        "alter database {name} owner to postgres; grant temporary on database {name} to public"
    ));
    let status = scene.status().await;
    assert!(status.problems.is_empty(), "{status:#?}");
    let temporary = "create temporary tables in this database. It opens no row; postgres may";
    assert!(is_noted(&status, temporary), "{status:#?}");
    scene.database.query(&format!(
        "alter database {name} owner to {owner}; revoke temporary on database {name} from public"
    ));

    // No name commands a terminal, and its cure is one all the same.
    scene.database.query(
        "create role U&\"e\\001B[31mvil\\009B\" login in role bob; grant select on public.user_messages to U&\"e\\001B[31mvil\\009B\"",
    );
    let said = scene.sentences().await;
    let sentence = said
        .iter()
        .find(|sentence| sentence.contains("[31mvil"))
        .expect("it is named");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
    scene.database.query(cure(sentence));
    assert!(scene.status().await.problems.is_empty());

    for (version, says) in [("- 100", "older version"), ("+ 1000", "newer version")] {
        scene.database.query(&format!(
            "create table public.kept as table public.epigraph_schema_history; update public.epigraph_schema_history set version = version {version}
             where version = (select max(version) from public.epigraph_schema_history)"
        ));
        let problems = scene.status().await.problems;
        let is_told = matches!(&*problems, [only] if only.contains(says));
        assert!(is_told, "{problems:?}");
        scene.database.query("truncate public.epigraph_schema_history; insert into public.epigraph_schema_history table public.kept; drop table public.kept");
    }
    let group = scene.group.clone();
    scene
        .database
        .query(&format!("drop owned by {group}; drop role {group}"));
    let problems = scene.status().await.problems;
    let none = format!("The group {group} does not exist: run `epigraph admin setup`.");
    assert!(problems.contains(&none), "{problems:?}");
}
