-- The table of quotes is out of reach: people call functions that check the token, take the id from it, touch that one row and
-- return it. Whatever a caller adds (conditions, explain, cursors) stands outside of them and sees that row alone. Row security
-- cannot promise as much to people who write their own SQL: whether its condition was evaluated at all tells something.

do $$
begin
    if exists (select from pg_catalog.pg_namespace where nspname = 'epigraph') then
        raise exception 'This database has a schema named epigraph that is not of this program'
            using errcode = 'datatype_mismatch', hint = 'Rename that schema, then migrate again';
    end if;
end
$$;

create schema epigraph;

-- The name of the group whose members are people of this database. Roles are known to all databases of a server, and the number
-- of a database is the one thing about it that neither a copy of it nor a later one of the same name has.
create function okta.user_group() returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select ('epigraph_user_' || oid)::name from pg_database where datname = current_database()
$$;

-- Every function of a quote is volatile, so that each of its statements sees what is so at that moment: a person who was blocked
-- in between as well. The settings of the planner are pinned, because a caller who may choose a sequential scan has other rows
-- compared with theirs, and before PostgreSQL 18 may choose it by what an index is pretended to cost; and where one is all there is,
-- as in a table of one row, its pretended cost must compile nothing. No text is ever compared but that of one's own row, which is
-- fetched first. The time is taken off by an interval: the name UTC may stand for another zone, from PostgreSQL 18 on for the one
-- that the caller's setting calls so.

-- The caller's quote; nulls where there is none.
create function epigraph.load_quote(out message text, out create_ts timestamp)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_indexscan = on
set enable_bitmapscan = off
set enable_seqscan = off
set random_page_cost = 4
set cpu_tuple_cost = 0.01
set cpu_index_tuple_cost = 0.005
set cpu_operator_cost = 0.0025
set jit = off
as $$
declare
    person text := okta.user_id();
begin
    select m.message, m.create_ts into message, create_ts
    from public.user_messages m where m.user_id = person;
end
$$;

-- Saves the caller's quote in the place of the text that it was based on; null where there was none. Returns the quote as it is
-- now, with nulls where there is none, and whether it is so because of this call.
create function epigraph.save_quote(
    new_text text, based_on text, out message text, out create_ts timestamp, out done boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_indexscan = on
set enable_bitmapscan = off
set enable_seqscan = off
set random_page_cost = 4
set cpu_tuple_cost = 0.01
set cpu_index_tuple_cost = 0.005
set cpu_operator_cost = 0.0025
set jit = off
as $$
declare
    person text := okta.user_id();
begin
    if new_text is null then
        raise exception 'There is no text to save.' using errcode = 'null_value_not_allowed';
    end if;
    -- As the program has it: nobody fills the disk with one quote.
    if octet_length(new_text) > 65536 then
        raise exception 'A quote has at most 65536 bytes.' using errcode = 'string_data_right_truncation';
    end if;
    done := false;
    if based_on is null then
        insert into public.user_messages as m (user_id, message, create_ts)
        values (person, new_text, now() at time zone interval '0')
        on conflict (user_id) do nothing
        returning m.message, m.create_ts into message, create_ts;
        done := found;
    else
        select m.message, m.create_ts into message, create_ts
        from public.user_messages m where m.user_id = person for update;
        if message = based_on then
            update public.user_messages m set message = new_text, create_ts = now() at time zone interval '0'
            where m.user_id = person
            returning m.message, m.create_ts into message, create_ts;
            done := found;
        end if;
        return;
    end if;
    if not done then
        select m.message, m.create_ts into message, create_ts
        from public.user_messages m where m.user_id = person;
    end if;
end
$$;

-- Deletes the caller's quote if it is the text that this is based on; null for whatever it is. Returns the quote that is there
-- still, with nulls where there is none.
create function epigraph.delete_quote(based_on text, out message text, out create_ts timestamp)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_indexscan = on
set enable_bitmapscan = off
set enable_seqscan = off
set random_page_cost = 4
set cpu_tuple_cost = 0.01
set cpu_index_tuple_cost = 0.005
set cpu_operator_cost = 0.0025
set jit = off
as $$
declare
    person text := okta.user_id();
begin
    select m.message, m.create_ts into message, create_ts
    from public.user_messages m where m.user_id = person for update;
    if based_on is null or message = based_on then
        delete from public.user_messages m where m.user_id = person;
        message := null;
        create_ts := null;
    end if;
end
$$;

-- From here on: the owner's own work.

-- Lets a role ask who it is, and log in to this database, which is closed to everybody else. The tables that it may use are granted
-- beside it.
create or replace function okta.grant_access(grantee name) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('grant usage on schema okta to %I', grantee);
    execute format('grant execute on function okta.user_id(), okta.claims(), okta.knows_key(text) to %I', grantee);
    if pg_has_role((select d.datdba from pg_database d where d.datname = current_database()), 'usage') then
        execute format('grant connect on database %I to %I', current_database(), grantee);
    end if;
end
$$;

-- Lets a role keep a quote: call these functions, and ask who it is.
create function epigraph.grant_access(grantee name) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform okta.grant_access(grantee);
    execute format('grant usage on schema epigraph to %I', grantee);
    execute format(
        'grant execute on function epigraph.load_quote(), epigraph.save_quote(text, text), epigraph.delete_quote(text) to %I',
        grantee);
end
$$;

-- Closes this database to whoever has no business in it, so that people of another database of the server cannot even log in: the
-- right to connect, which PostgreSQL gives to everybody, goes to the group, and to each role that owns something here, was granted
-- something, or comes by something through another role. Takes from everybody the right to make temporary tables, and to make
-- things in the schema public. What belongs to somebody else is left as it is: `epigraph admin status` names it.
create function epigraph.close_database() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    this pg_database := (select d from pg_database d where d.datname = current_database());
    resident name;
begin
    if pg_has_role(this.datdba, 'usage') then
        if exists (select from aclexplode(coalesce(this.datacl, acldefault('d', this.datdba))) a
            where a.grantee = 0 and a.privilege_type = 'CONNECT')
        then
            for resident in
                with holders as (
                    select r.oid from pg_shdepend s join pg_roles r on r.oid = s.refobjid
                    where s.dbid = this.oid and s.refclassid = 'pg_authid'::regclass
                        and r.rolname !~ '^epigraph_user(_[0-9]+)?$'
                    union
                    select r.oid from pg_roles r
                    where r.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_monitor', 'pg_read_all_stats')
                )
                select r.rolname from pg_roles r
                where not r.rolsuper and r.rolname !~ '^(pg_|epigraph_user(_[0-9]+)?$)'
                    and not pg_has_role(r.oid, this.datdba, 'usage')
                    and exists (select from holders h where pg_has_role(r.oid, h.oid, 'member'))
            loop
                execute format('grant connect on database %I to %I', this.datname, resident);
            end loop;
            execute format('revoke connect on database %I from public', this.datname);
        end if;
        execute format('revoke temporary on database %I from public', this.datname);
    end if;
    if pg_has_role((select nspowner from pg_namespace where nspname = 'public'), 'usage') then
        revoke create on schema public from public;
    end if;
end
$$;

-- Access whose password was set and has not been shown to anybody yet: the next run makes a new one instead of keeping it.
create table okta.unshown_access (
    role_name name primary key,
    made_at timestamptz not null default now()
);

revoke all on schema epigraph from public;
revoke all on all functions in schema epigraph from public;
revoke all on all functions in schema okta from public;
revoke all on table okta.unshown_access from public;
revoke all on table public.user_messages from public;

-- The group of this database takes over from the one that all databases of a server shared.
do $$
declare
    people name := okta.user_group();
    -- In a database that this very transaction sets up, nobody of the old group was let in for its sake.
    is_new boolean := (select xmin::text::bigint = pg_catalog.pg_current_xact_id()::text::bigint % 4294967296
        from pg_catalog.pg_namespace where nspname = 'okta');
    is_needed boolean;
    person name;
    movers name[];
begin
    if not exists (select from pg_catalog.pg_roles where rolname = people) then
        begin
            execute pg_catalog.format('create role %I nologin', people);
        exception
            when insufficient_privilege then
                raise exception 'The group role % could not be made: the role % may make no roles', people, current_user
                    using errcode = 'datatype_mismatch',
                        hint = pg_catalog.format('Have a role that may run "create role %I nologin; grant %I to %I with admin option", then migrate again', people, people, current_user);
        end;
    end if;
    perform epigraph.grant_access(people);

    if pg_catalog.to_regrole('epigraph_user') is not null then
        revoke all on table public.user_messages from epigraph_user;
        revoke all on all functions in schema okta from epigraph_user;
        revoke all on schema okta from epigraph_user;
        -- Another database may need it still, or a table of the owner's own in this one.
        is_needed := exists (
            select from pg_catalog.pg_shdepend s
            where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = pg_catalog.to_regrole('epigraph_user')
                and s.dbid <> 0);
        select pg_catalog.array_agg(r.rolname) into movers
        from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member
        where m.roleid = pg_catalog.to_regrole('epigraph_user') and r.rolname <> current_user
            -- Since PostgreSQL 16 whoever makes a group is put into it, and gains nothing by that.
            and (coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true)
                or coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true))
            -- Nor is whoever owns another database, and had to be given the group to let people in there, one of them here.
            and not (m.admin_option and exists (
                select from pg_catalog.pg_database d where d.datdba = m.member and d.datname <> pg_catalog.current_database()));
        if not is_new then
            foreach person in array coalesce(movers, '{}') loop
                execute pg_catalog.format('grant %I to %I', people, person);
                if not is_needed then
                    begin
                        execute pg_catalog.format('revoke epigraph_user from %I', person);
                    exception
                        -- `epigraph admin status` names them.
                        when insufficient_privilege then null;
                    end;
                end if;
            end loop;
        end if;
    end if;
    perform epigraph.close_database();
end
$$;
