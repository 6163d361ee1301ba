//! Makes a line of each event, writes it, and keeps it for those who ask for what a service has logged.

use std::borrow::Cow;
use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use componentd_config as config;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::line::cut;
use super::{Format, Line, RECENT, text, writer};

/// The longest line. A component chooses what it logs, and a client its path.
const MAX_LINE: usize = 16 << 10;

/// The longest field that belongs to a request or record: its id, say.
const MAX_SPAN_FIELD: usize = 512;

/// The log of this process.
#[derive(Clone, Copy)]
pub(super) struct Log {
    format: Format,
    colours: bool,
}

/// What belongs to a request or record, kept with its span.
struct OfSpan(Value);

impl Log {
    pub(super) fn new(format: Format) -> Self {
        Self { format, colours: std::io::stderr().is_terminal() && config::may_colour() }
    }

    fn write(&self, line: &Line, json: &str) {
        writer::QUEUE.push(&self.shown(line, json));
    }

    fn shown<'a>(&self, line: &Line, json: &'a str) -> Cow<'a, str> {
        match self.format {
            Format::Json => json.into(),
            Format::Text => {
                let mut text = text(line, self.colours);
                text.truncate(text.floor_char_boundary(MAX_LINE));
                text.into()
            }
        }
    }

    /// The line that says how many lines were dropped.
    pub(super) fn of_dropped(&self, dropped: u64) -> String {
        let mut line = begun("WARN");
        line.add("message", "lines of the log were dropped: standard error was not read in time");
        line.add("dropped", dropped);
        line.add("target", module_path!());
        let json = line.fit(MAX_LINE);
        self.shown(&line, &json).into_owned()
    }
}

fn begun(level: &'static str) -> Line {
    let mut line = Line::default();
    line.add("timestamp", DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Micros, true));
    line.add("level", level);
    line
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut line = Line::default();
        attributes.record(&mut Fields { line: &mut line, longest: MAX_SPAN_FIELD });
        line.add("name", span.name());
        let fields: Map<String, Value> = line.0.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        span.extensions_mut().insert(OfSpan(Value::Object(fields)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = begun(event.metadata().level().as_str());
        event.record(&mut Fields { line: &mut line, longest: MAX_LINE });
        line.add("target", event.metadata().target());
        if let Some(span) = context.event_span(event)
            && let Some(OfSpan(fields)) = span.extensions().get()
        {
            line.add("span", fields.clone());
        }
        let json = line.fit(MAX_LINE);
        self.write(&line, &json);
        if let Some(service) = line.text("service") {
            RECENT.ring(service).push(json.into());
        }
    }
}

/// Puts fields into a line, each up to a length.
struct Fields<'a> {
    line: &'a mut Line,
    longest: usize,
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.line.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.line.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.line.add(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.line.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.line.add(field.name(), cut(value, self.longest));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut bounded = Bounded { text: String::new(), longest: self.longest };
        // It fails only where it has enough.
        let _ = write!(bounded, "{value:?}");
        if bounded.text.len() > self.longest {
            bounded.text = cut(&bounded.text, self.longest).into_owned();
        }
        self.line.add(field.name(), bounded.text);
    }
}

/// Takes a text up to a length, and a little more, so that it shows that there was more.
struct Bounded {
    text: String,
    longest: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = (self.longest + 4).saturating_sub(self.text.len());
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        if part.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}
