-- The check of the ID token anew: nothing is kept that must not be seen, a token costs less, and no token costs more than
-- a good one. This file explains it; of V2 its tables and the owner's own work remain.
--
-- Whoever reads the whole database (a dump, a replica, a role that may read everything) learns of the keys what Okta
-- publishes and what follows from it. Hence nothing is remembered of a token that was checked: what could be told from a
-- forgery only by a secret would need one here.
--
-- A caller controls every setting. Hence the functions that others may call pin their search path, for those as well that
-- they call (which are the owner's alone, and save the time that pinning takes), no body holds a backslash, and nothing is
-- taken from a setting but the token and the isolation level.

drop function okta.to_object(text);
drop function okta.to_time(jsonb);

alter table okta.signing_key
    drop column hmac_inner,
    drop column hmac_outer,
    -- What stands for the digits of a number that are beyond `folded_digits`: see okta.rs256_matches.
    add column folded_digits int,
    add column fold numeric,
    -- When it was first looked for and not found. A key that Okta withdrew signs nothing more, but what it signed is
    -- good until it expires.
    add column missed_at timestamptz,
    -- A row of a key of 4096 bits is long enough to be stored apart, which costs more than it saves.
    alter column modulus set storage plain,
    alter column padding set storage plain,
    alter column reciprocal set storage plain,
    alter column fold set storage plain;

-- Strict base64url (RFC 7515): no padding, no white space, no bits left over. Null for anything else.
create or replace function okta.from_base64url(encoded text) returns bytea
language plpgsql immutable strict parallel safe
as $$
begin
    if encoded !~ '^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$' then
        return null;
    end if;
    return decode(replace(replace(encoded, '-', '+'), '_', '/') || repeat('=', -octet_length(encoded) & 3), 'base64');
end
$$;

-- The bytes as one unsigned number, most significant byte first.
create or replace function okta.to_number(bytes bytea) returns numeric
language plpgsql immutable strict parallel safe
as $$
declare
    -- 56 bits at a time, because 64 would need care with the sign; four times 56 in a turn, because turns cost.
    bits varbit := ('x' || repeat('00', (28 - octet_length(bytes) % 28) % 28) || encode(bytes, 'hex'))::varbit;
    b constant numeric := 72057594037927936;
    number numeric := 0;
begin
    for i in 1 .. length(bits) by 224 loop
        number := number * 26959946667150639794667015087019630673637144422540572481103610249216
            + ((substring(bits from i for 56)::bigint * b
            + substring(bits from i + 56 for 56)::bigint) * b
            + substring(bits from i + 112 for 56)::bigint) * b
            + substring(bits from i + 168 for 56)::bigint;
    end loop;
    return number;
end
$$;

-- What okta.rs256_matches needs to know of a modulus.
create function okta.constants_of(
    modulus numeric, out irrelevant_digits int, out reciprocal numeric, out folded_digits int, out fold numeric)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A numeric is kept in limbs of four decimal digits, which are cheap to cut off.
    limbs int := ceil(length(modulus::text) / 4.0);
begin
    irrelevant_digits := 4 * (limbs - 2);
    folded_digits := 4 * (limbs + (limbs + 1) / 2);
    reciprocal := div(('1e' || folded_digits + 4)::numeric, modulus) * ('1e-' || folded_digits + 4)::numeric;
    fold := mod(('1e' || folded_digits)::numeric, modulus) * ('1e-' || folded_digits)::numeric;
end
$$;

update okta.signing_key k
set (irrelevant_digits, reciprocal, folded_digits, fold) = (select c.* from okta.constants_of(k.modulus) c);

alter table okta.signing_key
    alter column folded_digits set not null,
    alter column fold set not null;

-- RSASSA-PKCS1-v1_5 with SHA-256 and the exponent 65537 (RFC 8017, 8.2.2). What should have been signed is built anew and
-- compared as a whole, so there is no padding to be parsed wrongly.
--
-- Before PostgreSQL 18 a long division takes ten times as long as a multiplication. Hence a product x < 4 n^2 is brought
-- below 2 n, for a modulus n of L limbs (digits to the base B = 10000), with what is kept with the key:
--  1. What x has beyond F = L + L/2 limbs (rounded up), h B^F, gives way to h (B^F mod n). As h <= x / B^F, the sum y is
--     less than B^F + (4 n^2 / B^F) n < B^F + 4 B^(3 L - F) <= 5 B^F.
--  2. The quotient of y and n comes from the reciprocal (Barrett). It is never too large, and falls short by less than
--     1 + 6 / B: the L - 2 limbs of y that are cut off make less than B^(L - 2) / n <= 1 / B, the reciprocal lacks less
--     than B^-(F + 1), which makes less than 5 / B, and trunc takes less than 1. So less than 2 n remains.
-- The factors are half as long as n, and that is the gain.
create or replace function okta.rs256_matches(message bytea, signature bytea, key okta.signing_key) returns boolean
language plpgsql immutable strict parallel safe
as $$
declare
    n numeric := key.modulus;
    fold numeric := key.fold;
    beyond int := -key.folded_digits;
    reciprocal numeric := key.reciprocal;
    relevant int := -key.irrelevant_digits;
    base numeric;
    power numeric;
    high numeric;
    expected numeric;
begin
    if octet_length(signature) <> key.octets then
        return false;
    end if;
    base := okta.to_number(signature);
    if base >= n then
        return false;
    end if;
    power := base;
    for i in 1 .. 17 loop
        power := power * case when i < 17 then power else base end;
        high := trunc(power, beyond);
        power := power - high + high * fold;
        power := power - trunc(trunc(power, relevant) * reciprocal) * n;
    end loop;
    expected := key.padding + okta.to_number(sha256(message));
    return power = expected or power = expected + n;
end
$$;

-- The claims of the ID token in `okta.id_token`, once everything about it is right. A refusal is an error of the class 28
-- (invalid authorization), and no error repeats anything of the token. It writes nothing, so it works on a standby.
--
-- For the functions below, which run as the owner and pin the search path. Volatile, so that it sees what was committed a
-- moment ago: whoever is blocked, or whose key is removed, is out with the next call, even within one statement.
--
-- Until the signature is found to be right, everything in the token is somebody's invention: it is looked at only after
-- its length, and no number in it is spelt out (1e131071 is short, and its digits are not).
create function okta.verified_claims() returns jsonb
language plpgsql volatile parallel unsafe
as $$
declare
    token text := current_setting('okta.id_token', true);
    header text;
    payload text;
    signature text;
    signed text;
    parameters json;
    named json;
    kind json;
    key okta.signing_key;
    content text;
    claims jsonb;
    names text[];
    is_blocked boolean;
    issuer text;
    audience text;
    expires numeric;
    begins numeric;
    clock numeric;
begin
    if coalesce(token, '') = '' then
        raise exception 'There is no ID token.' using errcode = '28E01',
            hint = 'Set okta.id_token in the same transaction.';
    end if;
    if octet_length(token) > 16384 then
        raise exception 'The ID token is longer than 16384 bytes.' using errcode = '28E13',
            hint = 'Have fewer claims put into it at Okta.';
    end if;
    -- With one view of the database for the whole transaction, it would go on after its person was blocked.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'ID tokens are taken at the isolation level read committed only.' using errcode = '28E14',
            hint = 'Begin the transaction with `begin isolation level read committed`.';
    end if;

    header := split_part(token, '.', 1);
    payload := split_part(token, '.', 2);
    signature := split_part(token, '.', 3);
    signed := header || '.' || payload;
    if signed || '.' || signature <> token then
        raise exception 'The ID token is not three parts with dots between.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    if octet_length(header) > 640 then
        raise exception 'The header of the ID token is longer than 640 bytes.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;

    parameters := convert_from(okta.from_base64url(header), 'UTF8')::json;
    if json_typeof(parameters) is distinct from 'object' then
        raise exception 'The header of the ID token cannot be read.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    named := parameters -> 'kid';
    kind := parameters -> 'typ';
    -- What else a header names says where to find a key, which is not for the token to choose. An extension that must
    -- be understood (RFC 7515, 4.1.11) is not.
    if parameters ->> 'alg' is distinct from 'RS256'
        or json_typeof(named) is distinct from 'string'
        or (kind is null or upper(kind #>> '{}') = 'JWT') is not true
        or parameters -> 'crit' is not null
    then
        raise exception 'The header of the ID token is refused.' using errcode = '28E03',
            hint = 'It has to name the algorithm RS256 and a key, the type JWT or none, and no critical extension.';
    end if;
    -- There is one issuer, so a name is enough.
    select * into key from okta.signing_key k where k.kid = named #>> '{}';
    if not found then
        if not exists (select from okta.issuer) then
            raise exception 'This database knows no issuer of ID tokens.' using errcode = '28E12',
                hint = 'Ask the owner to run `epigraph admin setup`.';
        end if;
        raise exception 'The ID token is signed with a key that this database does not know.' using errcode = '28E04',
            hint = 'Ask the owner to run `epigraph admin keys`.';
    end if;
    -- The length first, so that nothing longer is decoded.
    if octet_length(signature) <> (4 * key.octets + 2) / 3
        or okta.rs256_matches(convert_to(signed, 'UTF8'), okta.from_base64url(signature), key) is not true
    then
        raise exception 'The signature of the ID token is wrong.' using errcode = '28E05',
            hint = 'Sign in again.';
    end if;

    content := convert_from(okta.from_base64url(payload), 'UTF8');
    claims := content::jsonb;
    -- Readers differ in which of two members of one name they take. A tsvector keeps each word once.
    select i.issuer, i.audience, exists (select from okta.blocked b where b.user_id = claims ->> 'sub'),
        array(select 'h' || json_object_keys(parameters) union all select 'c' || json_object_keys(content::json))
    into issuer, audience, is_blocked, names
    from okta.issuer i;
    if cardinality(names) <> length(array_to_tsvector(names)) then
        raise exception 'The ID token names something twice.' using errcode = '28E02',
            hint = 'Sign in again.';
    end if;
    if claims -> 'iss' is distinct from to_jsonb(issuer) then
        raise exception 'The ID token is of another issuer.' using errcode = '28E06',
            hint = 'The issuer has to be the one that this database knows, letter by letter.';
    end if;
    -- A list may name others as well: then it has to be said that it was issued to us (OpenID Connect Core, 3.1.3.7).
    if (case jsonb_typeof(claims -> 'aud')
            when 'string' then claims ->> 'aud' = audience
            when 'array' then claims -> 'aud' ? audience and (jsonb_array_length(claims -> 'aud') = 1 or claims ? 'azp')
        end) is not true
        or claims -> 'azp' <> to_jsonb(audience)
    then
        raise exception 'The ID token is for another client.' using errcode = '28E07',
            hint = 'The client id has to be the one that this database knows.';
    end if;
    -- Okta signs these with the same keys: a logout token and an access token.
    if claims ?| array['events', 'scp', 'cid'] then
        raise exception 'The token is not an ID token.' using errcode = '28E10',
            hint = 'Sign in again.';
    end if;
    -- The sign-in with a code on another device, the only one that this client uses, has none: it was made for a browser.
    if claims -> 'nonce' <> 'null' then
        raise exception 'The ID token was issued for another request.' using errcode = '28E10',
            hint = 'Sign in with `epigraph`.';
    end if;
    if jsonb_typeof(claims -> 'sub') is distinct from 'string'
        or octet_length(claims ->> 'sub') > 255
        -- Control characters, and nothing but blanks. No backslash: what it means is up to a setting.
        or claims ->> 'sub' ~ ('[' || chr(1) || '-' || chr(31) || chr(127) || '-' || chr(159) || ']|^ *$')
        or jsonb_typeof(claims -> 'exp') is distinct from 'number'
        or jsonb_typeof(claims -> 'iat') is distinct from 'number'
        or jsonb_typeof(claims -> 'nbf') <> 'number'
    then
        raise exception 'The claims of the ID token are unusable.' using errcode = '28E10',
            hint = 'Sign in again.';
    end if;
    expires := (claims -> 'exp')::numeric;
    begins := greatest((claims -> 'iat')::numeric, (claims -> 'nbf')::numeric);
    -- Seconds since 1970, up to the year 9999.
    if least(expires, (claims -> 'iat')::numeric, (claims -> 'nbf')::numeric) < 0 or greatest(expires, begins) > 253402300799 then
        raise exception 'The claims of the ID token are unusable.' using errcode = '28E10',
            hint = 'Sign in again.';
    end if;
    -- Not the time at which the transaction began: one may stay open for long.
    clock := extract(epoch from clock_timestamp());
    if expires <= clock then
        raise exception 'The ID token has expired.' using errcode = '28E08',
            hint = 'Sign in again, or have it renewed.';
    end if;
    -- Clocks differ a little.
    if begins > clock + 60 then
        raise exception 'The ID token is not valid yet.' using errcode = '28E09',
            hint = 'The clock of Okta and that of the database differ: try again in a moment.';
    end if;
    if is_blocked then
        raise exception 'This person is blocked.' using errcode = '28E11',
            hint = 'Ask the owner of the database.';
    end if;
    return claims;
exception
    -- Not UTF-8, not JSON, nested too deep: the error would quote it.
    when data_exception or program_limit_exceeded or feature_not_supported then
        raise exception 'The ID token cannot be read.' using errcode = '28E02',
            hint = 'Sign in again.';
end
$$;

-- The claims of the ID token of whoever is asking. Security definer because the caller must not read the keys. It takes no
-- argument, and returns only what the caller brought. Not parallel safe, because a subtransaction is not.
create or replace function okta.claims() returns jsonb
language plpgsql stable parallel unsafe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return okta.verified_claims();
end
$$;

-- The user id of whoever is asking: the subject of their ID token. Never null, so that a missing token cannot pass for a missing row.
create or replace function okta.user_id() returns text
language plpgsql stable parallel unsafe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return okta.verified_claims() ->> 'sub';
end
$$;

drop function okta.add_signing_key(text, jsonb);

-- Takes a key of the issuer's key set (RFC 7517). Returns what became of it: `added`; `known`, then it is noted that it is
-- still published; `replaced`, when another one went by its name.
create function okta.add_signing_key(issuer text, jwk jsonb) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    bytes bytea;
    n numeric;
    size int;
    made record;
    fault text;
    outcome text := 'added';
begin
    fault := case
        when jsonb_typeof(jwk) is distinct from 'object' then 'is not a JSON object'
        when pg_column_size(jwk) > 65536 then 'takes more than 64 kB'
        when jwk -> 'kty' is distinct from '"RSA"' then 'is not an RSA key'
        when jwk -> 'use' <> '"sig"' then 'is not for signatures'
        when jsonb_typeof(jwk -> 'key_ops') is not null and not coalesce(jwk -> 'key_ops' ? 'verify', false) then 'is not for signatures'
        when jwk -> 'alg' <> '"RS256"' then 'is for another algorithm than RS256'
        when jwk ?| array['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] then 'holds its private half, which nobody must ever hand out'
        when jsonb_typeof(jwk -> 'kid') is distinct from 'string' or length(jwk ->> 'kid') not between 1 and 255 then 'has no usable name (kid)'
        when jwk -> 'e' is distinct from '"AQAB"' then 'has another exponent than 65537'
        when jsonb_typeof(jwk -> 'n') is distinct from 'string' then 'has no readable modulus'
        -- Arithmetic with long numbers takes long.
        when length(jwk ->> 'n') > 683 then 'has more than 4096 bits'
    end;
    if fault is null then
        bytes := okta.from_base64url(jwk ->> 'n');
        n := okta.to_number(bytes);
        fault := case
            when n is null or octet_length(bytes) = 0 then 'has no readable modulus'
            when get_byte(bytes, 0) = 0 then 'has a modulus that begins with zeros'
            when n < 2::numeric ^ 2047 then 'has fewer than 2048 bits'
            when n >= 2::numeric ^ 4096 then 'has more than 4096 bits'
            -- The product of the primes up to 97.
            when gcd(n, 2305567963945518424753102147331756070) <> 1 then 'has a modulus with small factors'
        end;
    end if;
    if fault is not null then
        raise exception 'The key %.', fault using errcode = 'invalid_parameter_value',
            hint = 'Keys of 2048 to 4096 bits for RS256 are taken as Okta publishes them.';
    end if;
    if not exists (select from okta.issuer i where i.issuer = add_signing_key.issuer) then
        raise exception 'This database does not know that issuer.' using errcode = 'invalid_parameter_value',
            hint = 'Call okta.add_issuer first.';
    end if;

    size := octet_length(bytes);
    select 8 * size - 8 + length(ltrim(get_byte(bytes, 0)::bit(8)::text, '0')) as bits,
        -- 00 01 FF .. FF 00, and the DigestInfo of SHA-256 up to the digest.
        okta.to_number(
            decode('0001' || repeat('ff', size - 54) || '00' || '3031300d060960864801650304020105000420' || repeat('00', 32), 'hex'))
            as padding,
        c.*
    into made
    from okta.constants_of(n) c;

    -- One beside whose modulus somebody has put other numbers is another key, whatever its modulus.
    update okta.signing_key k set last_published_at = now(), missed_at = null
    where k.issuer = add_signing_key.issuer and k.kid = jwk ->> 'kid'
        and (k.modulus, k.bits, k.octets, k.padding) = (n, made.bits, size, made.padding)
        and (k.irrelevant_digits, k.reciprocal, k.folded_digits, k.fold)
            = (made.irrelevant_digits, made.reciprocal, made.folded_digits, made.fold);
    if found then
        return 'known';
    end if;
    delete from okta.signing_key k where k.issuer = add_signing_key.issuer and k.kid = jwk ->> 'kid';
    if found then
        outcome := 'replaced';
    end if;
    insert into okta.signing_key (
        issuer, kid, modulus, bits, octets, padding, irrelevant_digits, reciprocal, folded_digits, fold)
    values (
        add_signing_key.issuer, jwk ->> 'kid', n, made.bits, size, made.padding,
        made.irrelevant_digits, made.reciprocal, made.folded_digits, made.fold);
    return outcome;
end
$$;

revoke all on function okta.constants_of(numeric), okta.verified_claims(), okta.add_signing_key(text, jsonb) from public;
