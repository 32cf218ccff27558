//! Does one thing many times, for profilers: `hot WHAT LEN TIMES DIR`.

use media_benches::Result;
use media_benches::bodies::Bodies;
use media_benches::contender::{Contender, Manner, Seat};
use media_store_fs::Durability;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, what, len, times, dir] = words.as_slice() else {
        return Err("usage: hot WHAT LEN TIMES DIR".into());
    };
    let dir = std::path::Path::new(dir);
    let buffered = Durability::Buffered;
    let contender = match what.as_str() {
        "floor" => Contender::floor(dir, buffered, Manner::Pieces)?,
        "whole" => Contender::floor(dir, buffered, Manner::Whole)?,
        "new" => Contender::store(dir, buffered, false).await?,
        _ => Contender::store(dir, buffered, true).await?,
    };
    contender.warm().await?;
    let mut bodies = Bodies::new(len.parse()?);
    let text = bodies.base64();
    let receipt = contender.put(text.clone(), Seat::active(0)).await?;
    let start = std::time::Instant::now();
    let times: u32 = times.parse()?;
    let mut took = std::time::Duration::ZERO;
    for turn in 0..times as usize {
        let text = if what == "again" {
            text.clone()
        } else {
            bodies.base64()
        };
        let start = std::time::Instant::now();
        if what == "load" {
            contender.base64(&receipt).await?;
        } else {
            contender.put(text, Seat::active(turn)).await?;
            took += start.elapsed();
        }
    }
    println!("{:?} each, {:?} in all", took / times, start.elapsed());
    Ok(())
}
