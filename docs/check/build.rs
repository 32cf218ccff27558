//! Makes Rust code of the Rust blocks in README and docs, so that the tests compile it.
//!
//! A block with items (`impl`, `fn`, a macro of tests) becomes a module; any other becomes the body
//! of an async function.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const IMPORTS: &str = "
    use bytes::Bytes;
    use conversation_sdk::*;
    use media_loader::MediaLoader;
    use media_storage::*;
    use media_store_fs::FileStore;
    use media_read_cache::ReadCache;
    use media_store_object::ObjectMediaStore;
    use media_types::*;
";

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
    std::fs::write(
        PathBuf::from(std::env::var("OUT_DIR")?).join("blocks.rs"),
        code,
    )?;
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
    let name = format!("{}_{number}", stem.to_lowercase().replace('-', "_"));
    let has_items = block.lines().any(|line| {
        ["impl", "fn ", "async fn "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    writeln!(
        code,
        "/// Block {number} of `{}`.",
        page.file_name().and_then(|n| n.to_str()).unwrap_or(stem)
    )?;
    // README is copied as it stands: its blocks bring their own imports.
    let imports = if stem == "README" { "" } else { IMPORTS };
    if has_items {
        writeln!(code, "mod {name} {{\n{block}}}")?;
    } else {
        writeln!(
            code,
            "mod {name} {{\n{imports}\npub(super) async fn block() -> Result<(), Box<dyn std::error::Error>> {{\n{block}\nOk(())\n}}\n}}"
        )?;
        writeln!(
            code,
            "#[test]\nfn {name}_compiles() {{ drop({name}::block()); }}"
        )?;
    }
    Ok(())
}
