//! Uploads in parts, by tus 1.0.

mod cuts;
mod headers;
mod limits;
mod protocol;
mod records;
mod refused;
mod site;
mod turns;
