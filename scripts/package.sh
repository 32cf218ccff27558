#!/usr/bin/env bash
# Packages all crates as they will be published, in the order of their dependencies, without publishing anything:
# `cargo publish --workspace --dry-run` in a copy in which `media-types` has the name that it gets in the registry.
#
# usage: scripts/package.sh [--verify] [--keep DIRECTORY]
# --verify builds each crate from its package, with the packages of the others in place of a registry: minutes.
# --keep leaves the copy there, to publish from it.
#
# Not shown without a registry: that the names are free or ours, and that its checks of sizes and of rights pass.
set -euo pipefail
cd "$(dirname "$0")/.."
verify=--no-verify
copy=
while [ $# -gt 0 ]; do
    case $1 in
    --verify) verify= ;;
    --keep) copy=$2 && shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    esac
    shift
done
if [ -z "$copy" ]; then
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
else
    mkdir -p "$copy"
fi
copy=$(cd "$copy" && pwd)

git ls-files -z | tar --null --files-from=- --create | tar --extract --directory="$copy"
python3 - "$copy" <<'PYTHON'
import pathlib, sys
root = pathlib.Path(sys.argv[1])


def replace(path, old, new):
    text = (root / path).read_text()
    assert old in text, f"{path}: {old}"
    (root / path).write_text(text.replace(old, new, 1))


# The name is taken in the registry; the library keeps it, so that no `use` line changes.
replace("crates/media-types/Cargo.toml", 'name = "media-types"', 'name = "conversation-media-types"')
replace("crates/media-types/Cargo.toml", "[dependencies]", '[lib]\nname = "media_types"\n\n[dependencies]')
replace("Cargo.toml", "media-types = { version", 'media-types = { package = "conversation-media-types", version')
# A package has its license with it.
for manifest in root.glob("crates/*/Cargo.toml"):
    for license in ["LICENSE-APACHE", "LICENSE-MIT"]:
        (manifest.parent / license).write_bytes((root / license).read_bytes())
PYTHON

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$copy/target}
log=$copy/package.log
# shellcheck disable=SC2086
if ! (cd "$copy" && cargo publish --workspace --dry-run --allow-dirty $verify) >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    exit 1
fi
sed -n 's/^ *Uploading \([^ ]* v[^ ]*\).*/\1/p' "$log" >"$copy/order"
python3 - "$copy" "$CARGO_TARGET_DIR/package" <<'PYTHON'
import pathlib, sys, tarfile, tomllib
copy, packages = map(pathlib.Path, sys.argv[1:])
order = [line.split() for line in (copy / "order").read_text().splitlines()]
published = set()
for manifest in copy.glob("crates/*/Cargo.toml"):
    package = tomllib.loads(manifest.read_text())["package"]
    if package.get("publish") is not False:
        published.add(package["name"])
assert {name for name, _ in order} == published, f"not packaged: {published ^ {name for name, _ in order}}"
done = set()
for name, version in order:
    # Where cargo puts them is not the same in all versions.
    [path, *_] = packages.glob(f"**/{name}-{version.removeprefix('v')}.crate")
    with tarfile.open(path) as archive:
        names = {member.name.split("/", 1)[1]: member for member in archive.getmembers()}
        manifest = tomllib.load(archive.extractfile(names["Cargo.toml"]))
    for needed in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "Cargo.toml"]:
        assert needed in names, f"{name}: {needed} is missing"
    package = manifest["package"]
    for field in ["description", "license", "repository", "keywords", "categories", "readme", "rust-version"]:
        assert package.get(field), f"{name}: {field} is missing"
    assert path.stat().st_size < 10 << 20, f"{name}: the package is larger than the registry takes"
    own = {spec.get("package", key) for key, spec in manifest.get("dependencies", {}).items()} & published
    assert own <= done, f"{name} is published before {own - done}"
    done.add(name)
    print(f"{len(done):2}. {name} {version}: {len(names)} files, {path.stat().st_size / 1000:.0f} kB")
PYTHON
echo "package: ok"
