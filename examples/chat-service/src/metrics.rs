//! What is counted, in the text format of Prometheus, at an address of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use examples::advice::failed;
use examples::errors::Failure;
use media_types::readable::causes;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tokio::task::JoinHandle;

/// Counts what [`MetricsListener`](conversation_sdk::MetricsListener) and everything else in the program reports.
/// Cheap to clone.
///
/// Histograms are sums and counts, which is what the rules and the dashboard of `docs/monitoring` use. A program
/// that needs quantiles installs an exporter such as `metrics-exporter-prometheus` instead.
#[derive(Clone, Debug, Default)]
struct Exporter(Arc<Mutex<BTreeMap<Series, Value>>>);

/// A name and its labels, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: String,
}

#[derive(Clone, Debug)]
enum Value {
    Counter(Arc<AtomicU64>),
    Summary(Arc<Summary>),
}

/// The sum and the number of values.
#[derive(Debug, Default)]
struct Summary(Mutex<(f64, u64)>);

impl HistogramFn for Summary {
    fn record(&self, value: f64) {
        let mut summary = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        summary.0 += value;
        summary.1 += 1;
    }
}

impl Series {
    fn of(key: &Key) -> Self {
        let mut labels = String::new();
        for label in key.labels() {
            let comma = if labels.is_empty() { "" } else { "," };
            let value = label.value().replace('\\', "\\\\");
            let value = value.replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(labels, "{comma}{}=\"{value}\"", label.key());
        }
        Self {
            name: key.name().to_owned(),
            labels,
        }
    }

    /// Writes a line of the text.
    fn write(&self, text: &mut String, suffix: &str, value: impl std::fmt::Display) {
        let Self { name, labels } = self;
        let _ = match labels.is_empty() {
            true => writeln!(text, "{name}{suffix} {value}"),
            false => writeln!(text, "{name}{suffix}{{{labels}}} {value}"),
        };
    }
}

impl Exporter {
    fn values(&self) -> MutexGuard<'_, BTreeMap<Series, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns everything that was counted.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        let values = self.values();
        for (series, value) in &*values {
            let kind = match value {
                Value::Counter(_) => "counter",
                Value::Summary(_) => "summary",
            };
            if series.name != last {
                last = &series.name;
                let _ = writeln!(text, "# TYPE {last} {kind}");
            }
            match value {
                Value::Counter(count) => series.write(&mut text, "", count.load(Ordering::Relaxed)),
                Value::Summary(summary) => {
                    let (sum, count) = *summary.0.lock().unwrap_or_else(PoisonError::into_inner);
                    series.write(&mut text, "_sum", sum);
                    series.write(&mut text, "_count", count);
                }
            }
        }
        text
    }
}

impl Recorder for Exporter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut values = self.values();
        let value = values
            .entry(Series::of(key))
            .or_insert_with(|| Value::Counter(Arc::default()));
        match value {
            Value::Counter(count) => Counter::from_arc(Arc::clone(count)),
            Value::Summary(_) => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut values = self.values();
        let value = values
            .entry(Series::of(key))
            .or_insert_with(|| Value::Summary(Arc::default()));
        match value {
            Value::Summary(summary) => Histogram::from_arc(Arc::clone(summary)),
            Value::Counter(_) => Histogram::noop(),
        }
    }
}

/// Counts from now on, and serves `/metrics` until the task is aborted. The address is for the operator alone:
/// whoever reaches it reads how much is going on.
///
/// # Errors
/// Where the address cannot be listened at.
pub(crate) async fn serve(address: SocketAddr) -> Result<JoinHandle<()>, Failure> {
    let exporter = Exporter::default();
    metrics::set_global_recorder(exporter.clone()).map_err(failed)?;
    let listener = tokio::net::TcpListener::bind(address).await;
    let listener = listener.map_err(failed)?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let text = move || ready(([(header::CONTENT_TYPE, kind)], exporter.text()));
    let router = Router::new().route("/metrics", get(text));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(error = %causes(&error), "metrics are not served any more");
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_sums_come_out_as_prometheus_reads_them() {
        let exporter = Exporter::default();
        metrics::with_local_recorder(&exporter, || {
            metrics::counter!("turns_total", "outcome" => "complete").increment(2);
            metrics::counter!("turns_total", "outcome" => "complete").increment(1);
            metrics::counter!("turns_total", "outcome" => "a \"b\"\\\n").increment(1);
            metrics::counter!("saves_total").increment(1);
            metrics::histogram!("turn_seconds", "model" => "m", "provider" => "p").record(0.5);
            metrics::histogram!("turn_seconds", "model" => "m", "provider" => "p").record(1.5);
        });
        assert_eq!(
            exporter.text(),
            "# TYPE saves_total counter\n\
             saves_total 1\n\
             # TYPE turn_seconds summary\n\
             turn_seconds_sum{model=\"m\",provider=\"p\"} 2\n\
             turn_seconds_count{model=\"m\",provider=\"p\"} 2\n\
             # TYPE turns_total counter\n\
             turns_total{outcome=\"a \\\"b\\\"\\\\\\n\"} 1\n\
             turns_total{outcome=\"complete\"} 3\n"
        );
    }
}
