//! A sign-up as a client sends it, and the rules for it.

use email_address::{EmailAddress, Options};
use serde::Deserialize;

use crate::problem::Problem;

const MAX_EMAIL_CHARACTERS: usize = 254;
const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 8..=128;

#[derive(Deserialize)]
pub struct SignUp {
    pub email: String,
    pub password: String,
}

impl SignUp {
    /// The sign-up as it is kept, with a trimmed address.
    ///
    /// # Errors
    /// 422, naming the field.
    pub fn check(mut self) -> Result<Self, Problem> {
        self.email = check_email(&self.email)?.to_owned();
        if !PASSWORD_CHARACTERS.contains(&self.password.chars().count()) {
            return Err(Problem::unprocessable("password", "`password` must have 8 to 128 characters."));
        }
        Ok(self)
    }
}

fn check_email(text: &str) -> Result<&str, Problem> {
    let email = text.trim();
    if email.chars().count() > MAX_EMAIL_CHARACTERS {
        return Err(Problem::unprocessable("email", "`email` must have at most 254 characters."));
    }
    if email.contains(char::is_control) || EmailAddress::parse_with_options(email, syntax()).is_err() {
        return Err(Problem::unprocessable("email", "`email` must be an email address such as john@example.com."));
    }
    Ok(email)
}

fn syntax() -> Options {
    Options::default().with_required_tld().without_domain_literal().without_display_text()
}
