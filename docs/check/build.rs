//! Makes a module of every Rust block in README and docs, so that the tests compile it as it stands.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut pages = vec![root.join("README.md")];
    for directory in ["docs", "docs/clouds"] {
        for entry in std::fs::read_dir(root.join(directory))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    for entry in std::fs::read_dir(root.join("crates"))? {
        let path = entry?.path().join("README.md");
        if path.is_file() {
            pages.push(path);
        }
    }
    pages.sort();
    let mut code = String::new();
    println!("cargo::rerun-if-changed={}", root.join("docs").display());
    println!(
        "cargo::rerun-if-changed={}",
        root.join("docs/clouds").display()
    );
    for page in &pages {
        println!("cargo::rerun-if-changed={}", page.display());
        let text = std::fs::read_to_string(page)?;
        for (number, block) in rust_blocks(&text).into_iter().enumerate() {
            add(&mut code, page, number, &block)?;
        }
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("blocks.rs"), code)?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    std::fs::write(out.join("hello.rs"), hello_world(&readme)?)?;
    Ok(())
}

fn rust_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            None if line == "```rust" => open = Some(String::new()),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

fn add(code: &mut String, page: &Path, number: usize, block: &str) -> Result<(), Box<dyn Error>> {
    let stem = page
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("page");
    // The README of a crate is told by the crate.
    let parent = page
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let stem = match (stem, parent) {
        ("README", Some(parent)) => format!("{parent} {stem}"),
        _ => stem.to_owned(),
    };
    let stem = stem.to_lowercase();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let name = format!("page_{name}_{number}");
    writeln!(
        code,
        "/// Block {number} of `{}`.",
        page.file_name().and_then(|n| n.to_str()).unwrap_or(&stem)
    )?;
    writeln!(code, "pub(crate) mod {name} {{\n{block}}}")?;
    Ok(())
}

/// The first block of README with the address of another server, so that a test can run it.
fn hello_world(text: &str) -> Result<String, Box<dyn Error>> {
    let blocks = rust_blocks(text);
    let programs = blocks
        .iter()
        .filter(|block| block.contains("async fn main()"));
    let shortest = programs.min_by_key(|block| block.lines().count());
    let block = shortest.ok_or("README has no program")?;
    let model = "\"gpt-5.4\")";
    let elsewhere = format!("{model}.with_base_url(std::env::var(\"OPENAI_BASE_URL\")?)");
    let changed = block.replacen(model, &elsewhere, 1);
    match changed == *block {
        true => Err("the shortest program of README names no model".into()),
        false => Ok(changed.replacen("async fn main()", "pub(crate) async fn main()", 1)),
    }
}
