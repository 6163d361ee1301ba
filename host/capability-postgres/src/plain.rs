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

/// What words begin with that make a statement not plain wherever they stand: temporary tables, and a view that sets what
/// is written to it.
const NEVER: [&str; 3] = ["temp", "pg_temp", "pg_settings"];

/// Functions that show what an earlier borrower of the connection drew from a sequence.
const SHARED: [&str; 2] = ["currval", "lastval"];

/// What a statement's text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It leaves nothing behind.
    Plain,
    /// It may change the session.
    Unknown,
    /// It may also define what other statements call.
    Definition,
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
    pub(crate) fn at(&self, sql: &str) -> Shown {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = lock().get(sql) {
            return *shown;
        }
        let shown = session::refused(sql).map_or_else(|| look(sql), Shown::Refused);
        let mut seen = lock();
        if seen.len() < REMEMBERED && sql.len() <= LONGEST {
            seen.insert(sql.to_owned(), shown);
        }
        shown
    }
}

/// Looks at each word, and at what is around it. Linear in the text.
fn look(sql: &str) -> Shown {
    let is_statement = is_one_of(&STATEMENTS, session::first_word(sql));
    let mut is_plain = is_statement;
    // The two tokens before this one.
    let (mut rest, mut before, mut before_that) = (sql, "", "");
    while let Some(c) = rest.chars().next() {
        let (token, after) = rest.split_at(length_of_token(rest, c));
        let word = token.trim_matches('"');
        if let Some(shared) = SHARED.into_iter().find(|name| word.eq_ignore_ascii_case(name)) {
            return Shown::Shared(shared);
        }
        // The schema of a name is not what stands before it.
        let is_schema = c == '.' || after.starts_with('.');
        is_plain &= match c {
            // Backslashes escape in strings with a prefix, and in those of a server that is set so.
            '\'' => !token.contains('\\') && !is_prefixed(sql, rest),
            '"' => !is_prefixed(sql, rest) && !calls(after) && !is_never(word),
            '$' => after.starts_with(|c: char| c.is_ascii_digit()),
            '-' => !after.starts_with('-'),
            '/' => !after.starts_with('*'),
            ';' => after.trim_start().is_empty(),
            c if is_word(c) => {
                let is_table = is_one_of(&["into"], before) && is_one_of(&["insert"], before_that);
                !is_never(word) && (is_table || !calls(after) || is_one_of(BEFORE_PARENTHESIS, word))
            }
            _ => true,
        };
        if !c.is_whitespace() && !is_schema {
            (before_that, before) = (before, token);
        }
        rest = after;
    }
    match (is_plain, is_statement) {
        (true, _) => Shown::Plain,
        (false, true) => Shown::Unknown,
        (false, false) => Shown::Definition,
    }
}

fn calls(after: &str) -> bool {
    after.trim_start().starts_with('(')
}

fn is_never(word: &str) -> bool {
    NEVER.iter().any(|start| word.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
}

fn length_of_token(text: &str, first: char) -> usize {
    match first {
        '\'' | '"' => quoted_length(text, first),
        c if is_word(c) => text.find(|c: char| !is_word(c)).unwrap_or(text.len()),
        c => c.len_utf8(),
    }
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

/// Whether what is quoted has a prefix: `E'…'`, `U&'…'`, `U&"…"`.
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
            "insert into public.orders (user_id) values ($1)",
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
            "select t.into, set_config('application_name', 'x', false) from t",
            "(select 1)",
            "select 1 as into, set_config('application_name', 'x', false)",
            "select insert.into, f() from (select 1 as into) insert",
            "select U&\"set_config\" uescape '!' ('search_path', 'x', false)",
            "select 1 as x into U&\"pg\\005ftemp\".orders",
            "select 1 as x into pg_temp_3.orders",
            "update pg_settings set setting = 'x' where name = 'search_path'",
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
            assert!(matches!(look(sql), Shown::Unknown | Shown::Definition), "{sql}");
        }
    }

    #[test]
    fn what_defines_is_told_from_what_reads_and_writes() {
        for sql in ["create function f() returns int return 1", "do $$ begin end $$", "call f()", "-- x\ncreate view v"]
        {
            assert_eq!(look(sql), Shown::Definition, "{sql}");
        }
        assert_eq!(look("select f()"), Shown::Unknown);
    }

    #[test]
    fn a_long_text_is_looked_at_in_a_moment() {
        let text = format!("select 1{}{}", ";".repeat(1 << 20), " ".repeat(1 << 20));
        assert_eq!(look(&text), Shown::Unknown);
    }

    #[test]
    fn what_others_drew_from_a_sequence_is_seen() {
        assert_eq!(look("select lastval()"), Shown::Shared("lastval"));
        assert_eq!(look("select \"currval\"('s')"), Shown::Shared("currval"));
    }
}
