-- Who is asking: PostgreSQL itself checks the ID token that Okta signed, with nothing but what it brings along.
--
-- The token comes in the setting `okta.id_token`, which anybody may set: it is its own proof. A refusal is an error of the
-- class 28 (invalid authorization), and no error repeats anything of the token.
--
-- Every function pins its search path, and no body holds a backslash or depends on another setting: a caller controls them.

do $$
begin
    if exists (select from pg_namespace where nspname = 'okta') then
        raise exception using
            errcode = 'datatype_mismatch',
            message = 'This database has a schema named okta that is not of this program',
            hint = 'Rename that schema, then migrate again';
    end if;
end
$$;

create schema okta;

-- Rows are keyed by the subject alone, and a subject means something at one issuer only: hence one per database.
create table okta.issuer (
    issuer text primary key check (issuer <> ''),
    audience text not null check (audience <> ''),
    added_at timestamptz not null default now()
);
create unique index only_one_issuer on okta.issuer ((true));

create table okta.signing_key (
    issuer text not null references okta.issuer on delete cascade,
    kid text not null check (kid <> ''),
    modulus numeric not null,
    bits int not null,
    -- The length of a signature, and of what is signed.
    octets int not null,
    -- What is signed (EMSA-PKCS1-v1_5 with SHA-256) as a number, with a digest of zeros.
    padding numeric not null,
    -- 1 / modulus, and how many decimal digits of a dividend do not matter for the quotient: see okta.rs256_matches.
    reciprocal numeric not null,
    irrelevant_digits int not null,
    -- The two padded keys of an HMAC-SHA-256 that nobody else knows: see okta.claims.
    hmac_inner bytea not null,
    hmac_outer bytea not null,
    added_at timestamptz not null default now(),
    last_published_at timestamptz not null default now(),
    primary key (issuer, kid)
);

create table okta.blocked (
    user_id text primary key check (user_id <> ''),
    blocked_at timestamptz not null default now()
);

-- Strict base64url (RFC 7515): no padding, no white space, no bits left over. Null for anything else.
create function okta.from_base64url(encoded text) returns bytea
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if encoded !~ '^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$' then
        return null;
    end if;
    return decode(translate(encoded, '-_', '+/') || repeat('=', (4 - length(encoded) % 4) % 4), 'base64');
end
$$;

-- The bytes as one unsigned number, most significant byte first.
create function okta.to_number(bytes bytea) returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- 56 bits at a time, because 64 would need care with the sign.
    padded bytea := decode(repeat('00', (7 - octet_length(bytes) % 7) % 7), 'hex') || bytes;
    number numeric := 0;
begin
    for start in 1 .. octet_length(padded) by 7 loop
        number := number * 72057594037927936 + ('x' || encode(substr(padded, start, 7), 'hex'))::bit(56)::bigint;
    end loop;
    return number;
end
$$;

-- RSASSA-PKCS1-v1_5 with SHA-256 and the exponent 65537 (RFC 8017, 8.2.2). What should have been signed is built anew and
-- compared as a whole, so there is no padding to be parsed wrongly.
--
-- A long division takes ten times as long as a multiplication, so the quotient comes from the reciprocal that is kept with
-- the key (Barrett). It falls short by at most 2: for x < 9 n^2 the cut digits make less than 1, the error of the reciprocal
-- less than 1/1000, and trunc less than 1. So every power is below 3 n, its square below 9 n^2 again, and only the last
-- needs to be brought below n.
create function okta.rs256_matches(message bytea, signature bytea, key okta.signing_key) returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    base numeric;
    power numeric;
    square numeric;
begin
    if octet_length(signature) <> key.octets then
        return false;
    end if;
    base := okta.to_number(signature);
    if base >= key.modulus then
        return false;
    end if;
    power := base;
    for i in 1 .. 16 loop
        square := power * power;
        power := square - trunc(trunc(square, -key.irrelevant_digits) * key.reciprocal) * key.modulus;
    end loop;
    square := power * base;
    power := square - trunc(trunc(square, -key.irrelevant_digits) * key.reciprocal) * key.modulus;
    return power % key.modulus = key.padding + okta.to_number(sha256(message));
end
$$;

-- The claims of the ID token in `okta.id_token`, once everything about it is right. It writes nothing, so it works on a standby.
--
-- Security definer because the caller must not read the keys. It takes no argument, and returns only what the caller brought.
--
-- After a signature was found to be right, the session keeps an HMAC of the token under a key that only the owner can read;
-- while it fits, the arithmetic is not done again. Whoever writes something else into `okta.verified` only has it done again.
-- Everything else is looked at every time. Not parallel safe, because setting it is not.
create function okta.claims() returns jsonb
language plpgsql stable parallel unsafe security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    token text := current_setting('okta.id_token', true);
    parts text[];
    bytes bytea;
    header jsonb;
    claims jsonb;
    trusted record;
    signed bytea;
    hmac text;
    expires bigint;
    issued bigint;
    starts bigint;
    clock bigint;
begin
    if coalesce(token, '') = '' then
        raise exception 'There is no ID token.' using errcode = '28E01',
            hint = 'Set okta.id_token in the same transaction.';
    end if;
    if octet_length(token) > 16384 then
        raise exception 'The ID token is longer than 16384 bytes.' using errcode = '28E13',
            hint = 'Have fewer claims put into it at Okta.';
    end if;

    parts := string_to_array(token, '.');
    if cardinality(parts) <> 3 then
        raise exception 'The ID token is not three parts with dots between.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    header := okta.to_object(parts[1]);
    if header is null then
        raise exception 'The header of the ID token cannot be read.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    if header -> 'alg' is distinct from '"RS256"'::jsonb
        or jsonb_typeof(header -> 'kid') is distinct from 'string'
        or upper(header ->> 'typ') <> 'JWT'
        or header - array['alg', 'kid', 'typ'] <> '{}'
    then
        raise exception 'The header of the ID token is refused.' using errcode = '28E03',
            hint = 'It has to name the algorithm RS256 and a key, and nothing else that matters.';
    end if;

    select i.issuer, i.audience, k as key into trusted
    from okta.issuer i left join okta.signing_key k on k.issuer = i.issuer and k.kid = header ->> 'kid';
    if not found then
        raise exception 'This database knows no issuer of ID tokens.' using errcode = '28E12',
            hint = 'Ask the owner to run `epigraph admin setup`.';
    end if;
    if (trusted.key).kid is null then
        raise exception 'The ID token is signed with a key that this database does not know.' using errcode = '28E04',
            hint = 'Ask the owner to run `epigraph admin keys`.';
    end if;

    signed := convert_to(token, 'UTF8');
    hmac := encode(sha256((trusted.key).hmac_outer || sha256((trusted.key).hmac_inner || signed)), 'hex');
    -- Hashes are compared, so that the time that it takes tells nothing about the HMAC.
    if sha256(convert_to(hmac, 'UTF8')) is distinct from sha256(convert_to(current_setting('okta.verified', true), 'UTF8')) then
        bytes := okta.from_base64url(parts[3]);
        if bytes is null then
            raise exception 'The signature of the ID token cannot be read.' using errcode = '28E02',
                hint = 'Sign in again.';
        end if;
        signed := substr(signed, 1, octet_length(signed) - octet_length(parts[3]) - 1);
        if not okta.rs256_matches(signed, bytes, trusted.key) then
            raise exception 'The signature of the ID token is wrong.' using errcode = '28E05',
                hint = 'Sign in again.';
        end if;
        perform set_config('okta.verified', hmac, false);
    end if;

    claims := okta.to_object(parts[2]);
    if claims is null then
        raise exception 'The claims of the ID token cannot be read.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    if claims -> 'iss' is distinct from to_jsonb(trusted.issuer) then
        raise exception 'The ID token is of another issuer.' using errcode = '28E06',
            hint = 'The issuer has to be the one that this database knows, letter by letter.';
    end if;
    -- A list may name others as well: then it has to be said that it was issued to us (OpenID Connect Core, 3.1.3.7).
    if (case jsonb_typeof(claims -> 'aud')
            when 'string' then claims ->> 'aud' = trusted.audience
            when 'array' then claims -> 'aud' ? trusted.audience and claims ? 'azp'
        end) is not true
        or claims -> 'azp' <> to_jsonb(trusted.audience)
    then
        raise exception 'The ID token is for another client.' using errcode = '28E07',
            hint = 'The client id has to be the one that this database knows.';
    end if;
    -- Okta signs these with the same keys: a logout token and an access token.
    if claims ?| array['events', 'scp', 'cid'] then
        raise exception 'The token is not an ID token.' using errcode = '28E10',
            hint = 'Sign in again.';
    end if;
    expires := okta.to_time(claims -> 'exp');
    issued := okta.to_time(claims -> 'iat');
    starts := okta.to_time(coalesce(claims -> 'nbf', claims -> 'iat'));
    if expires is null or issued is null or starts is null
        or jsonb_typeof(claims -> 'sub') is distinct from 'string'
        or length(claims ->> 'sub') not between 1 and 255
    then
        raise exception 'The claims of the ID token are unusable.' using errcode = '28E10',
            hint = 'Sign in again.';
    end if;
    -- Not the time at which the transaction began: one may stay open for long.
    clock := floor(extract(epoch from clock_timestamp()));
    if expires <= clock then
        raise exception 'The ID token has expired.' using errcode = '28E08',
            hint = 'Sign in again, or have it renewed.';
    end if;
    -- Clocks differ a little.
    if greatest(issued, starts) > clock + 60 then
        raise exception 'The ID token is not valid yet.' using errcode = '28E09',
            hint = 'The clock of Okta and that of the database differ: try again in a moment.';
    end if;
    if exists (select from okta.blocked b where b.user_id = claims ->> 'sub') then
        raise exception 'This person is blocked.' using errcode = '28E11',
            hint = 'Ask the owner of the database.';
    end if;
    return claims;
end
$$;

-- A part of a token as a JSON object. Null for what is none, and for one that names something twice: readers differ in which they take.
create function okta.to_object(encoded text) returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    content json;
begin
    content := convert_from(okta.from_base64url(encoded), 'UTF8')::json;
    if json_typeof(content) <> 'object'
        or (select count(*) <> count(distinct key) from json_object_keys(content) key)
    then
        return null;
    end if;
    return content::jsonb;
exception
    -- Not UTF-8, not JSON, nested too deep: the error would quote it.
    when data_exception or program_limit_exceeded or feature_not_supported then
        return null;
end
$$;

-- Seconds since 1970, up to the year 9999. Null for what is no such number.
create function okta.to_time(claim jsonb) returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(claim) = 'number' and claim::numeric between 0 and 253402300799 and claim::numeric % 1 = 0 then
        return claim::numeric::bigint;
    end if;
    return null;
end
$$;

-- The user id of whoever is asking: the subject of their ID token. Never null, so that a missing token cannot pass for a missing row.
create function okta.user_id() returns text
language plpgsql stable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
begin
    return okta.claims() ->> 'sub';
end
$$;

-- Whether tokens that are signed with this key are taken. Security definer because the caller must not read the keys.
create function okta.knows_key(kid text) returns boolean
language plpgsql stable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from okta.signing_key k where k.kid = knows_key.kid);
end
$$;

-- From here on: the owner's own work.

create function okta.add_issuer(issuer text, audience text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(issuer, '') = '' or coalesce(audience, '') = '' then
        raise exception 'An issuer and an audience are needed.' using errcode = 'invalid_parameter_value';
    end if;
    if exists (select from okta.issuer i where i.issuer <> add_issuer.issuer) then
        raise exception 'This database has another issuer already.' using errcode = 'unique_violation',
            hint = 'Rows are keyed by the subject, which means something at one issuer only. Call okta.remove_issuer first if the other one is to go.';
    end if;
    insert into okta.issuer (issuer, audience) values (add_issuer.issuer, add_issuer.audience)
    on conflict on constraint issuer_pkey do update set audience = excluded.audience;
end
$$;

-- Forgets the issuer with its keys. True when there was one.
create function okta.remove_issuer(issuer text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from okta.issuer i where i.issuer = remove_issuer.issuer;
    return found;
end
$$;

-- Takes a key of the issuer's key set (RFC 7517). The same key again: notes that it is still published.
create function okta.add_signing_key(issuer text, jwk jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    bytes bytea := okta.from_base64url(case jsonb_typeof(jwk -> 'n') when 'string' then jwk ->> 'n' end);
    n numeric := okta.to_number(bytes);
    added okta.signing_key;
    limbs int;
    secret bytea := '';
    fault text;
begin
    fault := case
        when jsonb_typeof(jwk) is distinct from 'object' then 'is not a JSON object'
        when jwk -> 'kty' is distinct from '"RSA"' then 'is not an RSA key'
        when jwk -> 'use' <> '"sig"' then 'is not for signatures'
        when jsonb_typeof(jwk -> 'key_ops') is not null and not coalesce(jwk -> 'key_ops' ? 'verify', false) then 'is not for signatures'
        when jwk -> 'alg' <> '"RS256"' then 'is for another algorithm than RS256'
        when jwk ?| array['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] then 'holds its private half, which nobody must ever hand out'
        when jsonb_typeof(jwk -> 'kid') is distinct from 'string' or length(jwk ->> 'kid') not between 1 and 255 then 'has no usable name (kid)'
        when jwk -> 'e' is distinct from '"AQAB"' then 'has another exponent than 65537'
        when n is null or octet_length(bytes) = 0 then 'has no readable modulus'
        when get_byte(bytes, 0) = 0 then 'has a modulus that begins with zeros'
        when n < 2::numeric ^ 2047 then 'has fewer than 2048 bits'
        when n >= 2::numeric ^ 4096 then 'has more than 4096 bits'
        -- The product of the primes up to 97.
        when gcd(n, 2305567963945518424753102147331756070) <> 1 then 'has a modulus with small factors'
    end;
    if fault is not null then
        raise exception 'The key %.', fault using errcode = 'invalid_parameter_value',
            hint = 'Keys of 2048 to 4096 bits for RS256 are taken as Okta publishes them.';
    end if;
    if not exists (select from okta.issuer i where i.issuer = add_signing_key.issuer) then
        raise exception 'This database does not know that issuer.' using errcode = 'invalid_parameter_value',
            hint = 'Call okta.add_issuer first.';
    end if;

    added.issuer := add_signing_key.issuer;
    added.kid := jwk ->> 'kid';
    added.modulus := n;
    added.octets := octet_length(bytes);
    added.bits := 8 * added.octets - 8 + length(ltrim(get_byte(bytes, 0)::bit(8)::text, '0'));
    -- 00 01 FF .. FF 00, and the DigestInfo of SHA-256 up to the digest.
    added.padding := okta.to_number(
        decode('0001' || repeat('ff', added.octets - 54) || '00' || '3031300d060960864801650304020105000420' || repeat('00', 32), 'hex'));
    -- A numeric is kept in limbs of four decimal digits, which are cheap to cut off. The reciprocal gets four digits more than
    -- the square of the modulus has.
    limbs := ceil(length(n::text) / 4.0);
    added.irrelevant_digits := 4 * limbs - 4;
    added.reciprocal := div(('1e' || 8 * limbs + 4)::numeric, n) * ('1e-' || 8 * limbs + 4)::numeric;

    -- 64 random bytes: each version 4 UUID has 122 random bits, and three make 256 after hashing.
    for i in 1 .. 2 loop
        secret := secret || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    end loop;
    added.hmac_inner := secret;
    added.hmac_outer := secret;
    -- The pads of HMAC (RFC 2104): 36 and 5c.
    for i in 0 .. 63 loop
        added.hmac_inner := set_byte(added.hmac_inner, i, get_byte(secret, i) # 54);
        added.hmac_outer := set_byte(added.hmac_outer, i, get_byte(secret, i) # 92);
    end loop;
    added.added_at := now();
    added.last_published_at := now();

    update okta.signing_key k set last_published_at = now()
    where k.issuer = added.issuer and k.kid = added.kid and k.modulus = added.modulus;
    if not found then
        delete from okta.signing_key k where k.issuer = added.issuer and k.kid = added.kid;
        insert into okta.signing_key values (added.*);
    end if;
end
$$;

-- True when there was one. Tokens that it signed are refused from now on.
create function okta.remove_signing_key(issuer text, kid text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from okta.signing_key k where k.issuer = remove_signing_key.issuer and k.kid = remove_signing_key.kid;
    return found;
end
$$;

-- Shuts a person out at once, whatever tokens they hold. True when they were not shut out before.
create function okta.block(user_id text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into okta.blocked (user_id) values (block.user_id) on conflict on constraint blocked_pkey do nothing;
    return found;
end
$$;

-- Lets a person in again. True when they were shut out.
create function okta.unblock(user_id text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from okta.blocked b where b.user_id = unblock.user_id;
    return found;
end
$$;

-- Lets everybody see and change only the rows that hold their user id in this column. Who may do what with such rows is a
-- matter of grants, as ever. The owner of the table, and roles that bypass row security, still see everything.
create function okta.protect("table" regclass, "column" name) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Qualified, because this function's own search path finds nothing.
    target text := "table"::text;
    fault text;
begin
    select
        case
            when c.relkind not in ('r', 'p') then 'is not a table'
            when c.relispartition then 'is a partition: protect the table that it is a part of'
            when not pg_has_role(c.relowner, 'usage') then 'belongs to somebody else'
            when a.attname is null then 'has no such column'
            when a.atttypid <> 'text'::regtype then 'has a column of that name, but it is not of the type text'
            when not l.collisdeterministic then 'has a collation there for which different user ids are equal'
            when exists (select from pg_policy p where p.polrelid = c.oid and p.polname <> 'okta_user_id')
                then 'has policies of its own, which could let others in'
        end
    into fault
    from pg_class c
    left join pg_attribute a on a.attrelid = c.oid and a.attname = "column" and a.attnum > 0 and not a.attisdropped
    left join pg_collation l on l.oid = a.attcollation
    where c.oid = "table";
    if fault is not null then
        raise exception '% %.', target, fault using errcode = 'wrong_object_type',
            hint = 'A table of one''s own is needed, with a text column for the user id.';
    end if;
    execute format('drop policy if exists okta_user_id on %s', target);
    -- In a subquery it is evaluated once for a statement, and not for every row.
    execute format(
        'create policy okta_user_id on %1$s using (%2$I = (select okta.user_id())) with check (%2$I = (select okta.user_id()))',
        target, "column");
    execute format('alter table %s enable row level security', target);
end
$$;

-- Undoes it.
create function okta.unprotect("table" regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    target text := "table"::text;
begin
    if not exists (select from pg_policy p where p.polrelid = "table" and p.polname = 'okta_user_id') then
        raise exception '% is not protected.', target using errcode = 'undefined_object';
    end if;
    execute format('drop policy okta_user_id on %s', target);
    -- Others have come since: they stay in force.
    if not exists (select from pg_policy p where p.polrelid = "table") then
        execute format('alter table %s disable row level security', target);
    end if;
end
$$;

-- Lets a role ask who it is. The tables that it may use are granted beside it.
create function okta.grant_access(grantee name) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('grant usage on schema okta to %I', grantee);
    execute format('grant execute on function okta.user_id(), okta.claims(), okta.knows_key(text) to %I', grantee);
end
$$;

revoke all on schema okta from public;
revoke all on all tables in schema okta from public;
revoke all on all functions in schema okta from public;
