//! How far long work has come, while somebody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line at the bottom of the terminal. Draws nothing where there is no terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Creates a line that says what is being done and counts. Hidden unless `visible`.
    pub(crate) fn new(doing: &str, visible: bool) -> Self {
        let target = if visible {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let mut bar = ProgressBar::with_draw_target(None, target).with_message(doing.to_owned());
        // Before anything is drawn: there is a bar by default.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos}  [{elapsed}]")
        {
            bar = bar.with_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    /// Sets how many items there are, so that the line shows the time that is left.
    pub(crate) fn set_total(&self, items: u64) {
        self.bar.set_length(items);
        let template = "{spinner} {msg}: {human_pos} of {human_len} {wide_bar} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    /// Counts items as done.
    pub(crate) fn add(&self, items: u64) {
        self.bar.inc(items);
    }

    /// Runs something that writes to the terminal without the line in its way.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // The last handle; a clone that goes leaves the line alone.
        self.bar.finish_and_clear();
    }
}
