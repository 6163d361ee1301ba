//! Whether a statement's own text shows that it can only read and write rows, and leaves nothing behind in the session.
//!
//! It errs on one side: what it does not know is not plain, and costs a reset of the session. A statement changes a session
//! by its first word, by a function that it calls, or by a temporary table, so those are what is looked at.

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
    /// It asks for what may be another invocation's.
    Shared(&'static str),
}

/// Looks at each word, and at what follows it.
pub(super) fn look(sql: &str) -> Shown {
    let mut is_plain = true;
    let (mut rest, mut before) = (sql, "");
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => quoted_length(rest, c),
            c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let calls = after.trim_start().starts_with('(');
        if let Some(shared) = SHARED.into_iter().find(|name| token.trim_matches('"').eq_ignore_ascii_case(name)) {
            return Shown::Shared(shared);
        }
        is_plain &= match c {
            // Backslashes escape in strings with a prefix, and in those of a server that is set so.
            '\'' => !token.contains('\\') && !is_prefixed(sql, rest),
            '"' => !calls && !is_one_of(&NEVER, token.trim_matches('"')),
            '$' => after.starts_with(|c: char| c.is_ascii_digit()),
            '-' => !after.starts_with('-'),
            '/' => !after.starts_with('*'),
            ';' => after.trim().is_empty(),
            c if is_word(c) => is_plain_word(token, before, calls),
            _ => true,
        };
        if is_word(c) || c == '"' {
            before = token;
        }
        rest = after;
    }
    if is_plain && !before.is_empty() { Shown::Plain } else { Shown::Unknown }
}

/// `before` is the word before this one: none at the beginning.
fn is_plain_word(word: &str, before: &str, calls: bool) -> bool {
    if before.is_empty() {
        return is_one_of(&STATEMENTS, word);
    }
    // The table of an INSERT, with its columns.
    let is_table = before.eq_ignore_ascii_case("into");
    !is_one_of(&NEVER, word) && (!calls || is_table || is_one_of(BEFORE_PARENTHESIS, word))
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
