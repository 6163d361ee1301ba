//! Tests wait for conditions: a sleep is a guess at how long something takes, too short for one machine and too long for the
//! next.

use std::path::Path;

use super::{Finding, files};

/// The only files of tests that sleep: each polls a condition, with a deadline.
const WAIT: &str = "wait.rs";

/// Where code of tests begins within a file of the program.
const UNIT_TESTS: &str = "#[cfg(test)]";

/// Places where code of tests sleeps.
pub fn check(path: &Path, text: &str) -> Vec<Finding> {
    let may_sleep = !files::is(path, "rs") || path.ends_with(WAIT);
    let is_test = path.components().any(|folder| folder.as_os_str() == "tests");
    let from = if is_test { Some(0) } else { text.lines().position(|line| line.trim() == UNIT_TESTS) };
    let Some(from) = from.filter(|_| !may_sleep) else { return Vec::new() };
    let lines = text.lines().enumerate().skip(from).filter(|(_, line)| sleeps(line));
    lines.map(|(index, _)| (index + 1, "wait for a condition, by `until` of a `wait.rs`".to_owned())).collect()
}

/// Whether it calls or imports a function that sleeps. Tests have functions and statements of that name, which do not.
fn sleeps(line: &str) -> bool {
    line.contains("::sleep") || (line.trim_start().starts_with("use ") && line.contains("sleep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_tests_does_not_sleep() {
        let lines =
            |path: &str, text: &str| check(Path::new(path), text).iter().map(|(line, _)| *line).collect::<Vec<_>>();
        let sleeps =
            concat!("//! A.\nuse tokio::time::{Duration, sle", "ep};\n#[cfg(test)]\n    thread::sle", "ep(A);\n");
        assert_eq!(lines("host/tests/a.rs", sleeps), [2, 4]);
        assert_eq!(lines("host/src/a.rs", sleeps), [4], "the program may");
        assert_eq!(lines("host/tests/support/wait.rs", sleeps), []);
        assert_eq!(lines("docs/tests/a.md", sleeps), []);
        let others = "async fn sleep(ms: u32) {}\nlet sql = \"select pg_sleep(1)\";\nclient.get(\"/sleep\");\n";
        assert_eq!(lines("host/tests/a.rs", others), []);
    }
}
