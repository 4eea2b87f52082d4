-- The guard of a table in a form that answers no question about others' rows, on partitions and children too.
--
-- What a caller asks may be looked at before the guard is: the planner takes conditions that cannot leak by an error in the
-- order of their cost. So the guard costs nothing: a key looked up in a jsonb is not charged for, and comes first. That it
-- comes first also means that the token is checked as soon as there is any row, whatever was asked. The comparison beside it is
-- for the index.

-- The condition of the guard, for this column.
create function okta.guard("column" name) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        '(select jsonb_build_object(okta.user_id(), true))[%1$I] is not null and %1$I = (select okta.user_id())', "column");
end
$$;

-- The column by which a table is guarded. Null for none, and where the guard is about several.
create function okta.guarded_column("table" regclass) returns name
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select min(a.attname::text)::name
        from pg_policy p
        join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid > 0
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where p.polrelid = "table" and p.polname = 'okta_user_id'
        having count(distinct a.attnum) = 1);
end
$$;

-- The partitions and children of a table, theirs as well, each after what it is a part of.
create function okta.descendants("table" regclass) returns setof regclass
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        with recursive below (relation, depth) as (
            select i.inhrelid, 1 from pg_inherits i where i.inhparent = "table"
            union
            select i.inhrelid, b.depth + 1 from below b join pg_inherits i on i.inhparent = b.relation
        )
        select b.relation::regclass from below b group by b.relation order by max(b.depth), b.relation;
end
$$;

-- What a table is a part of, at any remove.
create function okta.ancestors("table" regclass) returns setof regclass
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        with recursive above (relation) as (
            select i.inhparent from pg_inherits i where i.inhrelid = "table"
            union
            select i.inhparent from above a join pg_inherits i on i.inhrelid = a.relation
        )
        select a.relation::regclass from above a;
end
$$;

-- Puts the guard on one table, in the place of the one that it has. What has to be known to undo it stands in the policy's
-- comment: that goes with the table, and into a dump, and an oid in a table of ours would do neither.
create function okta.put_guard("table" regclass, "column" name, with_parent boolean) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    target text := "table"::text;
    remembered text := (
        select coalesce(obj_description(p.oid, 'pg_policy'), 'Made by okta.protect.')
        from pg_policy p where p.polrelid = "table" and p.polname = 'okta_user_id');
begin
    if remembered is null then
        select concat_ws(' ', 'Made by okta.protect.',
            case when c.relrowsecurity then 'Row security was on before.' end,
            case when with_parent then 'It came with what this table is a part of.' end)
        into remembered from pg_class c where c.oid = "table";
    else
        execute format('drop policy okta_user_id on %s', target);
    end if;
    execute format('create policy okta_user_id on %1$s using (%2$s) with check (%2$s)', target, okta.guard("column"));
    execute format('comment on policy okta_user_id on %s is %L', target, remembered);
    execute format('alter table %s enable row level security', target);
end
$$;

-- Lets everybody see and change only the rows that hold their user id in this column: of the table, and of its partitions and
-- children where they are asked themselves. Who may do what with such rows is a matter of grants, as ever. The owner of the
-- table, and roles that bypass row security, still see everything. Once more: takes in what came later.
create or replace function okta.protect("table" regclass, "column" name) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    part regclass;
    other regclass;
    fault text;
begin
    if pg_has_role((select c.relowner from pg_class c where c.oid = "table" and c.relkind in ('r', 'p')), 'usage') then
        -- Its parts as well: none comes or goes meanwhile.
        execute format('lock table %s in access exclusive mode', "table");
    end if;

    for part in select "table" union all select okta.descendants("table") loop
        select
            case
                when c.relkind not in ('r', 'p') then 'is not a table'
                when c.relpersistence = 't' then 'is a temporary table'
                when not pg_has_role(c.relowner, 'usage') then 'belongs to somebody else'
                when a.attname is null then 'has no such column'
                when a.atttypid <> 'text'::regtype then 'has a column of that name, but it is not of the type text'
                when not l.collisdeterministic then 'has a collation there for which different user ids are equal'
                when a.attgenerated not in ('', 's') then 'has a column of that name that is computed whenever it is read'
                when exists (select from pg_policy p where p.polrelid = c.oid and p.polname <> 'okta_user_id')
                    then 'has policies of its own, which could let others in'
                when part <> "table" and okta.guarded_column(part) <> "column"
                    and coalesce(obj_description(p.oid, 'pg_policy'), '') !~ 'It came with'
                    then 'is protected by another column already'
            end
        into fault
        from pg_class c
        left join pg_attribute a on a.attrelid = c.oid and a.attname = "column" and a.attnum > 0 and not a.attisdropped
        left join pg_collation l on l.oid = a.attcollation
        left join pg_policy p on p.polrelid = c.oid and p.polname = 'okta_user_id'
        where c.oid = part;
        if not found then
            raise exception 'There is no such table.' using errcode = 'undefined_table';
        elsif fault is not null then
            raise exception '% %.', part, fault using errcode = 'wrong_object_type',
                hint = case when part = "table"
                    then 'A table of one''s own is needed, with a text column for the user id.'
                    else format('It is a part of %s, and must be such that it can be protected too.', "table")
                end;
        end if;
    end loop;

    for other in select okta.ancestors("table") loop
        if okta.guarded_column(other) is null then
            raise exception '% is a part of %, which is not protected and shows its rows.', "table", other
                using errcode = 'wrong_object_type', hint = format('Protect %s.', other);
        elsif okta.guarded_column(other) <> "column" then
            raise exception '% is a part of %, which is protected by another column.', "table", other
                using errcode = 'wrong_object_type', hint = format('Protect %s.', other);
        end if;
    end loop;

    perform okta.put_guard("table", "column", false);
    for part in select okta.descendants("table") loop
        perform okta.put_guard(part, "column", true);
        for other in
            select okta.ancestors(part) except select okta.descendants("table") except select "table"
        loop
            if okta.guarded_column(other) is null and other not in (select okta.ancestors("table")) then
                raise warning '% is a part of % as well, which is not protected and shows its rows.', part, other
                    using hint = format('Protect %s too.', other);
            end if;
        end loop;
    end loop;
end
$$;

-- Undoes it: row security is as it was before. Parts that were protected by themselves stay so, and those of something else
-- that is protected.
create or replace function okta.unprotect("table" regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    part regclass;
    remembered text;
begin
    if not exists (select from pg_policy p where p.polrelid = "table" and p.polname = 'okta_user_id') then
        raise exception '% is not protected.', "table" using errcode = 'undefined_object';
    end if;
    select a into part from okta.ancestors("table") a
    where exists (select from pg_policy p where p.polrelid = a and p.polname = 'okta_user_id') limit 1;
    if found then
        raise exception '% is a part of %, which is protected.', "table", part
            using errcode = 'wrong_object_type', hint = format('Undo the protection of %s.', part);
    end if;
    execute format('lock table %s in access exclusive mode', "table");

    for part in select "table" union all select okta.descendants("table") loop
        -- Those above were let go already, as far as they go.
        select coalesce(obj_description(p.oid, 'pg_policy'), '') into remembered
        from pg_policy p where p.polrelid = part and p.polname = 'okta_user_id'
            and (part = "table" or obj_description(p.oid, 'pg_policy') ~ 'It came with' and not exists (
                select from okta.ancestors(part) a
                join pg_policy above on above.polrelid = a and above.polname = 'okta_user_id'));
        if found then
            execute format('drop policy okta_user_id on %s', part);
            -- Others have come since: they stay in force.
            if remembered !~ 'Row security was on' and not exists (select from pg_policy p where p.polrelid = part) then
                execute format('alter table %s disable row level security', part);
            end if;
        end if;
    end loop;
end
$$;

-- Every table that has the guard, or is a part of one that has it, and what is wrong there. Null for nothing.
create function okta.protection() returns table ("table" regclass, "column" name, fault text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
begin
    return query
        with guarded as (
            select p.*, okta.guarded_column(p.polrelid) as guarded_by from pg_policy p where p.polname = 'okta_user_id'
        )
        select g.polrelid::regclass, g.guarded_by,
            case
                when not c.relrowsecurity then 'Its row security is off.'
                when g.polroles <> '{0}' then 'Its guard is for some roles only.'
                when not g.polpermissive or g.polcmd <> '*' then 'Its guard is of another kind.'
                when g.guarded_by is null
                    or pg_get_expr(g.polqual, g.polrelid) is distinct from okta.deparsed_guard(g.guarded_by)
                    or pg_get_expr(g.polwithcheck, g.polrelid) is distinct from okta.deparsed_guard(g.guarded_by)
                    then 'Its guard is not the one that okta.protect makes.'
                when not l.collisdeterministic then 'Its column has a collation for which different user ids are equal.'
                when o.polname is not null then format('Its policy %I may let others in.', o.polname)
                when a.relation is not null then format('Its rows are seen through %s as well, which is not protected.', a.relation)
            end
        from guarded g
        join pg_class c on c.oid = g.polrelid
        left join pg_attribute m on m.attrelid = g.polrelid and m.attname = g.guarded_by
        left join pg_collation l on l.oid = m.attcollation
        left join lateral (
            select p.polname from pg_policy p
            where p.polrelid = g.polrelid and p.polname <> 'okta_user_id' and p.polpermissive order by 1 limit 1) o on true
        left join lateral (
            select above as relation from okta.ancestors(g.polrelid) above
            where above not in (select guarded.polrelid from guarded) order by 1 limit 1) a on true
        union all
        select i.inhrelid::regclass,
            (select min(okta.guarded_column(above)::text)::name from okta.ancestors(i.inhrelid) above),
            format('It is a part of %s and came after that was protected.', min(i.inhparent)::regclass)
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
        where exists (
                select from okta.ancestors(i.inhrelid) above where above in (select guarded.polrelid from guarded))
            and i.inhrelid not in (select guarded.polrelid from guarded)
        group by i.inhrelid
        order by 1;
end
$$;

-- How PostgreSQL spells out the guard again, which 14 to 18 do alike.
create function okta.deparsed_guard("column" name) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return format('(((( SELECT jsonb_build_object(okta.user_id(), true) AS jsonb_build_object))[%1$I] IS NOT NULL)'
        || ' AND (%1$I = ( SELECT okta.user_id() AS user_id)))', "column");
end
$$;

revoke all on all functions in schema okta from public;

-- What is protected already gets the new guard. What somebody has changed since is theirs to say: `okta.protection` names it.
do $$
declare
    old record;
begin
    for old in
        select p.polrelid::regclass as relation, okta.guarded_column(p.polrelid) as guarded_by,
            pg_has_role(c.relowner, 'usage') as is_ours,
            p.polroles = '{0}' and p.polpermissive and p.polcmd = '*'
                and pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(p.polwithcheck, p.polrelid)
                and pg_get_expr(p.polqual, p.polrelid)
                    = format('(%I = ( SELECT okta.user_id() AS user_id))', okta.guarded_column(p.polrelid)) as is_known
        from pg_policy p join pg_class c on c.oid = p.polrelid
        where p.polname = 'okta_user_id'
        -- What others are a part of first.
        order by (select count(*) from okta.ancestors(p.polrelid)), 1
    loop
        if old.is_known and old.is_ours then
            -- Whatever becomes of its parts.
            perform okta.put_guard(old.relation, old.guarded_by, false);
        end if;
        begin
            if old.is_known is not true then
                raise exception 'The policy of % has been changed.', old.relation;
            end if;
            perform okta.protect(old.relation, old.guarded_by);
        exception
            when raise_exception or wrong_object_type or insufficient_privilege then
                raise warning '% is not protected as it should be: %', old.relation, sqlerrm
                    using hint = format('Have its owner run: select okta.protect(%L, %L)', old.relation, old.guarded_by);
        end;
    end loop;
end
$$;
