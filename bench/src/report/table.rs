//! Tables in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::sheet::{Finding, Sheet, Target};

const WRITES: &str = "a string takes everything";

/// What is aimed at, then every median.
pub(super) fn render(sheets: &[Sheet]) -> String {
    let mut text = machine(sheets);
    text += "| what | against | aim | measured | reached |\n| --- | --- | --- | --- | --- |\n";
    for finding in sheets.iter().flat_map(|sheet| &sheet.findings) {
        text += &row(finding);
    }
    text += "\n| scenario | what | of | who | median | spread |\n| --- | --- | --- | --- | ---: | ---: |\n";
    for sheet in sheets {
        // Those with a place on an axis are in the plots.
        for series in sheet.series.iter().filter(|series| series.key.at.is_none()) {
            let (key, spread) = (&series.key, series.spread * 100.0);
            let median = format!("{} {}", number(series.median), key.unit);
            writeln!(
                text,
                "| {} | {} | {} | {} | {median} | {spread:.0} % |",
                sheet.scenario, key.measure, key.case, key.candidate
            )
            .expect(WRITES);
        }
    }
    text
}

/// Results may be of several days and machines; each says which of the scenarios are its own where there are more.
fn machine(sheets: &[Sheet]) -> String {
    let mut measured: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sheet in sheets {
        let m = &sheet.machine;
        let machine = format!(
            "{}, {} cores, {}, Linux {}, {}, wasmtime {}; {}",
            m.processor, m.cores, m.memory, m.kernel, m.rustc, m.wasmtime, m.date
        );
        let run = format!("{} {} × {} s", sheet.scenario, sheet.rounds, sheet.seconds);
        measured.entry(machine).or_default().push(run);
    }
    let line = |(machine, runs): (&String, &Vec<String>)| {
        format!("Measured on {machine}.\nRounds and seconds of each load: {}.\n\n", runs.join(", "))
    };
    measured.iter().map(line).collect()
}

fn row(finding: &Finding) -> String {
    let Finding { what, against, unit, target, median, .. } = finding;
    let value = |value: f64| match unit.as_str() {
        "" => format!("{value:.2}"),
        "±" => format!("±{:.0} %", value * 100.0),
        unit => format!("{value:.2} {unit}"),
    };
    let aim = match target {
        Some(Target::AtLeast(bound)) => format!("≥ {}", value(*bound)),
        Some(Target::AtMost(bound)) => format!("≤ {}", value(*bound)),
        None => String::new(),
    };
    let reached = finding.reached.map_or("", |reached| if reached { "yes" } else { "**no**" });
    format!("| {what} | {against} | {aim} | {} | {reached} |\n", value(*median))
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_it_was_reached() {
        let mut sheet = Sheet::default();
        sheet.find("hello", "hyper", "", vec![0.5, 0.7, 0.65], Some(Target::AtLeast(0.6)));
        sheet.find("flat", "a line", "±", vec![0.2], Some(Target::AtMost(0.1)));
        let rows: Vec<String> = sheet.findings.iter().map(row).collect();
        assert_eq!(
            rows,
            ["| hello | hyper | ≥ 0.60 | 0.65 | yes |\n", "| flat | a line | ≤ ±10 % | ±20 % | **no** |\n"]
        );
    }
}
