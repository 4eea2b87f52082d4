//! What a person is told of the browser.

use super::*;
use crate::failure::list;

#[test]
fn every_message_of_the_browser() {
    let other = open("http://org.okta.com/activate").expect_err("refused");
    insta::assert_snapshot!(list([other, none()]));
}
