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
-- Whoever owns a database is a member of this role there.
select d.datdba, r.oid, null, true, true, false
from pg_database d join pg_roles r on r.rolname = 'pg_database_owner'
where d.datname = current_database()
order by 1, 2";

/// What is known of this database as a whole, in one row.
pub(super) const PLACE: &str = "\
select current_setting('server_version_num')::int, me.oid, d.datdba, 'epigraph_user_' || d.oid, g.oid, o.oid, c.oid is not null, c.relowner,
    exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = c.oid and a.attname = 'user_id'
            and i.indisunique and i.indimmediate and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null),
    to_regclass('okta.unshown_access') is not null, current_setting('wal_compression') <> 'off', getdatabaseencoding()
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
), objects as (
    select w.kind, case w.relkind when 'S' then 'sequence ' else 'table ' end || w.name as target, w.name as shown, ''::text as about,
        null::text as space, w.relowner as owner, w.relacl as acl, null::text as field, null::aclitem[] as initial
    from watched w
    union all
    select w.kind, 'table ' || w.name, w.name, '', null, w.relowner, a.attacl, quote_ident(a.attname), null
    from watched w join pg_attribute a on a.attrelid = w.oid
    where a.attacl is not null and not a.attisdropped
    union all
    select case n.nspname when 'public' then 'public_schema' else 'schema' end, format('schema %I', n.nspname), format('the schema %I', n.nspname),
        '', null, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), null, null
    from pg_namespace n where n.nspname in ('okta', 'epigraph', 'public')
    union all
    select 'database', format('database %I', d.datname), 'this database', '', null, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), null, null
    from pg_database d where d.datname = current_database()
    union all
    select 'function', case p.prokind when 'p' then 'procedure ' else 'function ' end || f.signature, f.signature, '', null,
        p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null, null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join lateral (
        select format('%I.%I(%s)', n.nspname, p.proname,
            (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place)))
    ) f(signature)
    where n.nspname in ('okta', 'epigraph')
    union all
    -- A view is read with the rights of its owner; a materialized view holds a copy.
    select 'view', format('table %I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
        (select string_agg(w.name, ', ' order by w.name) from shows s join watched w on w.oid = s.base where s.view = c.oid),
        quote_ident(n.nspname), c.relowner, acl.list, acl.field, null
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select c.relacl, null::text
        union all
        select a.attacl, quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
    ) acl(list, field)
    where c.oid in (select view from shows) and c.relkind in ('v', 'm') and n.nspname not in ('okta', 'epigraph')
        and not exists (
            select from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker' and o.option_value::boolean)
    union all
    select 'view', format('table %I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), 'user_messages of another server',
        quote_ident(n.nspname), c.relowner, c.relacl, null, null
    from pg_foreign_table f join pg_class c on c.oid = f.ftrelid join pg_namespace n on n.oid = c.relnamespace
    where 'table_name=user_messages' = any (f.ftoptions) or c.relname = 'user_messages'
    union all
    -- What runs with the rights of its owner, and speaks of what is nobody else's.
    select 'definer', 'function ' || f.signature, f.signature, '', quote_ident(n.nspname),
        p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null, null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join lateral (
        select format('%I.%I(%s)', n.nspname, p.proname,
            (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place)))
    ) f(signature)
    where p.prosecdef and n.nspname not in ('okta', 'epigraph') and (
        p.prosrc ~* '\\m(user_messages|(okta|epigraph)\"?\\s*\\.\\s*\"?({guarded}))\\M'
        or exists (
            select from pg_depend d join watched w on w.oid = d.refobjid
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and w.kind in ('messages', 'ours')))
    union all
    -- Whoever may write a row that refers to another learns whether that is there.
    select 'referring', format('table %I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), quote_ident(f.conname),
        quote_ident(n.nspname), null, acl.list, acl.field, null
    from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select coalesce(c.relacl, acldefault('r', c.relowner)), null::text
        union all
        select a.attacl, quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
    ) acl(list, field)
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
    select 'catalog_function', 'function ' || f.signature, f.signature, p.proname::text, null, p.proowner, p.proacl, null,
        coalesce(i.initprivs, acldefault('f', p.proowner))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    left join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
    cross join lateral (
        select format('%I.%I(%s)', n.nspname, p.proname,
            (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place)))
    ) f(signature)
    where p.proacl is not null and n.nspname not in ('okta', 'epigraph') and (n.nspname = 'pg_catalog' or i.objoid is not null)
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
select 'schema', quote_ident(n.nspname), n.nspowner, 'ours', '' from pg_namespace n where n.nspname in ('okta', 'epigraph')
order by 1, 2"
);

/// The functions of our schemas.
pub(super) const FUNCTIONS: &str = "\
select format('%I.%I(%s)', n.nspname, p.proname,
        (select string_agg(format_type(t.type, null), ', ' order by t.place) from unnest(p.proargtypes) with ordinality t(type, place))),
    pg_get_function_arguments(p.oid), coalesce(pg_get_function_result(p.oid), ''), l.lanname::text, p.provolatile::text, p.proparallel::text,
    p.proisstrict, p.prosecdef, p.proleakproof, p.procost::text, coalesce(p.proconfig, '{}'), p.prosrc, p.prokind::text, p.proowner
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
-- A key that rows of several people share says in its error that somebody has the value.
select 'key', quote_ident(k.relname), w.name, w.kind, null,
    case when c.conname is null then format('drop index %s;', i.indexrelid::regclass) else format('alter table %s drop constraint %I;', w.name, c.conname) end
from pg_index i join watched w on w.oid = i.indrelid and w.kind = 'messages'
join pg_class k on k.oid = i.indexrelid
left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('u', 'p', 'x') and c.conrelid = i.indrelid
where (i.indisunique or i.indisexclusion)
    and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'user_id' and a.attnum = any (i.indkey[0:i.indnkeyatts - 1]))
union all
-- What a default, a check, an index, a policy or a rule calls runs with the rights of whoever writes, the owner's among them.
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
order by 1, 3, 2"
);

/// What a setting of a role, of the database or of both says from the start of a session.
pub(super) const SETTINGS: &str = "\
select coalesce(quote_ident(r.rolname), ''), coalesce(r.oid, 0), coalesce(quote_ident(d.datname), ''), split_part(c.line, '=', 1),
    substr(c.line, strpos(c.line, '=') + 1)
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole
left join pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) c(line)
where s.setdatabase = 0 or d.datname = current_database()
order by 1, 3, 4";

/// What is opened without anybody being asked, from the next table or function on.
pub(super) const DEFAULTS: &str = "\
select quote_ident(pg_get_userbyid(d.defaclrole)), d.defaclrole, coalesce(quote_ident(n.nspname), ''),
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    a.grantee, lower(string_agg(a.privilege_type, ', ' order by a.privilege_type))
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
cross join aclexplode(d.defaclacl) a
where (n.oid is null or n.nspname in ('okta', 'epigraph', 'public')) and d.defaclobjtype in ('r', 'f', 'n') and a.grantee <> d.defaclrole
    and not (d.defaclobjtype = 'f' and a.grantee = 0)
group by d.defaclrole, n.nspname, d.defaclobjtype, a.grantee
order by 1, 3, 4, 5";

/// Access whose password nobody has seen.
pub(super) const UNSHOWN: &str =
    "select quote_ident(role_name) from okta.unshown_access order by 1";
