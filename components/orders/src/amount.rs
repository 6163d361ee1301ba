//! Amounts of money as decimal text. They are only looked at, never computed with: the text goes to Postgres as it is.

use componentd_sdk::http::Problem;

/// The column is `numeric(12, 2)`: at most 9999999999.99.
const MAX_WHOLE_DIGITS: usize = 10;
const MAX_DECIMALS: usize = 2;

pub(crate) fn check(text: &str) -> Result<(), Problem> {
    if is_amount(text) {
        return Ok(());
    }
    let detail = "`total_amount` must be decimal text from \"0\" to \"9999999999.99\" with at most two decimals.";
    Err(Problem::unprocessable("total_amount", detail))
}

fn is_amount(text: &str) -> bool {
    match text.split_once('.') {
        Some((whole, decimals)) => is_digits(whole, MAX_WHOLE_DIGITS) && is_digits(decimals, MAX_DECIMALS),
        None => is_digits(text, MAX_WHOLE_DIGITS),
    }
}

fn is_digits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for text in ["0", "0.00", "12.99", "12.9", "1", "9999999999.99"] {
            assert!(check(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount() {
        let wrong = " . .5 5. -1 +1 1e3 0x10 1,5 1.999 10000000000 1.2.3 NaN ١٢".split(' ');
        for text in wrong.chain([" 1", "1 ", "1\0"]) {
            assert_eq!(check(text).unwrap_err().status(), 422, "{text:?}");
        }
    }
}
