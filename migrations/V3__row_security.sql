-- Everybody who is let in sees and changes their own row only.

select okta.protect('public.user_messages', 'user_id');

revoke all on table public.user_messages from public;

do $$
begin
    -- A group is known to all databases of a server: another one may have made it, at this very moment even.
    if not exists (select from pg_roles where rolname = 'epigraph_user') then
        begin
            create role epigraph_user nologin;
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise warning 'The group role epigraph_user could not be made.'
                    using hint = 'Have it made by a role that may (create role epigraph_user nologin), then run `epigraph admin setup`.';
        end;
    end if;
    if exists (select from pg_roles where rolname = 'epigraph_user') then
        perform okta.grant_access('epigraph_user');
        grant select, insert, update, delete on table public.user_messages to epigraph_user;
    end if;

    -- What PostgreSQL lets everybody do: create in public (before 15), and make temporary tables.
    if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage') then
        execute format('revoke temporary on database %I from public', current_database());
    end if;
    if pg_has_role((select nspowner from pg_namespace where nspname = 'public'), 'usage') then
        revoke create on schema public from public;
    end if;
end
$$;
