//! What the catalogs of PostgreSQL 14 to 18 are asked. Every query gives facts; what they mean is decided elsewhere.
//!
//! The search path is `pg_catalog, pg_temp`, so every other name comes with its schema.

/// The roles of the server.
pub(super) const ROLES: &str = "\
select r.oid, quote_ident(r.rolname), r.rolname::text, r.rolcanlogin, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
    coalesce(a.connections, 0)
from pg_roles r left join (
    select usesysid, count(*) as connections from pg_stat_activity group by 1
) a on a.usesysid = r.oid";

/// Who is a member of whom. Until PostgreSQL 15 `set role` takes every membership.
pub(super) const MEMBERSHIPS: &str = "\
select m.member, m.roleid,
    case when m.grantor <> (select oid from pg_roles where rolname = current_user) and o ? 'set_option' then quote_ident(g.rolname) end,
    coalesce((o ->> 'inherit_option')::boolean, r.rolinherit), coalesce((o ->> 'set_option')::boolean, true), m.admin_option
from pg_auth_members m
join pg_roles r on r.oid = m.member
left join pg_roles g on g.oid = m.grantor
cross join to_jsonb(m) o
union all
-- The owner of a database is a member of this role there.
select d.datdba, r.oid, null, true, true, false
from pg_database d join pg_roles r on r.rolname = 'pg_database_owner'
where d.datname = current_database()
order by 1, 2";

/// What is known of this database as a whole, in one row.
pub(super) const PLACE: &str = "\
select current_setting('server_version_num')::int, me.oid, d.datdba, 'epigraph_user_' || d.oid, g.oid, o.oid, c.relowner,
    exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = c.oid and a.attname = 'user_id'
            and i.indisunique and i.indimmediate and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null),
    to_regclass('okta.unshown_access') is not null, current_setting('wal_compression') <> 'off', getdatabaseencoding(),
    to_regprocedure('okta.protection()') is not null and to_regprocedure('okta.guarded_column(regclass)') is not null
        and to_regprocedure('okta.ancestors(regclass)') is not null and to_regprocedure('okta.deparsed_guard(name)') is not null
from pg_database d
join pg_roles me on me.rolname = current_user
left join pg_roles g on g.rolname = 'epigraph_user_' || d.oid
left join pg_roles o on o.rolname = 'epigraph_user'
left join pg_class c on c.oid = to_regclass('public.user_messages')
where d.datname = current_database()";

/// The relations that matter: the table of quotes, our own, and every table that is protected.
macro_rules! watched {
    () => {
        "with recursive watched as (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name, c.relkind, c.relowner, c.relacl,
        case
            when c.oid = to_regclass('public.user_messages') then 'messages'
            when c.oid = to_regclass('public.epigraph_schema_history') then 'history'
            when n.nspname in ('okta', 'epigraph') then 'ours'
            else 'protected'
        end as kind
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and (
        c.oid in (to_regclass('public.user_messages'), to_regclass('public.epigraph_schema_history'))
        or n.nspname in ('okta', 'epigraph')
        or exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'okta_user_id'))
)"
    };
}

/// Every right on what matters. `{parameters}` is for what PostgreSQL 14 does not know, `{guarded}` for the names of what is the
/// owner's alone.
pub(super) const RIGHTS: &str = concat!(
    watched!(),
    ", shows as (
    select distinct r.ev_class as view, w.oid as base
    from watched w
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = w.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> w.oid
    where w.kind in ('messages', 'ours', 'protected')
    union
    select r.ev_class, s.base
    from shows s
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = s.view and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> s.view
), nobodys as (
    -- What speaks of one of these by name.
    select '(user_messages|(okta|epigraph)\"?\\s*\\.\\s*\"?({guarded})'
        || coalesce((
            select string_agg(distinct '|' || regexp_replace(c.relname, '(\\W)', '\\\\\\1', 'g'), '')
            from shows s join watched w on w.oid = s.base and w.kind in ('messages', 'ours') join pg_class c on c.oid = s.view), '')
        || ')' as name
), functions as not materialized (
    select p.*, n.nspname, format('%I.%I(%s)', n.nspname, p.proname,
        (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place))) as signature
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
), relations as not materialized (
    -- Each with the list of the rights on it as a whole, and on each column that has one.
    select c.oid, c.relname, c.relkind, c.relowner, c.reloptions, n.nspname, quote_ident(n.nspname) as space,
        format('%I.%I', n.nspname, c.relname) as name, acl.list, acl.field
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select coalesce(c.relacl, acldefault('r', c.relowner)), null::text
        union all
        select a.attacl, quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
    ) acl(list, field)
), speaks as (
    select p.oid as function, p.proname::text as name
    from functions p
    where p.nspname not in ('okta', 'epigraph', 'pg_catalog', 'information_schema') and (
        p.prosrc ~* ('\\m' || (select name from nobodys) || '\\M')
        or exists (
            select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and (
                d.refclassid = 'pg_class'::regclass and d.refobjid in (
                    select oid from watched where kind in ('messages', 'ours')
                    union select s.view from shows s join watched w on w.oid = s.base and w.kind in ('messages', 'ours'))
                or d.refclassid = 'pg_proc'::regclass and d.refobjid in (
                    select g.oid from functions g where g.nspname in ('okta', 'epigraph') and g.proname ~ '^({guarded})$'))))
    union
    -- Or calls what does.
    select p.oid, p.proname::text
    from speaks s
    join functions p on p.prosrc ~* ('\\m' || regexp_replace(s.name, '(\\W)', '\\\\\\1', 'g') || '\"?\\s*\\(')
        or exists (
            select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass and d.refobjid = s.function)
    where p.nspname not in ('okta', 'epigraph', 'pg_catalog', 'information_schema')
), objects as (
    select w.kind, case w.relkind when 'S' then 'sequence ' else 'table ' end || w.name as target, w.name as shown, ''::text as about,
        null::text as space, w.relowner as owner, c.list as acl, c.field, null::aclitem[] as initial
    from watched w join relations c on c.oid = w.oid
    union all
    select case n.nspname when 'public' then 'public_schema' else 'schema' end, format('schema %I', n.nspname), format('the schema %I', n.nspname),
        '', null, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), null, null
    from pg_namespace n where n.nspname in ('okta', 'epigraph', 'public')
    union all
    select 'database', format('database %I', d.datname), 'this database', '', null, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), null, null
    from pg_database d where d.datname = current_database()
    union all
    select 'function', case p.prokind when 'p' then 'procedure ' else 'function ' end || p.signature, p.signature, '', null,
        p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null, null
    from functions p where p.nspname in ('okta', 'epigraph')
    union all
    -- A view is read with the rights of its owner. What holds a copy shows it to its owner as well, whatever else they may do.
    select case c.relkind when 'v' then 'view' else 'copy' end, 'table ' || c.name, c.name,
        (select string_agg(w.name, ', ' order by w.name) from shows s join watched w on w.oid = s.base where s.view = c.oid),
        c.space, case c.relkind when 'v' then c.relowner end, c.list, c.field, null
    from relations c
    where c.oid in (select view from shows) and c.nspname not in ('okta', 'epigraph') and (
        c.relkind = 'm' or c.relkind = 'v' and not exists (
            select from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker' and o.option_value::boolean))
    union all
    select 'view', 'table ' || c.name, c.name, 'user_messages of another server', c.space, c.relowner, c.list, null, null
    from pg_foreign_table f join relations c on c.oid = f.ftrelid and c.field is null
    where 'table_name=user_messages' = any (f.ftoptions) or c.relname = 'user_messages'
    union all
    -- What was copied leaves no trace but its columns.
    select 'lookalike', 'table ' || c.name, c.name, '', c.space, c.relowner, c.list, c.field, null
    from relations c
    where c.relkind in ('r', 'p') and c.oid not in (select oid from watched) and c.nspname not in ('pg_catalog', 'information_schema')
        and (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attname in ('user_id', 'message') and not a.attisdropped) = 2
    union all
    -- What runs with the rights of its owner, and refers to what only the owner may use.
    select 'definer', 'function ' || p.signature, p.signature, '', quote_ident(p.nspname),
        p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null, null
    from functions p
    where p.oid in (select function from speaks) and p.prosecdef
        -- Of what an aggregate is made of, its own owner is asked.
        or exists (
            select from pg_aggregate g join pg_proc f on f.oid in (g.aggtransfn, g.aggfinalfn, g.aggmtransfn, g.aggmfinalfn)
            where g.aggfnoid = p.oid and f.prosecdef and f.oid in (select function from speaks))
    union all
    -- What a statement that is put together speaks of stands nowhere.
    select 'composer', 'function ' || p.signature, p.signature, '', quote_ident(p.nspname),
        p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null, null
    from functions p
    where p.prosecdef and p.prosrc ~* '\\mexecute\\M' and p.prorettype <> 'trigger'::regtype
        and p.nspname not in ('okta', 'epigraph', 'pg_catalog', 'information_schema') and p.oid not in (select function from speaks)
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    union all
    -- A trigger asks no one for the right to call it, and a rule has the rights of the owner of its table.
    select 'writing', 'table ' || c.name, c.name, x.about, c.space, c.relowner, c.list, c.field, null
    from (
        select t.tgrelid, format('trigger %I', t.tgname)
        from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where p.prosecdef and not t.tgisinternal and p.oid in (select function from speaks)
        union all
        select s.view, format('rule %I', r.rulename)
        from (select distinct view from shows) s join pg_rewrite r on r.ev_class = s.view and r.ev_type <> '1'
        where exists (
            select from pg_depend d
            where d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
                and d.refobjid in (select oid from watched where kind in ('messages', 'ours') union select view from shows) and d.refobjid <> s.view)
    ) x(relation, about)
    join relations c on c.oid = x.relation
    where c.oid not in (select oid from watched)
    union all
    -- A role that may write a row which refers to another learns whether that is there.
    select 'referring', 'table ' || c.name, c.name, quote_ident(f.conname), c.space, null, c.list, c.field, null
    from pg_constraint f join relations c on c.oid = f.conrelid
    where f.contype = 'f' and f.confrelid = to_regclass('public.user_messages')
    union all
    -- Rights on PostgreSQL's own things and those of extensions, beyond the ones that they came with.
    select 'catalog', format('table %I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '', null, c.relowner, c.relacl, null,
        coalesce(i.initprivs, acldefault('r', c.relowner))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_init_privs i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
    where c.relacl is not null and c.relkind <> 'S' and (n.nspname = 'pg_catalog' or i.objoid is not null)
    union all
    select 'catalog', format('table pg_catalog.%I', c.relname), format('pg_catalog.%I', c.relname), '', null, c.relowner, a.attacl, quote_ident(a.attname),
        i.initprivs
    from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relnamespace = 'pg_catalog'::regnamespace
    left join pg_init_privs i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = a.attnum
    where a.attacl is not null
    union all
    select 'catalog_function', 'function ' || p.signature, p.signature, p.proname::text, null, p.proowner, p.proacl, null,
        coalesce(i.initprivs, acldefault('f', p.proowner))
    from functions p
    left join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
    where p.proacl is not null and p.nspname not in ('okta', 'epigraph') and (p.nspname = 'pg_catalog' or i.objoid is not null)
    {parameters}
)
select o.kind, o.target, o.shown, o.about, o.space, o.owner, a.grantee, lower(a.privilege_type), o.field, a.is_grantable,
    o.owner is null or pg_has_role(o.owner, 'usage'), coalesce(quote_ident(pg_get_userbyid(o.owner)), '')
from objects o cross join aclexplode(o.acl) a
where a.grantee is distinct from o.owner and not exists (
    select from aclexplode(o.initial) b where b.grantee in (0, a.grantee) and b.privilege_type = a.privilege_type)
order by 1, 2, 7, 8, 9"
);

/// From PostgreSQL 15 on.
pub(super) const PARAMETERS: &str = "\
    union all
    select 'parameter', 'parameter ' || p.parname, p.parname, '', null, null, p.paracl, null, null
    from pg_parameter_acl p";

/// Who may use a schema.
pub(super) const SPACES: &str = "\
select quote_ident(n.nspname), a.grantee
from pg_namespace n cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
where a.privilege_type = 'USAGE' and n.nspname not like 'pg\\_%'";

/// Who owns what the migrations made, but for functions, and which relations there are.
pub(super) const OWNED: &str = concat!(
    watched!(),
    "
select 'table', w.name, w.relowner, w.kind, array_to_string(array(
        select x.right from unnest(array['select', 'insert', 'update', 'delete']) with ordinality x(\"right\", place)
        where w.kind = 'messages' and not has_table_privilege(n.nspowner, w.oid, x.right) order by x.place), ', ')
from watched w left join pg_namespace n on n.nspname = 'epigraph' where w.relkind in ('r', 'p')
union all
select 'schema', quote_ident(n.nspname), n.nspowner, case n.nspname when 'public' then 'public_schema' else 'ours' end, ''
from pg_namespace n where n.nspname in ('okta', 'epigraph', 'public')
order by 1, 2"
);

/// The functions of our schemas.
pub(super) const FUNCTIONS: &str = "\
select format('%I.%I(%s)', n.nspname, p.proname,
        (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place))),
    pg_get_function_arguments(p.oid), coalesce(pg_get_function_result(p.oid), ''),
    array[
        'language ' || l.lanname, case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        'parallel ' || case p.proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end,
        case when p.proisstrict then 'strict' else 'called on null input' end, 'security ' || case when p.prosecdef then 'definer' else 'invoker' end,
        case when p.proleakproof then 'leakproof' else 'not leakproof' end, 'cost ' || p.procost],
    coalesce(p.proconfig, '{}'), p.prosrc, p.prokind::text, p.proowner
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname in ('okta', 'epigraph')
order by 1";

/// Everything else in our schemas, and casts that have to do with it.
pub(super) const CONTENTS: &str = "\
select i.type, i.identity
from pg_depend d
join pg_namespace n on n.oid = d.refobjid and d.refclassid = 'pg_namespace'::regclass
cross join pg_identify_object(d.classid, d.objid, 0) i
where n.nspname in ('okta', 'epigraph') and d.classid not in ('pg_proc'::regclass, 'pg_default_acl'::regclass)
union
select 'cast', format('(%s as %s)', format_type(c.castsource, null), format_type(c.casttarget, null))
from pg_cast c join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget left join pg_proc p on p.oid = c.castfunc
where array[s.typnamespace, t.typnamespace, coalesce(p.pronamespace, 0)] && array(select oid from pg_namespace where nspname in ('okta', 'epigraph'))
order by 1, 2";

/// What hangs on the relations that matter: one row each, of what it is, its name, the relation and its kind, whose code it runs,
/// and what takes it away.
pub(super) const ATTACHED: &str = concat!(
    watched!(),
    "
select 'trigger', quote_ident(t.tgname), w.name, w.kind, p.proowner, format('drop trigger %I on %s;', t.tgname, w.name)
from pg_trigger t join watched w on w.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal
union all
select 'event trigger', quote_ident(t.evtname), 'This database', 'database', p.proowner, format('drop event trigger %I;', t.evtname)
from pg_event_trigger t join pg_proc p on p.oid = t.evtfoid
union all
-- Rows that the functions do not see: who is blocked, for one.
select 'hidden', '', w.name, w.kind, null, format('alter table %1$s no force row level security, disable row level security;', w.name)
from pg_class c join watched w on w.oid = c.oid
where c.relrowsecurity and w.kind in ('ours', 'history')
union all
select 'forced', '', w.name, w.kind, null, format('alter table %s no force row level security;', w.name)
from pg_class c join watched w on w.oid = c.oid
where c.relforcerowsecurity and w.kind = 'messages'
union all
select 'rule', quote_ident(r.rulename), w.name, w.kind, null, format('drop rule %I on %s;', r.rulename, w.name)
from pg_rewrite r join watched w on w.oid = r.ev_class
where r.rulename <> '_RETURN'
union all
select 'parent', i.inhparent::regclass::text, w.name, w.kind, null,
    format(case when c.relispartition then 'alter table %2$s detach partition %1$s;' else 'alter table %1$s no inherit %2$s;' end, w.name, i.inhparent::regclass)
from pg_inherits i join watched w on w.oid = i.inhrelid join pg_class c on c.oid = i.inhrelid
where w.kind <> 'protected'
union all
select 'child', i.inhrelid::regclass::text, w.name, w.kind, null, format('alter table %s no inherit %s;', i.inhrelid::regclass, w.name)
from pg_inherits i join watched w on w.oid = i.inhparent
where w.kind <> 'protected'
union all
-- A key that rows of several people share says in its error that someone has the value.
select 'key', quote_ident(k.relname), w.name, w.kind, null,
    case when c.conname is null then format('drop index %s;', i.indexrelid::regclass) else format('alter table %s drop constraint %I;', w.name, c.conname) end
from pg_index i join watched w on w.oid = i.indrelid and w.kind = 'messages'
join pg_class k on k.oid = i.indexrelid
left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('u', 'p', 'x') and c.conrelid = i.indrelid
where (i.indisunique or i.indisexclusion)
    and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'user_id' and a.attnum = any (i.indkey[0:i.indnkeyatts - 1]))
union all
-- What a default, a check, an index, a policy or a rule calls runs with the rights of the role that writes, the owner's among them.
select 'code', p.oid::regprocedure::text, w.name, w.kind, p.proowner, ''
from (
    select 'pg_attrdef'::regclass as class, oid, adrelid as relation from pg_attrdef
    union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint
    union all select 'pg_class'::regclass, indexrelid, indrelid from pg_index
    union all select 'pg_policy'::regclass, oid, polrelid from pg_policy
    union all select 'pg_rewrite'::regclass, oid, ev_class from pg_rewrite
    union all select 'pg_trigger'::regclass, oid, tgrelid from pg_trigger where not tgisinternal
) x
join watched w on w.oid = x.relation
join pg_depend d on d.classid = x.class and d.objid = x.oid and d.refclassid = 'pg_proc'::regclass
join pg_proc p on p.oid = d.refobjid
union
select 'publication', quote_ident(p.pubname), w.name, w.kind, null, ''
from pg_publication_tables p join watched w on w.kind = 'messages' and p.schemaname = 'public' and p.tablename = 'user_messages'
union all
select 'mapping', quote_ident(m.srvname), '', 'server', null, format('drop user mapping for public server %I;', m.srvname)
from pg_user_mappings m where m.umuser = 0
union all
select 'passage', quote_ident(m.srvname), '', 'server', m.umuser, format('drop user mapping for %I server %I;', m.usename, m.srvname)
from pg_user_mappings m where m.umuser <> 0
union all
-- What deletes or changes quotes along with a row of another table.
select 'cascade', quote_ident(f.conname), f.confrelid::regclass::text, w.kind, null, format('alter table %s drop constraint %I;', w.name, f.conname)
from pg_constraint f join watched w on w.oid = f.conrelid and w.kind = 'messages'
where f.contype = 'f' and (f.confdeltype not in ('a', 'r') or f.confupdtype not in ('a', 'r'))
union all
select 'limit', format('%I, %s', f.conname, pg_get_constraintdef(f.oid)), w.name, w.kind, null, format('alter table %s drop constraint %I;', w.name, f.conname)
from pg_constraint f join watched w on w.oid = f.conrelid and w.kind = 'messages'
where f.contype in ('c', 'f')
order by 1, 3, 2"
);

/// What a setting of a role, of the database or of both says from the start of a session.
pub(super) const SETTINGS: &str = "\
select coalesce(quote_ident(r.rolname), ''), coalesce(quote_ident(d.datname), ''), split_part(c.line, '=', 1),
    substr(c.line, strpos(c.line, '=') + 1), coalesce(r.oid, 0)
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole
left join pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) c(line)
where s.setdatabase = 0 or d.datname = current_database()
order by 1, 2, 3";

/// The settings of the whole server with which it logs what statements are given. `log_statement = 'mod'` is none: a token is
/// given to a `select`.
pub(super) const LOGGED: &str = "\
select string_agg(s.name || ' = ' || s.setting, ', ' order by s.name)
from pg_settings s
where s.source in ('default', 'environment variable', 'configuration file', 'command line')
    and case s.name
        when 'log_statement' then s.setting = 'all'
        when 'log_min_duration_statement' then s.setting <> '-1'
        when 'log_min_duration_sample' then s.setting <> '-1' and current_setting('log_statement_sample_rate') <> '0'
        when 'log_transaction_sample_rate' then s.setting <> '0'
    end
    and not exists (
        select from pg_settings m
        where m.name = 'log_parameter_max_length' and m.setting = '0' and m.source not in ('user', 'database user', 'client', 'session'))
having count(*) > 0";

/// What is opened without anybody being asked, from the next table or function on.
pub(super) const DEFAULTS: &str = "\
select quote_ident(pg_get_userbyid(d.defaclrole)), coalesce(quote_ident(n.nspname), ''),
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    lower(string_agg(a.privilege_type, ', ' order by a.privilege_type)), d.defaclrole, a.grantee
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
cross join aclexplode(d.defaclacl) a
where (n.oid is null or n.nspname in ('okta', 'epigraph', 'public')) and d.defaclobjtype in ('r', 'f', 'n') and a.grantee <> d.defaclrole
    and not (d.defaclobjtype = 'f' and a.grantee = 0)
group by d.defaclrole, n.nspname, d.defaclobjtype, a.grantee
order by 1, 2, 3, 6";

/// Keys that count and should not: which key, the reason, and the statement that takes it away. What follows from a modulus is worked
/// out anew, and by nothing of ours that someone may have changed: with other numbers beside it a forgery fits.
pub(super) const BAD_KEYS: &str = "\
select k.kid, case when i.issuer is null then 'issuer' else 'numbers' end, k.issuer,
    format('select okta.remove_signing_key(%L, %L);', k.issuer, k.kid)
from okta.signing_key k
left join okta.issuer i on i.issuer = k.issuer
cross join lateral (select ceil(length(k.modulus::text) / 4.0)::int as limbs) l
cross join lateral (select 4 * (l.limbs + (l.limbs + 1) / 2) as folded) f
where i.issuer is null or (case
    when k.modulus >= 2::numeric ^ 2047 and k.modulus < 2::numeric ^ 4096 and scale(k.modulus) = 0
        and k.bits between 2048 and 4096 and k.octets = (k.bits + 7) / 8
    then k.modulus >= 2::numeric ^ (k.bits - 1) and k.modulus < 2::numeric ^ k.bits
        and gcd(k.modulus, 2305567963945518424753102147331756070) = 1
        and k.padding = 2 * 256::numeric ^ (k.octets - 2) - 256::numeric ^ 52 + 1074720622405046283428835398852229154138489888 * 256::numeric ^ 32
        and k.irrelevant_digits = 4 * (l.limbs - 2)
        and k.folded_digits = f.folded
        and k.reciprocal = div(('1e' || f.folded + 4)::numeric, k.modulus) * ('1e-' || f.folded + 4)::numeric
        and k.fold = mod(('1e' || f.folded)::numeric, k.modulus) * ('1e-' || f.folded)::numeric
    else false
end) is not true
order by 1";

/// What our own tables are made of: a table and one part of it each.
pub(super) const SHAPES: &str = concat!(
    watched!(),
    "
select w.name, x.part
from watched w cross join lateral (
    select concat('column ', quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
        case when a.attcollation not in (0, t.typcollation) then ' collate ' || a.attcollation::regcollation end,
        case when a.attnotnull then ' not null' end,
        case when d.oid is not null then case a.attgenerated when '' then ' default ' else ' generated as ' end || pg_get_expr(d.adbin, d.adrelid) end)
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
    union all
    select pg_get_constraintdef(c.oid) from pg_constraint c where c.conrelid = w.oid and c.contype in ('c', 'p', 'u', 'f', 'x')
    union all
    select pg_get_indexdef(i.indexrelid) from pg_index i
    where i.indrelid = w.oid and i.indisunique and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.conrelid = w.oid)
) x(part)
where w.kind = 'ours' and w.relkind = 'r'
order by 1, 2"
);

/// What is wrong with the columns of the table of quotes, and with what any of our tables is kept in: the table, what is wrong, and
/// what puts it right.
pub(super) const FAULTS: &str = concat!(
    watched!(),
    "
select w.name, 'unlogged', '', format('alter table %s set logged;', w.name)
from watched w join pg_class c on c.oid = w.oid
where c.relpersistence = 'u' and w.kind <> 'protected'
union all
select w.name, case when a.attname is null then 'missing' when a.atttypid <> wanted.type then 'type' else 'nullable' end,
    wanted.name,
    case
        when a.attname is null then ''
        when a.atttypid <> wanted.type then format('alter table %s alter %I type %s;', w.name, wanted.name, format_type(wanted.type, null))
        else format('alter table %s alter %I set not null;', w.name, wanted.name)
    end
from watched w
cross join (values ('user_id', 'text'::regtype), ('create_ts', 'timestamp'::regtype), ('message', 'text'::regtype)) wanted(name, type)
left join pg_attribute a on a.attrelid = w.oid and a.attname = wanted.name and not a.attisdropped
where w.kind = 'messages' and (a.attname is null or a.atttypid <> wanted.type or not a.attnotnull)
union all
select w.name, 'mandatory', quote_ident(a.attname), format('alter table %s alter %I drop not null;', w.name, a.attname)
from watched w join pg_attribute a on a.attrelid = w.oid
where w.kind = 'messages' and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef and a.attidentity = ''
    and a.attname not in ('user_id', 'create_ts', 'message')
order by 1, 2, 3"
);

/// Access whose password no one has seen.
pub(super) const UNSHOWN: &str =
    "select quote_ident(role_name) from okta.unshown_access order by 1";
