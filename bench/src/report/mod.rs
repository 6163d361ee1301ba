//! The table and the plots of `BENCHMARKS.md`, from the results that there are.

mod plots;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::names::NAMES;
use crate::sheet::Sheet;

const BEGIN: &str = "<!-- results -->\n";
const END: &str = "<!-- /results -->";

/// Draws the plots beside the results, and writes the section between the marks of `document`.
///
/// # Errors
/// A file cannot be read or written, or has no marks.
pub fn render(results: &Path, document: &Path) -> Result<()> {
    let sheets = read(results)?;
    let mut section = table::render(&sheets);
    for plot in plots::draw(&sheets, results)? {
        section += &format!("\n![{}](bench/results/{})\n", plot.title, plot.file);
    }
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let text = replace(&text, &section).with_context(|| format!("{} has no {BEGIN:?}", document.display()))?;
    fs::write(document, text).with_context(|| format!("cannot write {}", document.display()))
}

/// In the order of the table.
fn read(results: &Path) -> Result<Vec<Sheet>> {
    let paths = NAMES.iter().map(|name| results.join(name).with_extension("json")).filter(|path| path.is_file());
    paths
        .map(|path| {
            let text = fs::read_to_string(&path)?;
            serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
        })
        .collect()
}

fn replace(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "# A\n<!-- results -->\nold\n<!-- /results -->\nB\n";
        assert_eq!(replace(text, "new\n").unwrap(), "# A\n<!-- results -->\n\nnew\n\n<!-- /results -->\nB\n");
        assert!(replace("# A\n", "new").is_none());
    }
}
