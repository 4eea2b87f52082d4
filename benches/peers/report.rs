//! What was measured, as a table and as pictures.

use std::{fmt::Write, fs, path::Path, time::Duration};

/// Between these the page is written by the run.
const BEGIN: &str = "<!-- figures: written by scripts/bench -->";
const END: &str = "<!-- end of the figures -->";

/// What was measured of one program, in one unit.
pub(crate) struct Series {
    pub(crate) program: &'static str,
    values: Vec<f64>,
}

impl Series {
    /// Times, in milliseconds.
    pub(crate) fn of(program: &'static str, times: &[Duration]) -> Self {
        let mut values: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        values.sort_by(f64::total_cmp);
        Self { program, values }
    }

    /// Amounts, in any unit.
    pub(crate) fn amounts(program: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { program, values }
    }

    /// The value below which so many percent lie.
    fn at(&self, percent: usize) -> f64 {
        self.values[(self.values.len() - 1) * percent / 100]
    }

    /// Half of the values are smaller.
    pub(crate) fn median(&self) -> f64 {
        self.at(50)
    }
}

/// One thing that was measured of several programs in turn; the first one is epigraph.
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) series: Vec<Series>,
}

impl Figure {
    /// Ratios are those of medians: what else the machine does meets all alike.
    fn rows(&self) -> String {
        let ours = self.series[0].median();
        let mut rows = String::new();
        for (index, series) in self.series.iter().enumerate() {
            let what = if index == 0 { self.what } else { "" };
            let ratio = if index == 0 {
                String::new()
            } else {
                format!("{:.2}", ours / series.median())
            };
            let spread = if series.values.len() > 1 {
                format!("{} to {}", number(series.at(10)), number(series.at(90)))
            } else {
                String::new()
            };
            let _ = writeln!(
                rows,
                "| {what} | {} | {} {} | {spread} | {ratio} |",
                series.program,
                number(series.median()),
                self.unit
            );
        }
        rows
    }
}

/// As many digits as say something.
fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// The table of all figures, in Markdown.
pub(crate) fn table(machine: &str, figures: &[Figure]) -> String {
    let mut table = format!(
        "{machine}\n\n| what | program | median | 10th to 90th percentile | first / this |\n|---|---|---:|---|---:|\n"
    );
    for figure in figures {
        table += &figure.rows();
    }
    table
}

/// Writes a table into a page, where the last one was.
pub(crate) fn write_into(page: &Path, table: &str) {
    let text = fs::read_to_string(page).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("a place for the figures");
    let (_, after) = rest.split_once(END).expect("an end of the figures");
    let text = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    fs::write(page, text).expect("the page is written");
}

/// Figures as bars from the median, with a line from the 10th to the 90th percentile.
pub(crate) fn plot(title: &str, figures: &[&Figure]) -> String {
    const WIDTH: f64 = 720.0;
    const LEFT: f64 = 250.0;
    const ROOM: f64 = WIDTH - LEFT - 110.0;
    let mut body = String::new();
    let mut y = 44.0;
    for figure in figures {
        let most = figure.series.iter().map(|series| series.at(90));
        let scale = ROOM / most.fold(f64::MIN_POSITIVE, f64::max);
        let _ = writeln!(
            body,
            r#"<text x="16" y="{}" class="what">{}</text>"#,
            y + 12.0,
            figure.what
        );
        y += 20.0;
        for series in &figure.series {
            let [low, median, high] = [10, 50, 90].map(|percent| series.at(percent) * scale);
            let is_peer = ["nano", "vim", "psql"]
                .iter()
                .any(|peer| series.program.starts_with(peer));
            let class = if is_peer { "theirs" } else { "ours" };
            let middle = y + 8.0;
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{}" class="name">{}</text><rect x="{LEFT}" y="{y}" width="{median:.1}" height="15" class="{class}"/><path d="M{:.1} {middle}H{:.1}" class="spread"/><text x="{:.1}" y="{}">{} {}</text>"#,
                LEFT - 8.0,
                y + 12.0,
                series.program,
                LEFT + low,
                LEFT + high,
                LEFT + high.max(median) + 8.0,
                y + 12.0,
                number(series.median()),
                figure.unit,
            );
            y += 20.0;
        }
        y += 10.0;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="13">
<style>text{{fill:#24292f}}.title{{font-weight:bold;font-size:15px}}.name{{text-anchor:end}}.ours{{fill:#1a7f37}}.theirs{{fill:#afb8c1}}.spread{{stroke:#24292f;stroke-width:1.5}}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26" class="title">{title}</text>
{body}</svg>
"##
    )
}
