-- The table of the guide's web app, column by column, so that both can share it. Where the web app has made it already
-- it is taken over with its rows; a table of another shape is refused.

create table if not exists public.user_messages (
    user_id text primary key not null,
    create_ts timestamp default now() not null,
    message text not null
);

do $$
declare
    fault text;
begin
    select format(
        case
            when a.attname is null then 'The table public.user_messages has no column %1$s.'
            when a.atttypid <> wanted.type then 'The column %1$s of public.user_messages is of the type %3$s and not %2$s.'
            else 'The column %1$s of public.user_messages may be null.'
        end,
        wanted.name, format_type(wanted.type, null), format_type(a.atttypid, a.atttypmod))
    into fault
    from (values
        ('user_id', 'text'::regtype),
        ('create_ts', 'timestamp'::regtype),
        ('message', 'text'::regtype)) as wanted (name, type)
    left join pg_attribute a
        on a.attrelid = 'public.user_messages'::regclass and a.attname = wanted.name and not a.attisdropped
    where a.attname is null or a.atttypid <> wanted.type or not a.attnotnull
    limit 1;

    if fault is null then
        select format('The column %s of public.user_messages must be filled, and this program does not know it.', a.attname)
        into fault
        from pg_attribute a
        where a.attrelid = 'public.user_messages'::regclass and a.attnum > 0 and not a.attisdropped
            and a.attnotnull and not a.atthasdef and a.attidentity = ''
            and a.attname not in ('user_id', 'create_ts', 'message')
        limit 1;
    end if;

    if fault is null and not exists (
        select from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = 'public.user_messages'::regclass and a.attname = 'user_id'
            and i.indisunique and i.indimmediate and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null
    ) then
        fault := 'The column user_id of public.user_messages is not unique.';
    end if;

    if fault is not null then
        raise exception using
            errcode = 'datatype_mismatch',
            message = fault,
            hint = 'Rename that table if it belongs to something else, then migrate again.';
    end if;
end
$$;
