//! What a page tells its reader to do, read out of its Markdown.
//!
//! A block of `sh` is typed in a terminal, and a block of `json` or `text` right after it is what comes of it. What a reader
//! needs not see stands in a comment before a block: `<!-- journey: until -->`, or in one of its own that has commands:
//! `<!-- journey: run`, the commands, `-->`.

use std::str::Lines;

use anyhow::{Context, Result, bail};

/// Something to do, and where the page says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    pub line: usize,
    pub what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Programs without which the rest of the page is passed over.
    Needs(Vec<String>),
    /// A file of the reader's, below the folder that the terminal is in.
    Write {
        file: String,
        text: String,
    },
    /// A program that runs on while the reader does something else.
    Background {
        script: String,
    },
    EndBackground,
    Run {
        script: String,
        ending: Ending,
        expected: Option<String>,
    },
}

/// How commands end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With success, and what they say is what the page has.
    Whole,
    /// With success; the page has only the end of what they say.
    Tail,
    /// The page has what they say after a while.
    Until,
    /// With an error, which the page has.
    Fails,
}

/// What stands before a block.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    Ending(Ending),
    File(String),
    Background,
    Skip,
}

/// The steps of a page, in their order.
///
/// # Errors
/// A comment for us that nobody understands.
pub fn steps(markdown: &str) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut mark = None;
    let mut lines = Numbered { lines: markdown.lines(), number: 0 };
    // Where a block of commands has just ended.
    let mut answer_at = 0;
    while let Some(text) = lines.next() {
        let line = lines.number;
        if let Some(comment) = text.strip_prefix("<!-- journey: ") {
            mark = read_comment(comment, line, &mut lines, &mut steps).with_context(|| format!("line {line}"))?;
        } else if let Some(language) = text.strip_prefix("```") {
            let block = lines.until("```");
            let is_answer = answer_at == line && matches!(language, "json" | "text") && mark.is_none();
            match (is_answer, steps.last_mut()) {
                (true, Some(Step { what: What::Run { expected, .. }, .. })) => *expected = Some(block),
                _ => steps.extend(step(language, mark.take(), block).map(|what| Step { line, what })),
            }
            answer_at = if language == "sh" { lines.number + 1 } else { 0 };
        }
    }
    Ok(steps)
}

/// A step of its own, or what the next block is.
fn read_comment(comment: &str, line: usize, lines: &mut Numbered, steps: &mut Vec<Step>) -> Result<Option<Mark>> {
    let words = comment.trim_end().trim_end_matches("-->").trim_end();
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let what = match verb {
        "run" => What::Run { script: lines.until("-->"), ending: Ending::Whole, expected: None },
        "needs" => What::Needs(rest.split(' ').map(str::to_owned).collect()),
        "end" => What::EndBackground,
        "file" => return Ok(Some(Mark::File(rest.to_owned()))),
        "background" => return Ok(Some(Mark::Background)),
        "until" => return Ok(Some(Mark::Ending(Ending::Until))),
        "tail" => return Ok(Some(Mark::Ending(Ending::Tail))),
        "fails" => return Ok(Some(Mark::Ending(Ending::Fails))),
        "skip" if !rest.is_empty() => return Ok(Some(Mark::Skip)),
        _ => bail!("`{words}` is none of: run, needs, end, file, background, until, tail, fails, skip <why>"),
    };
    steps.push(Step { line, what });
    Ok(None)
}

/// What a block is for: only commands and files are anything to do.
fn step(language: &str, mark: Option<Mark>, block: String) -> Option<What> {
    match (mark, language) {
        (Some(Mark::Skip), _) => None,
        (Some(Mark::File(file)), _) => Some(What::Write { file, text: block }),
        (Some(Mark::Background), _) => Some(What::Background { script: block }),
        (Some(Mark::Ending(ending)), _) => Some(What::Run { script: block, ending, expected: None }),
        (None, "sh") => Some(What::Run { script: block, ending: Ending::Whole, expected: None }),
        (None, _) => None,
    }
}

/// Lines, and the number of the one that was read last.
struct Numbered<'a> {
    lines: Lines<'a>,
    number: usize,
}

impl<'a> Numbered<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        self.lines.next()
    }

    /// What comes before a line that is this.
    fn until(&mut self, end: &str) -> String {
        let mut block = String::new();
        while let Some(line) = self.next().filter(|line| *line != end) {
            block.push_str(line);
            block.push('\n');
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_files_and_answers_are_told_apart() {
        let page = "# P\n```sh\na\n```\n```json\n1\n```\n```toml\nx = 1\n```\n<!-- journey: file y.toml -->\n```toml\ny\n```\n\
                    <!-- journey: fails -->\n```sh\nb\n```\n```text\nno\n```\n<!-- journey: skip it takes hours -->\n```sh\nc\n```\n\
                    <!-- journey: run\nd\n-->\n<!-- journey: needs npm node -->\n";
        let run = |line, script: &str, ending, expected: Option<&str>| Step {
            line,
            what: What::Run { script: script.to_owned(), ending, expected: expected.map(str::to_owned) },
        };
        let wanted = [
            run(2, "a\n", Ending::Whole, Some("1\n")),
            Step { line: 12, what: What::Write { file: "y.toml".to_owned(), text: "y\n".to_owned() } },
            run(16, "b\n", Ending::Fails, Some("no\n")),
            run(26, "d\n", Ending::Whole, None),
            Step { line: 29, what: What::Needs(vec!["npm".to_owned(), "node".to_owned()]) },
        ];
        assert_eq!(steps(page).unwrap(), wanted);
    }

    #[test]
    fn a_comment_that_says_nothing_is_an_error() {
        for comment in ["<!-- journey: untill -->", "<!-- journey: skip -->"] {
            assert!(steps(comment).is_err(), "{comment}");
        }
    }
}
