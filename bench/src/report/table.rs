//! Tables in Markdown.

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

/// Results may be of several days.
fn machine(sheets: &[Sheet]) -> String {
    let mut machines: Vec<String> = sheets
        .iter()
        .map(|sheet| {
            let m = &sheet.machine;
            let (cores, rounds, seconds) = (m.cores, sheet.rounds, sheet.seconds);
            format!(
                "{}, {cores} cores, {}, Linux {}, {}, wasmtime {}; {}; {rounds} rounds of {seconds} s",
                m.processor, m.memory, m.kernel, m.rustc, m.wasmtime, m.date
            )
        })
        .collect();
    machines.sort();
    machines.dedup();
    machines.iter().map(|machine| format!("Measured on {machine}.\n")).collect::<String>() + "\n"
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
