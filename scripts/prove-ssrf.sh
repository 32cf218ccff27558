#!/usr/bin/env bash
# Fetching by URL from where nothing must be fetched: every spelling of an address that is not
# public, as a literal, as a name, behind a redirect, by a resolver that changes its mind; and tricks
# with the text of URLs. Each is a test of its own, and a listener on all addresses of this machine
# must not be called. Public addresses must pass the same filter.
#
# usage: scripts/prove-ssrf.sh
# The figures, N of N refused and M of M passed, are printed last; the exit code tells whether they
# are good.
set -uo pipefail
cd "$(dirname "$0")/.."

# At least so many cases must be there: a filter that matches no test proves nothing.
least_refused=250
least_passed=25

tests=$(./scripts/program.py test media-loader/it -- -p media-loader --features http) || exit 2
output=$(cd crates/media-loader && "$tests" --format pretty ssrf:: 2>&1)
status=$?
cases=$(grep -E '^test ssrf::' <<<"$output")

# Cases of one group of modules: all of them, and those that did as they must.
count() {
    grep -cE "^test ssrf::($1)::.* \.\.\. $2" <<<"$cases"
}

grep -vE '^test .* \.\.\. ok$' <<<"$output" | grep -E '^(test|error|----|thread|assert)' | head -60
for group in literals hosts names redirects; do
    printf '%-12s %3d of %3d refused\n' "$group" "$(count "$group" 'ok$')" "$(count "$group" '')"
done
refused=$(count 'literals|hosts|names|redirects' 'ok$')
bad=$(count 'literals|hosts|names|redirects' '')
passed=$(count public 'ok$')
public=$(count public '')
echo "$refused of $bad refused, $passed of $public public passed"
[[ $status -eq 0 && $refused -eq $bad && $passed -eq $public ]] || exit 1
[[ $bad -ge $least_refused && $public -ge $least_passed ]] || {
    echo "fewer cases than there should be" >&2
    exit 1
}
