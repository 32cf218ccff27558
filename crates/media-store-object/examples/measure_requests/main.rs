//! Counts the requests and round trips of both protocols against a bucket in this process.
//!
//! Time is virtual: each request takes a given latency, a page of a listing takes longer, and nothing
//! else takes any, so that round trips are exact and a sweep of hours is measured in seconds.
//!
//! Usage: `measure_requests object [LATENCY]`, or `measure_requests upkeep [REFERENCES..]`, with the
//! latency in milliseconds.

mod bucket;
mod names;
mod object;
mod upkeep;

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What can go wrong.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
    else {
        eprintln!("failed to start a runtime");
        return ExitCode::FAILURE;
    };
    let numbers = arguments
        .iter()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    let measured = match arguments.first().map(String::as_str) {
        Some("object") => {
            let latency = numbers.first().copied().unwrap_or(25);
            runtime.block_on(object::measure(latency))
        }
        Some("upkeep") if numbers.is_empty() => {
            runtime.block_on(upkeep::measure(&[2000, 20_000, 200_000]))
        }
        Some("upkeep") => runtime.block_on(upkeep::measure(&numbers)),
        _ => {
            eprintln!("usage: measure_requests object [LATENCY] | upkeep [REFERENCES..]");
            return ExitCode::from(2);
        }
    };
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed to measure: {error}");
            ExitCode::FAILURE
        }
    }
}
