//! The code blocks of README and docs, as tests.

#[cfg(test)]
#[allow(
    dead_code,
    unused_imports,
    unused_variables,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::large_futures,
    clippy::clone_on_ref_ptr,
    clippy::print_stdout,
    reason = "documentation shows the essential"
)]
mod blocks {
    include!(concat!(env!("OUT_DIR"), "/blocks.rs"));
}

#[cfg(test)]
mod hello_world;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn pages() -> Vec<(String, String)> {
        let mut paths = vec![root().join("README.md")];
        for directory in ["docs", "docs/clouds"] {
            let entries = std::fs::read_dir(root().join(directory)).unwrap();
            paths.extend(entries.map(|entry| entry.unwrap().path()));
        }
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
        // What README begins with is run by `scripts/check-tutorial.sh`.
        let run = [
            concat!("git clone ", env!("CARGO_PKG_REPOSITORY")),
            "cd conversation-media",
            "cargo run --example image_generator",
            "./scripts/test.sh",
        ];
        // The Dockerfile is checked by `scripts/check-deploy.py` and `scripts/run-image-steps.py`.
        let image = concat!("chat-service:", env!("CARGO_PKG_VERSION"));
        let build = format!("docker build -f examples/chat-service/Dockerfile -t {image} .");
        let start = "docker run -p 127.0.0.1:8080:8080 -v chat-data:/data \
            -e PUBLIC_URL=http://127.0.0.1:8080 -e OPENAI_API_KEY ";
        // The commands of the page about the command line are run by `scripts/prove-cli.sh`, those of the
        // tutorial by `scripts/check-tutorial.sh`.
        let checked = pages()
            .into_iter()
            .filter(|(page, _)| !page.ends_with("cli.md") && !page.ends_with("tutorial.md"));
        for (page, text) in checked {
            for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
                let script = line.split(' ').next().unwrap_or_default();
                let known = run.contains(&line)
                    || line == build
                    || line.strip_prefix(start) == Some(image)
                    || script.starts_with("./scripts/") && root().join(script).is_file()
                    || line.starts_with("cargo run ") && is_example_of_a_cloud(line);
                assert!(known, "{page}: {line}");
            }
        }
    }

    /// Such examples run against a local server where no cloud is set up; the tests build them.
    fn is_example_of_a_cloud(command: &str) -> bool {
        let name = command.split(" --example ").nth(1).unwrap_or_default();
        let folder = root().join("crates/media-store-object/examples");
        command.contains("-p media-store-object ") && folder.join(format!("{name}.rs")).is_file()
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

    fn sources(folder: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// The variants of an enum, from its source.
    fn variants(file: &str, name: &str) -> Vec<String> {
        let source = std::fs::read_to_string(root().join("crates").join(file)).unwrap();
        let start = source.find(&format!("pub enum {name} {{")).unwrap();
        let body = &source[start..start + source[start..].find("\n}").unwrap()];
        let names = body.lines().filter_map(|line| {
            let name = line
                .strip_prefix("    ")?
                .split([',', ' ', '(', '{'])
                .next()?;
            name.starts_with(|c: char| c.is_ascii_uppercase())
                .then_some(name)
        });
        names.map(str::to_owned).collect()
    }

    fn snake_case(name: &str) -> String {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    }

    #[test]
    fn every_event_has_a_row() {
        let page = std::fs::read_to_string(root().join("docs/events.md")).unwrap();
        for (file, name, least) in [
            ("conversation-events/src/event.rs", "EventKind", 20),
            ("conversation-events/src/turn_event.rs", "TurnEvent", 10),
        ] {
            let section = page
                .split(&format!("## `{}`\n", name.trim_end_matches("Kind")))
                .nth(1);
            let rows = section.unwrap().split("\n## ").next().unwrap();
            let all = variants(file, name);
            assert!(all.len() >= least, "{name}: {all:?}");
            for variant in all {
                let row = format!("\n| `{}` |", snake_case(&variant));
                assert_eq!(rows.matches(&row).count(), 1, "{name}::{variant}");
            }
        }
    }

    #[test]
    fn every_option_of_a_manager_and_of_a_store_has_a_row() {
        let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
        for (file, least) in [
            ("conversation-sdk/src/config.rs", 20),
            ("media-store-fs/src/builder.rs", 10),
            ("media-store-object/src/store/builder.rs", 15),
            ("media-loader/src/builder.rs", 5),
        ] {
            let source = std::fs::read_to_string(root().join("crates").join(file)).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            let setters = source.lines().filter_map(|line| {
                let line = line.trim_start();
                let line = line.strip_prefix("pub fn ").unwrap_or(line);
                line.split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
                    .next()
            });
            // What the page explains in words.
            let explained = ["with_storage", "with_object_store"];
            let options: Vec<&str> = setters
                .filter(|name| name.starts_with("with_") && !explained.contains(name))
                .collect();
            assert!(options.len() >= least, "{file}: {options:?}");
            for option in options {
                assert!(page.contains(&format!("`{option}`")), "{file}: {option}");
            }
        }
    }

    /// Every name of a test in the table of promises is a test, every script is there.
    #[test]
    fn promises_name_what_exists() {
        let mut all = String::new();
        for directory in ["crates", "examples"] {
            sources(&root().join(directory), &mut all);
        }
        let text = std::fs::read_to_string(root().join("docs/promises.md")).unwrap();
        let rows = text.lines().filter(|line| line.starts_with('|'));
        for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
            let script = name.split(' ').next().unwrap();
            let is_test = all.contains(&format!("fn {name}("));
            let is_script = script.starts_with("scripts/") && root().join(script).is_file();
            let is_word = ["Synced", "Buffered", "kill -9", "delete", "Debug"].contains(&name);
            assert!(is_test || is_script || is_word, "{name}");
        }
    }
}
