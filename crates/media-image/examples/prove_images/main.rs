//! Proves what `media-image` promises, with the images of a directory and damaged copies of them.
//!
//! ```text
//! prove_images fit SOURCE TARGET [MOST]   thumbnails of what is in SOURCE, written to TARGET
//! prove_images damaged SOURCE [MOST]      damaged copies of what is in SOURCE
//! prove_images list SOURCE [MOST]         the files that the others take
//! prove_images bomb                       memory that a header of 60,000 x 60,000 pixels costs
//! ```

mod files;
mod fit;
mod memory;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prove_images: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let most = |text: Option<&String>| text.map_or(Ok(usize::MAX), |text| text.parse());
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fit", source, target, ..] => {
            let files = files::images(Path::new(source), most(arguments.get(3))?)?;
            fit::thumbnails(&files, Path::new(target))
        }
        ["damaged", source, ..] => {
            let files = files::images(Path::new(source), most(arguments.get(2))?)?;
            fit::damaged(&files)
        }
        ["list", source, ..] => {
            for path in files::images(Path::new(source), most(arguments.get(2))?)? {
                println!("{}", path.display());
            }
            Ok(())
        }
        ["bomb"] => memory::bomb(),
        _ => Err("say fit, damaged, list or bomb".into()),
    }
}
