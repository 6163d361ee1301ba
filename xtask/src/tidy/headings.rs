//! Markdown: what is prose, and the names by which links reach headings.

use std::collections::BTreeSet;

/// The lines outside of code blocks, with their numbers from 1.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

/// The names of all headings. One that comes again has a number behind it.
pub fn slugs(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for title in prose(text).filter_map(|(_, line)| heading(line)) {
        let slug = slug(title);
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// The title of a heading.
fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    ((1..=6).contains(&level) && title.starts_with(' ')).then(|| title.trim())
}

/// As GitHub and mdBook name it: lower case, spaces as hyphens, and nothing but letters, digits, `-` and `_`.
fn slug(title: &str) -> String {
    let lower = title.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_named_as_github_names_them() {
        let text = "# `[host]`\n## The log, in short\n```sh\n# no heading\n```\n## A\n### A\n#no heading";
        let names = ["a", "a-1", "host", "the-log-in-short"];
        assert_eq!(slugs(text), names.map(str::to_owned).into());
    }
}
