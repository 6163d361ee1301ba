//! Makes a line of each event, writes it, and keeps it for those who ask for what a service has logged.

use std::fmt::Debug;
use std::io::{IsTerminal, Write};
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

use super::{Format, Line, RECENT, text};

/// The log of this process.
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

    /// To standard error, in one piece. Where that is gone, nobody is left to be told.
    fn write(&self, line: &Line, json: &str) {
        let mut shown = match self.format {
            Format::Json => json.to_owned(),
            Format::Text => text(line, self.colours),
        };
        shown.push('\n');
        let _ = std::io::stderr().lock().write_all(shown.as_bytes());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut line = Line::default();
        attributes.record(&mut Fields(&mut line));
        line.add("name", span.name());
        let fields: Map<String, Value> = line.0.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        span.extensions_mut().insert(OfSpan(Value::Object(fields)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line::default();
        line.add("timestamp", DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Micros, true));
        line.add("level", event.metadata().level().as_str());
        event.record(&mut Fields(&mut line));
        line.add("target", event.metadata().target());
        if let Some(span) = context.event_span(event)
            && let Some(OfSpan(fields)) = span.extensions().get()
        {
            line.add("span", fields.clone());
        }
        let json = serde_json::to_string(&line).expect("a line has only strings as keys");
        self.write(&line, &json);
        if let Some(service) = line.text("service") {
            RECENT.ring(service).push(json.into());
        }
    }
}

/// Puts fields into a line.
struct Fields<'a>(&'a mut Line);

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.add(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.add(field.name(), format!("{value:?}"));
    }
}
