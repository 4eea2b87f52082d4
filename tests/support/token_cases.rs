//! Which ID tokens are taken: one table, with which the program and the database are both tested.
//!
//! Left out is where they differ on purpose: how far clocks may be apart, a header without `kid` (the program tries every
//! key, the database finds keys by their names), and what PostgreSQL cannot hold in a text (a NUL).

/// How a token differs from one as Okta issues it; every value is written as it stands in the JSON.
pub(crate) enum Change {
    /// A header parameter that has this value.
    Header(&'static str, &'static str),
    /// A claim that has this value.
    Claim(&'static str, &'static str),
    /// A claim that is not there.
    NoClaim(&'static str),
    /// Members in front of those of the header.
    BeforeHeader(&'static str),
    /// Members in front of the claims.
    BeforeClaims(&'static str),
}

use Change::{BeforeClaims, BeforeHeader, Claim, Header, NoClaim};

/// Whether a token with these changes is taken. `{us}` stands for the client id, `{iss}` for the issuer, `{kid}` for the
/// name of the key, `{now}` and `{later}` for times.
pub(crate) const CASES: &[(bool, &[Change])] = &[
    (true, &[]),
    // The type.
    (true, &[Header("typ", r#""JWT""#)]),
    (true, &[Header("typ", r#""jwt""#)]),
    (true, &[Header("typ", r#""\u004aWT""#)]),
    (false, &[Header("typ", r#""at+jwt""#)]),
    (false, &[Header("typ", r#""logout+jwt""#)]),
    (false, &[Header("typ", r#""application/jwt""#)]),
    (false, &[Header("typ", r#""""#)]),
    (false, &[Header("typ", "null")]),
    (false, &[Header("typ", "1")]),
    (false, &[Header("typ", r#"["JWT"]"#)]),
    // The algorithm.
    (true, &[Header("alg", r#""R\u0053256""#)]),
    (false, &[Header("alg", r#""rs256""#)]),
    (false, &[Header("alg", r#""RS512""#)]),
    (false, &[Header("alg", r#""none""#)]),
    (false, &[Header("alg", r#"["RS256"]"#)]),
    (false, &[Header("alg", "null")]),
    // The key.
    (false, &[Header("kid", "null")]),
    (false, &[Header("kid", "1")]),
    (false, &[Header("kid", r#"["{kid}"]"#)]),
    (false, &[Header("kid", r#""another""#)]),
    // Extensions, and what must not be followed.
    (
        false,
        &[Header("crit", r#"["b64"]"#), Header("b64", "false")],
    ),
    (false, &[Header("crit", "[]")]),
    (false, &[Header("crit", "null")]),
    (true, &[Header("x5t", r#""abc""#)]),
    (true, &[Header("x5t#S256", r#""abc""#)]),
    (true, &[Header("x5c", r#"["MIIB"]"#)]),
    (true, &[Header("jku", r#""https://evil.example/keys""#)]),
    (
        true,
        &[Header("jwk", r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#)],
    ),
    (
        true,
        &[Header("anything", "[1e400, null, {\"alg\": \"none\"}]")],
    ),
    // One name twice.
    (false, &[BeforeHeader(r#""alg":"RS256""#)]),
    (false, &[BeforeHeader(r#""alg":"none""#)]),
    (false, &[BeforeHeader(r#""\u0061lg":"none""#)]),
    (false, &[BeforeHeader(r#""x5t":"a","x5t":"a""#)]),
    (false, &[BeforeClaims(r#""sub":"00u-woolf""#)]),
    (false, &[BeforeClaims(r#""\u0073ub":"00u-woolf""#)]),
    (false, &[BeforeClaims(r#""a":1,"a":1"#)]),
    (false, &[BeforeClaims(r#""":1,"":1"#)]),
    (true, &[BeforeClaims(r#""":1,"a":{"b":1,"b":1},"A":1"#)]),
    (
        true,
        &[BeforeClaims(r#""alg":"none","kid":1,"typ":null,"crit":1"#)],
    ),
    // The issuer.
    (false, &[Claim("iss", r#""{iss}/""#)]),
    (false, &[Claim("iss", r#"["{iss}"]"#)]),
    (false, &[Claim("iss", "null")]),
    (false, &[NoClaim("iss")]),
    // For whom.
    (true, &[Claim("aud", r#"["{us}"]"#)]),
    (
        true,
        &[Claim("aud", r#"["{us}"]"#), Claim("azp", r#""{us}""#)],
    ),
    (
        true,
        &[
            Claim("aud", r#"["other","{us}"]"#),
            Claim("azp", r#""{us}""#),
        ],
    ),
    (
        true,
        &[Claim("aud", r#"[1,"{us}"]"#), Claim("azp", r#""{us}""#)],
    ),
    (true, &[Claim("azp", r#""{us}""#)]),
    (false, &[Claim("aud", r#"["{us}","other"]"#)]),
    (false, &[Claim("aud", r#"["{us}","{us}"]"#)]),
    (
        false,
        &[
            Claim("aud", r#"["{us}","other"]"#),
            Claim("azp", r#""other""#),
        ],
    ),
    (
        false,
        &[Claim("aud", r#"["{us}"]"#), Claim("azp", r#""other""#)],
    ),
    (
        false,
        &[Claim("aud", r#"["{us}","other"]"#), Claim("azp", "null")],
    ),
    (
        false,
        &[Claim("aud", r#"["other"]"#), Claim("azp", r#""{us}""#)],
    ),
    (
        false,
        &[Claim("aud", r#"[["{us}"]]"#), Claim("azp", r#""{us}""#)],
    ),
    (false, &[Claim("aud", "[]"), Claim("azp", r#""{us}""#)]),
    (
        false,
        &[Claim("aud", r#"{"{us}":1}"#), Claim("azp", r#""{us}""#)],
    ),
    (false, &[Claim("aud", r#""other""#)]),
    (
        false,
        &[Claim("aud", r#""other""#), Claim("azp", r#""{us}""#)],
    ),
    (false, &[Claim("aud", r#""{us} ""#)]),
    (false, &[Claim("aud", "null")]),
    (false, &[NoClaim("aud")]),
    (false, &[NoClaim("aud"), Claim("azp", r#""{us}""#)]),
    (false, &[Claim("azp", r#""other""#)]),
    (false, &[Claim("azp", r#"["{us}"]"#)]),
    (false, &[Claim("azp", "null")]),
    // Times.
    (true, &[Claim("exp", "{later}.5")]),
    (true, &[Claim("exp", "{later}.0e0")]),
    (true, &[Claim("exp", "253402300799")]),
    (true, &[Claim("iat", "1.7e9")]),
    (true, &[Claim("iat", "17E+8")]),
    (true, &[Claim("iat", "1700000000.5")]),
    (true, &[Claim("iat", "0")]),
    (true, &[Claim("nbf", "{now}")]),
    (true, &[Claim("nbf", "1.5")]),
    (true, &[Claim("nbf", "1e-400")]),
    (false, &[Claim("exp", "253402300799.5")]),
    (false, &[Claim("exp", "253402300800")]),
    (false, &[Claim("exp", "1e13")]),
    (false, &[Claim("exp", "1e400")]),
    (false, &[Claim("exp", "1e999999")]),
    (false, &[Claim("exp", "99999999999999999999999")]),
    (false, &[Claim("exp", r#""{later}""#)]),
    (false, &[Claim("exp", "[{later}]")]),
    (false, &[Claim("exp", "true")]),
    (false, &[Claim("exp", "null")]),
    (false, &[NoClaim("exp")]),
    (false, &[Claim("iat", "-1")]),
    (false, &[Claim("iat", "-0.5")]),
    (false, &[Claim("iat", r#""{now}""#)]),
    (false, &[Claim("iat", "null")]),
    (false, &[NoClaim("iat")]),
    (false, &[Claim("nbf", "-1")]),
    (false, &[Claim("nbf", r#""{now}""#)]),
    (false, &[Claim("nbf", "null")]),
    (false, &[Claim("nbf", "01")]),
    // Who.
    (true, &[Claim("sub", r#"" a ""#)]),
    (true, &[Claim("sub", r#""\u00e9\\x00'""#)]),
    (false, &[Claim("sub", r#""""#)]),
    (false, &[Claim("sub", r#"" ""#)]),
    (false, &[Claim("sub", r#""a\u0009b""#)]),
    (false, &[Claim("sub", r#""a\u007fb""#)]),
    (false, &[Claim("sub", r#""a\u0085b""#)]),
    (false, &[Claim("sub", r#""a\u0000b""#)]),
    (false, &[Claim("sub", r#""a\ud800b""#)]),
    (false, &[Claim("sub", r#""{256}""#)]),
    (false, &[Claim("sub", r#""{254}é""#)]),
    (true, &[Claim("sub", r#""{254}e""#)]),
    (false, &[Claim("sub", "1")]),
    (false, &[Claim("sub", r#"["a"]"#)]),
    (false, &[Claim("sub", "null")]),
    (false, &[NoClaim("sub")]),
    // For what: another sign-in of this app, a log-out, an access.
    (true, &[Claim("nonce", "null")]),
    (false, &[Claim("nonce", r#""n""#)]),
    (false, &[Claim("nonce", r#""""#)]),
    (false, &[Claim("nonce", "0")]),
    (false, &[Claim("events", "{}")]),
    (false, &[Claim("scp", r#"["openid"]"#)]),
    (false, &[Claim("cid", r#""{us}""#)]),
    (false, &[Claim("cid", "null")]),
    (
        true,
        &[Claim("groups", r#"["a",1,null,{"sub":"b","cid":1}]"#)],
    ),
];

/// What the placeholders stand for.
pub(crate) struct World<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) kid: &'a str,
    pub(crate) now: i64,
}

impl World<'_> {
    /// The header and the claims of a token with these changes.
    pub(crate) fn written(&self, changes: &[Change]) -> (String, String) {
        let mut header = vec![("kid", r#""{kid}""#), ("alg", r#""RS256""#)];
        let mut claims = vec![
            ("sub", r#""00u-joyce""#),
            ("ver", "1"),
            ("iss", r#""{iss}""#),
            ("aud", r#""{us}""#),
            ("iat", "{now}"),
            ("exp", "{later}"),
            ("amr", r#"["pwd"]"#),
        ];
        let [mut before_header, mut before_claims] = [""; 2];
        for change in changes {
            let (members, name, value) = match *change {
                Header(name, value) => (&mut header, name, Some(value)),
                Claim(name, value) => (&mut claims, name, Some(value)),
                NoClaim(name) => (&mut claims, name, None),
                BeforeHeader(text) => {
                    before_header = text;
                    continue;
                }
                BeforeClaims(text) => {
                    before_claims = text;
                    continue;
                }
            };
            members.retain(|member| member.0 != name);
            members.extend(value.map(|value| (name, value)));
        }
        (
            self.object(before_header, &header),
            self.object(before_claims, &claims),
        )
    }

    fn object(&self, before: &str, members: &[(&str, &str)]) -> String {
        let members = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"));
        let before = Some(before.to_owned()).filter(|before| !before.is_empty());
        let text = before
            .into_iter()
            .chain(members)
            .collect::<Vec<_>>()
            .join(",");
        let text = text
            .replace("{iss}", self.issuer)
            .replace("{us}", self.client_id)
            .replace("{kid}", self.kid)
            .replace("{now}", &self.now.to_string())
            .replace("{later}", &(self.now + 600).to_string())
            .replace("{256}", &"x".repeat(256))
            .replace("{254}", &"x".repeat(254));
        format!("{{{text}}}")
    }
}
