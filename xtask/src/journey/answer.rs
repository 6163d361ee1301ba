//! Whether an answer is what a page has: ids, times and digests are others each time.

use std::sync::LazyLock;

use regex::Regex;

/// What differs each time, and what stands for it.
static PASSING: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"sha256:[0-9a-f]{12,64}", "<digest>"),
        (r"\b([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", "<id>"),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).expect("these are patterns"), name))
});

/// Line by line. `…` in the page stands for anything in its line. `tail`: the page has the end only.
pub fn agree(expected: &str, actual: &str, tail: bool) -> bool {
    let (expected, actual) = (lasting(expected), lasting(actual));
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.trim().lines().collect(), actual.trim().lines().collect());
    let skipped = actual.len().checked_sub(expected.len());
    let Some(skipped) = skipped.filter(|skipped| tail || *skipped == 0) else { return false };
    expected.iter().zip(&actual[skipped..]).all(|(expected, actual)| is_like(expected, actual.trim_end()))
}

fn lasting(text: &str) -> String {
    PASSING.iter().fold(text.to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
}

/// The pieces between `…`, in their order, the first at the start and the last at the end.
fn is_like(expected: &str, actual: &str) -> bool {
    let pieces: Vec<_> = expected.trim_end().split('…').collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return expected.trim_end() == actual };
    let Some(mut rest) = actual.strip_prefix(first) else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_times_and_digests_may_differ() {
        let (page, said) = (
            "2026-11-22T11:44:20.770Z  sha256:c45df5817f5e  live",
            "2027-01-02T03:04:05Z  sha256:000000000000  live\n",
        );
        assert!(agree(page, said, false));
        assert!(!agree(page, &said.replace("live", "rejected"), false));
        assert!(!agree(r#"{"id":1}"#, r#"{"id":2}"#, false));
    }

    #[test]
    fn an_ellipsis_stands_for_anything_in_its_line() {
        assert!(agree("a … c …", "a bb c dd", false));
        assert!(!agree("a … c", "a bb c dd", false));
        assert!(!agree("a …", "a b\nc", false));
    }

    #[test]
    fn the_end_is_enough_where_the_page_has_the_end() {
        assert!(agree("b\nc", "a\nb\nc\n", true));
        assert!(!agree("b\nc", "a\nb\nc\n", false));
        assert!(!agree("a\nb\nc", "b\nc", true));
    }
}
