//! What is said of a database that is not as it should be, in one piece; `tests/status.rs` has what comes with a statement.

use super::*;

#[test]
fn every_sentence_without_a_statement() {
    insta::assert_snapshot!(
        [
            NO_MESSAGES.to_owned(),
            NOT_LOOKED_AT.to_owned(),
            COMPRESSES.to_owned(),
            other_encoding("LATIN1"),
            attached::sees_quotes("audit", "public.user_messages"),
            attached::shows_rows("everything", "public.user_messages"),
            attached::logs_tokens("log_statement = all"),
            functions::another_body("okta.user_id()"),
            functions::another_manner("okta.user_id()", "volatile in place of stable"),
            functions::missing_function("okta.user_id()"),
            functions::useless_owner("select, insert", "public.user_messages"),
            functions::persons_table("epigraph_nora", "public.notes"),
            policies::ANOTHER_COLUMN.to_owned(),
            policies::narrow("by_day", "public.notes", "everybody"),
            tables::another_shape("okta.blocked", "without PRIMARY KEY (user_id)"),
            tables::missing_column("public.user_messages", "message"),
            rights::may_not("epigraph_user_16384", "connect to this database"),
        ]
        .join("\n")
    );
}

#[test]
fn a_name_that_a_terminal_would_obey_is_spelt_out() {
    assert_eq!(
        told("eve may select: revoke it from eve;"),
        "eve may select: revoke it from eve;"
    );
    assert_eq!(told("everybody may"), "Everybody may");
    assert_eq!(
        told("from \"Eve \"\"E\"\"\", \"b\u{1b}\\\u{202e}\";"),
        "from \"Eve \"\"E\"\"\", U&\"b\\+00001b\\+00005c\\+00202e\";"
    );
    assert_eq!(told("key a\u{1b}[31m"), "key a\u{241b}[31m");
}
