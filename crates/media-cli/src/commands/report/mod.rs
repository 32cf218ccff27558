//! `media report`: a store on one page.

mod chart;
mod command;
mod page;
mod survey;
mod thumbnail;

pub(crate) use command::{ReportArguments, run};
