#!/usr/bin/env bash
# the tests' own shell and Python
source tests/lib/suite.sh
source tests/lib/fetch.sh

scripts=(tests/run .ci/run tests/lib/*.sh tests/sdk/*.sh tests/deploy/*.sh tests/suites/*.sh)
each_parses() { for script in "${scripts[@]}"; do bash -n "$script" || return 1; done; }

need "shellcheck is here" debian_tool shellcheck shellcheck
step "the shell scripts parse" each_parses
step "shellcheck finds nothing" shellcheck --external-sources --source-path=. "${scripts[@]}"
step "the Python files parse" python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' \
    tests/*/*.py tests/*/*/*.py
