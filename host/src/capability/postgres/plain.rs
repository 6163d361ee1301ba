//! Whether a statement's own text shows that it can only read and write rows, and leaves nothing behind in the session.
//!
//! It errs on one side: what it does not know is not plain, and costs a reset of the session. A statement changes a session
//! by its first word, by a function that it calls, or by a temporary table, so those are what is looked at.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::session;

/// What plain statements begin with.
const STATEMENTS: [&str; 6] = ["select", "insert", "update", "delete", "with", "values"];

/// Words that can stand before a parenthesis in a plain statement: parts of SQL, types, and functions that only compute.
#[rustfmt::skip]
const BEFORE_PARENTHESIS: &[&str] = &[
    // SQL
    "all", "and", "any", "as", "between", "by", "case", "conflict", "distinct", "else", "except", "exists", "filter",
    "from", "in", "intersect", "is", "join", "lateral", "like", "limit", "not", "offset", "on", "or", "over", "returning",
    "row", "select", "set", "some", "then", "union", "using", "values", "when", "where", "within",
    // Types
    "char", "decimal", "numeric", "time", "timestamp", "timestamptz", "varchar",
    // Functions
    "abs", "array_agg", "array_length", "avg", "btrim", "cardinality", "cast", "ceil", "char_length", "coalesce",
    "concat", "count", "date_trunc", "extract", "floor", "gen_random_uuid", "generate_series", "greatest", "jsonb_agg",
    "jsonb_build_object", "least", "left", "length", "lower", "max", "md5", "min", "now", "nullif", "position",
    "replace", "right", "round", "row_number", "string_agg", "substring", "sum", "to_char", "trim", "unnest", "upper",
];

/// Words that make a statement not plain wherever they stand.
const NEVER: [&str; 3] = ["temp", "temporary", "pg_temp"];

/// Functions that show what an earlier borrower of the connection drew from a sequence.
const SHARED: [&str; 2] = ["currval", "lastval"];

/// What a statement's text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It leaves nothing behind.
    Plain,
    /// It may change the session.
    Unknown,
    /// It begins with a word that is not for components.
    Refused(&'static str),
    /// It asks for what may be another invocation's.
    Shared(&'static str),
}

/// What the texts of a service's statements show: it has some tens of them, and each is looked at once.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<HashMap<String, Shown>>);

/// Statements that are remembered, and how long each may be. A service that writes values into its texts has ever new ones.
const REMEMBERED: usize = 256;
const LONGEST: usize = 4 << 10;

impl Looks {
    pub fn at(&self, sql: &str) -> Shown {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = seen.get(sql) {
            return *shown;
        }
        let shown = session::refused(sql).map_or_else(|| look(sql), Shown::Refused);
        if seen.len() < REMEMBERED && sql.len() <= LONGEST {
            seen.insert(sql.to_owned(), shown);
        }
        shown
    }
}

/// Looks at each word, and at what follows it.
fn look(sql: &str) -> Shown {
    let mut is_plain = true;
    let (mut rest, mut before) = (sql, "");
    while let Some(c) = rest.chars().next() {
        let (token, after) = rest.split_at(length_of_token(rest, c));
        is_plain &= match c {
            // Backslashes escape in strings with a prefix, and in those of a server that is set so.
            '\'' => !token.contains('\\') && !is_prefixed(sql, rest),
            '$' => after.starts_with(|c: char| c.is_ascii_digit()),
            '-' => !after.starts_with('-'),
            '/' => !after.starts_with('*'),
            ';' => after.trim().is_empty(),
            c if c == '"' || is_word(c) => {
                let (word, calls) = (token.trim_matches('"'), after.trim_start().starts_with('('));
                if let Some(shared) = SHARED.into_iter().find(|name| word.eq_ignore_ascii_case(name)) {
                    return Shown::Shared(shared);
                }
                let is_plain = if c == '"' { !calls } else { is_plain_word(word, before, calls) };
                before = token;
                is_plain && !is_one_of(&NEVER, word)
            }
            _ => true,
        };
        rest = after;
    }
    if is_plain && !before.is_empty() { Shown::Plain } else { Shown::Unknown }
}

fn length_of_token(text: &str, first: char) -> usize {
    match first {
        '\'' | '"' => quoted_length(text, first),
        c if is_word(c) => text.find(|c: char| !is_word(c)).unwrap_or(text.len()),
        c => c.len_utf8(),
    }
}

/// `before` is the word before this one: none at the beginning.
fn is_plain_word(word: &str, before: &str, calls: bool) -> bool {
    if before.is_empty() {
        return is_one_of(&STATEMENTS, word);
    }
    // The table of an INSERT, with its columns.
    let is_table = before.eq_ignore_ascii_case("into");
    !calls || is_table || is_one_of(BEFORE_PARENTHESIS, word)
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|candidate| candidate.eq_ignore_ascii_case(word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// With both quotes; a doubled one is part of what is quoted.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut end = 1;
    loop {
        match text[end..].find(quote) {
            None => return text.len(),
            Some(at) if text[end + at + 1..].starts_with(quote) => end += at + 2,
            Some(at) => return end + at + 1,
        }
    }
}

/// Whether a string constant has a prefix: `E'…'`, `U&'…'`.
fn is_prefixed(sql: &str, from_quote: &str) -> bool {
    let before = &sql[..sql.len() - from_quote.len()];
    before.ends_with(|c: char| is_word(c) || c == '&')
}

#[cfg(test)]
mod tests {
    use super::{Shown, look};

    #[test]
    fn rows_are_read_and_written_plainly() {
        for sql in [
            "select id, name, price from products where id = any($1)",
            "insert into orders (user_id, items) values ($1, $2) returning id, created_at",
            "INSERT INTO users(email) VALUES (lower($1)) ON CONFLICT (email) DO NOTHING;",
            "with x as (select 1) select count(*), 'it''s (fine)' from \"x\"",
            "update t set a = a - 1, b = $2::numeric(12, 2) where c in ('a', 'set_config(')",
        ] {
            assert_eq!(look(sql), Shown::Plain, "{sql}");
        }
    }

    #[test]
    fn what_may_change_a_session_is_not_plain() {
        for sql in [
            "",
            "do $$ begin perform set_config('a', 'b', false); end $$",
            "select set_config('application_name', 'x', false)",
            "select \"set_config\"('application_name', 'x', false)",
            "select pg_catalog . set_config\n('application_name', 'x', false)",
            "select pg_advisory_lock(1)",
            "select 1 into temp t",
            "create temp table t ()",
            "insert into pg_temp.t values (1)",
            "select f/**/(1)",
            "select f -- x\n(1)",
            r"select E'\', f(1), '",
            r"select '\', f(1), '",
            "select U&'x'",
            "select $$'$$, f(1), $$'$$",
            "select 1; select f(1)",
            "select query_to_xml('select f()', true, true, '')",
            "call f()",
        ] {
            assert_eq!(look(sql), Shown::Unknown, "{sql}");
        }
    }

    #[test]
    fn what_others_drew_from_a_sequence_is_seen() {
        assert_eq!(look("select lastval()"), Shown::Shared("lastval"));
        assert_eq!(look("select \"currval\"('s')"), Shown::Shared("currval"));
    }
}
