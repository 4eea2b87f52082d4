//! Which ID tokens are taken: one table, with which the program and the database are both tested.
//!
//! Left out is where they differ on purpose: how far clocks may be apart, a header without `kid` (the program tries every
//! key, the database finds keys by their names), and what PostgreSQL cannot hold in a text (a NUL).

/// A line is an outcome, the part of the token that is changed, and changes in place of each other: what a member is, that it is
/// not there, or members in front of the others. `{us}` stands for the client id, `{iss}` for the issuer, `{kid}` for the name
/// of the key, `{now}` and `{later}` for times.
const CASES: &str = r#"
taken claims ver = 1
# The type.
taken header typ = "JWT" | typ = "jwt" | typ = "\u004aWT"
refused header typ = "at+jwt" | typ = "logout+jwt" | typ = "application/jwt" | typ = "" | typ = null | typ = 1
refused header typ = ["JWT"]
# The algorithm.
taken header alg = "R\u0053256"
refused header alg = "rs256" | alg = "RS512" | alg = "none" | alg = ["RS256"] | alg = null
# The key.
refused header kid = null | kid = 1 | kid = ["{kid}"] | kid = "another"
# Extensions, and what must not be followed.
refused header crit = ["b64"] & b64 = false | crit = [] | crit = null
taken header x5t = "abc"
taken header x5t#S256 = "abc"
taken header x5c = ["MIIB"]
taken header jku = "https://evil.example/keys"
taken header jwk = {"kty":"RSA","n":"AQAB","e":"AQAB"}
taken header anything = [1e400, null, {"alg": "none"}]
# One name twice.
refused header "alg":"RS256" | "alg":"none" | "\u0061lg":"none" | "x5t":"a","x5t":"a"
refused claims "sub":"00u-woolf" | "\u0073ub":"00u-woolf" | "a":1,"a":1 | "":1,"":1
taken claims "":1,"a":{"b":1,"b":1},"A":1 | "alg":"none","kid":1,"typ":null,"crit":1
# The issuer.
refused claims iss = "{iss}/" | iss = ["{iss}"] | iss = null | no iss
# For whom.
taken claims aud = ["{us}"] | aud = ["{us}"] & azp = "{us}" | aud = ["other","{us}"] & azp = "{us}"
taken claims aud = [1,"{us}"] & azp = "{us}"
taken claims azp = "{us}"
refused claims aud = ["{us}","other"] | aud = ["{us}","{us}"] | aud = ["{us}","other"] & azp = "other"
refused claims aud = ["{us}"] & azp = "other" | aud = ["{us}","other"] & azp = null
refused claims aud = ["other"] & azp = "{us}" | aud = [["{us}"]] & azp = "{us}" | aud = [] & azp = "{us}"
refused claims aud = {"{us}":1} & azp = "{us}" | aud = "other" | aud = "other" & azp = "{us}" | aud = "{us} "
refused claims aud = null | no aud | no aud & azp = "{us}"
refused claims azp = "other" | azp = ["{us}"] | azp = null
# Times.
taken claims exp = {later}.5 | exp = {later}.0e0 | exp = 253402300799
taken claims iat = 1.7e9 | iat = 17E+8 | iat = 1700000000.5 | iat = 0
taken claims nbf = {now} | nbf = 1.5 | nbf = 1e-400
refused claims exp = 253402300799.5 | exp = 253402300800 | exp = 1e13 | exp = 1e400 | exp = 1e999999
refused claims exp = 99999999999999999999999 | exp = "{later}" | exp = [{later}] | exp = true | exp = null | no exp
refused claims iat = -1 | iat = -0.5 | iat = "{now}" | iat = null | no iat
refused claims nbf = -1 | nbf = "{now}" | nbf = null | nbf = 01
# Who.
taken claims sub = " a " | sub = "\u00e9\\x00'"
refused claims sub = "" | sub = " " | sub = "a\u0009b" | sub = "a\u007fb" | sub = "a\u0085b" | sub = "a\u0000b"
refused claims sub = "a\ud800b" | sub = "{256}" | sub = "{254}é"
taken claims sub = "{254}e"
refused claims sub = 1 | sub = ["a"] | sub = null | no sub
# For what: another sign-in of this app, a log-out, an access.
taken claims nonce = null
refused claims nonce = "n" | nonce = "" | nonce = 0
refused claims events = {}
refused claims scp = ["openid"]
refused claims cid = "{us}" | cid = null
taken claims groups = ["a",1,null,{"sub":"b","cid":1}]
"#;

/// What the placeholders stand for.
pub(crate) struct World<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) kid: &'a str,
    pub(crate) now: i64,
}

impl World<'_> {
    /// Whether a token is taken, its header and its claims, for every case.
    pub(crate) fn cases(&self) -> Vec<(bool, String, String)> {
        let lines = CASES.lines();
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .flat_map(|line| {
                let mut words = line.splitn(3, ' ');
                let is_taken = words.next() == Some("taken");
                let is_header = words.next() == Some("header");
                let changes = words.next().expect("changes").split(" | ");
                changes.map(move |changes| {
                    let (header, claims) = self.written(is_header, changes);
                    (is_taken, header, claims)
                })
            })
            .collect()
    }

    /// A header and claims as Okta writes them, with changes in one of the two.
    fn written(&self, is_header: bool, changes: &str) -> (String, String) {
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
        let (members, before) = if is_header {
            (&mut header, &mut before_header)
        } else {
            (&mut claims, &mut before_claims)
        };
        for change in changes.split(" & ") {
            if let Some((name, value)) = change.split_once(" = ") {
                members.retain(|member| member.0 != name);
                members.push((name, value));
            } else if let Some(name) = change.strip_prefix("no ") {
                members.retain(|member| member.0 != name);
            } else {
                *before = change;
            }
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
        let members: Vec<_> = before.into_iter().chain(members).collect();
        let text = members.join(",");
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
