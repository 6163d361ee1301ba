//! What counts as an email address.

use componentd_sdk::http::Problem;
use email_address::{EmailAddress, Options};

/// RFC 5321 leaves room for 254 characters between the angle brackets of a mail command.
const MAX_CHARACTERS: usize = 254;

/// The address as it is kept: trimmed, in the case that the customer typed.
pub(crate) fn check(text: &str) -> Result<&str, Problem> {
    let email = text.trim();
    if email.chars().count() > MAX_CHARACTERS {
        return Err(Problem::unprocessable("email", "`email` must have at most 254 characters."));
    }
    if email.contains(char::is_control) || EmailAddress::parse_with_options(email, syntax()).is_err() {
        return Err(Problem::unprocessable("email", "`email` must be an email address such as john@example.com."));
    }
    Ok(email)
}

/// An address that mail from outside can reach: in a domain with a dot, not at a host by its number, and no name around it.
fn syntax() -> Options {
    Options::default().with_required_tld().without_domain_literal().without_display_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_trimmed_and_in_their_case() {
        assert_eq!(check("john@example.com").unwrap(), "john@example.com");
        assert_eq!(check(" \tJohn.Doe+tag@Example.CO.uk\n").unwrap(), "John.Doe+tag@Example.CO.uk");
        assert_eq!(check("\"john doe\"@example.com").unwrap(), "\"john doe\"@example.com");
        assert_eq!(check("jürgen@müller.de").unwrap(), "jürgen@müller.de");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let wrong = [
            "",
            "   ",
            "john",
            "@example.com",
            "john@",
            "john@localhost",
            "john@[127.0.0.1]",
            "John <john@example.com>",
            "john@example..com",
            "john@@example.com",
            "jo hn@example.com",
            "john@exam ple.com",
            "john\0@example.com",
            "\"jo\0hn\"@example.com",
            "\"jo\r\nhn\"@example.com",
        ];
        for text in wrong {
            assert_eq!(check(text).unwrap_err().status(), 422, "{text:?}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        let of_length = |length: usize| format!("{}@{}.example.com", "a".repeat(length - 186), "b.".repeat(86) + "b");
        assert_eq!(of_length(250).len(), 250);
        assert!(check(&of_length(250)).is_ok());
        assert_eq!(check(&of_length(255)).unwrap_err().status(), 422);
    }
}
