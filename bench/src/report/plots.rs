//! Plots as SVG.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::sheet::Sheet;

const SIZE: (u32, u32) = (760, 460);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0x7f, 0x7f, 0x7f),
];

/// A plot that was drawn.
pub(super) struct Drawn {
    pub(super) title: &'static str,
    pub(super) file: &'static str,
}

struct Plot {
    scenario: &'static str,
    file: &'static str,
    title: &'static str,
    below: &'static str,
    beside: &'static str,
    measures: &'static [&'static str],
    scales: Scales,
}

/// What is logarithmic.
enum Scales {
    Beside,
    Below,
    Neither,
}

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

const PLOTS: &[Plot] = &[
    Plot {
        scenario: "latency",
        file: "latency.svg",
        title: "Latency of GET /products against throughput",
        below: "requests a second",
        beside: "milliseconds",
        measures: &["p50", "p99"],
        scales: Scales::Beside,
    },
    Plot {
        scenario: "services",
        file: "services.svg",
        title: "Cost of a hello against the number of loaded services",
        below: "services",
        beside: "processor time, µs/request",
        measures: &["processor"],
        scales: Scales::Neither,
    },
    Plot {
        scenario: "memory",
        file: "memory.svg",
        title: "Memory of the host against the number of idle services",
        below: "services",
        beside: "resident, MiB",
        measures: &["memory"],
        scales: Scales::Neither,
    },
    Plot {
        scenario: "connections",
        file: "connections.svg",
        title: "Throughput of hello against the number of connections",
        below: "connections",
        beside: "requests a second",
        measures: &["throughput"],
        scales: Scales::Below,
    },
];

/// Those whose results are there.
pub(super) fn draw(sheets: &[Sheet], folder: &Path) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for plot in PLOTS {
        let Some(sheet) = sheets.iter().find(|sheet| sheet.scenario == plot.scenario) else { continue };
        let lines = lines(sheet, plot);
        let path = folder.join(plot.file);
        draw_one(plot, &lines, &path).with_context(|| format!("cannot draw {}", path.display()))?;
        drawn.push(Drawn { title: plot.title, file: plot.file });
    }
    Ok(drawn)
}

/// One for each measure and candidate, and for each case where there are several.
fn lines(sheet: &Sheet, plot: &Plot) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let is_one_case = sheet.series.iter().all(|series| series.key.case == sheet.series[0].key.case);
    for series in sheet.series.iter().filter(|series| plot.measures.contains(&series.key.measure.as_str())) {
        let Some(x) = series.key.at else { continue };
        let key = &series.key;
        let mut name = key.candidate.clone();
        if plot.measures.len() > 1 {
            name += &format!(", {}", key.measure);
        }
        if !is_one_case {
            name += &format!(", {}", key.case);
        }
        let point = (x, series.median);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name, points: vec![point] }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

fn draw_one(plot: &Plot, lines: &[Line], path: &Path) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let (right, top, bottom) =
        (most(|point| point.0) * 1.02, most(|point| point.1) * 1.15, least(|point| point.1) * 0.8);
    match plot.scales {
        Scales::Neither => chart(plot, lines, path, 0.0..right, 0.0..top),
        Scales::Beside => chart(plot, lines, path, 0.0..right, (bottom..top).log_scale()),
        Scales::Below => chart(plot, lines, path, (0.9..right).log_scale(), 0.0..top),
    }
}

fn chart<X, Y>(plot: &Plot, lines: &[Line], path: &Path, x: X, y: Y) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    // Its errors borrow the plot.
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut builder = ChartBuilder::on(&area);
    builder.caption(plot.title, ("sans-serif", 18)).margin(12).x_label_area_size(40).y_label_area_size(64);
    let mut chart = builder.build_cartesian_2d(x, y).map_err(|error| failed(&error))?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(plot.below).y_desc(plot.beside).light_line_style(WHITE);
    mesh.draw().map_err(|error| failed(&error))?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let series = LineSeries::new(line.points.iter().copied(), style).point_size(3);
        let drawn = chart.draw_series(series).map_err(|error| failed(&error))?;
        drawn.label(&line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3));
    legend.draw().map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}
