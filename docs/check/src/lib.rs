//! The code blocks of README and docs, as tests.

#[cfg(test)]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::large_futures,
    clippy::print_stdout,
    reason = "documentation shows the essential"
)]
mod blocks {
    include!(concat!(env!("OUT_DIR"), "/blocks.rs"));
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn pages() -> Vec<(String, String)> {
        let mut paths = vec![root().join("README.md")];
        paths.extend(
            std::fs::read_dir(root().join("docs"))
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths
            .into_iter()
            .map(|path| {
                (
                    path.display().to_string(),
                    std::fs::read_to_string(&path).unwrap(),
                )
            })
            .collect()
    }

    fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
        let fence = format!("\n```{language}\n");
        text.match_indices(&fence)
            .map(|(at, _)| {
                let start = at + fence.len();
                &text[start..start + text[start..].find("```").unwrap()]
            })
            .collect()
    }

    #[test]
    fn json_blocks_are_json() {
        for (page, text) in pages() {
            for block in blocks(&text, "json") {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(block);
                assert!(parsed.is_ok(), "{page}: {block}");
            }
        }
    }

    #[test]
    fn the_documented_sidecar_reads_and_writes_as_shown() {
        let text = std::fs::read_to_string(root().join("docs/format.md")).unwrap();
        let block = blocks(&text, "json")[0];
        let sidecar = media_storage::Sidecar::from_json(block.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(sidecar.to_json().unwrap()).unwrap(),
            block
        );
    }

    #[test]
    fn shell_blocks_are_commands_that_the_test_script_runs() {
        let run = [
            "cargo run --release --example image_generator",
            "./scripts/test.sh",
        ];
        for (page, text) in pages() {
            for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
                let script = line.split(' ').next().unwrap_or_default();
                let known = run.contains(&line)
                    || script.starts_with("./scripts/") && root().join(script).is_file();
                assert!(known, "{page}: {line}");
            }
        }
    }

    #[test]
    fn links_between_pages_lead_somewhere() {
        for (page, text) in pages() {
            let folder = PathBuf::from(&page).parent().unwrap().to_owned();
            for (at, _) in text.match_indices("](") {
                let target = text[at + 2..].split(')').next().unwrap();
                let path = target.split('#').next().unwrap();
                if !path.is_empty() && !path.contains("://") {
                    assert!(folder.join(path).exists(), "{page}: {target}");
                }
            }
        }
    }
}
