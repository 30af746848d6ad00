# Adds up what the steps left (suite, step, passed, failed, seconds) and what the runner left (suite, status, seconds);
# exits 1 when anything failed, a suite died outside a step, or nothing ran at all.
BEGIN { FS = "\t" }

NF == 5 {
    passed[$1] += $3
    failed[$1] += $4
    if ($4) broken[++breaks] = $1 ": " $2
}

NF == 3 {
    if ($2 && !failed[$1]) {
        failed[$1] = 1
        broken[++breaks] = $1 ": ended with status " $2
    }
    rows[++count] = sprintf("%-10s %-6s %7d %7d %5d s", $1, failed[$1] ? "FAILED" : "ok", passed[$1], failed[$1], $3)
    all_passed += passed[$1]
    all_failed += failed[$1]
}

END {
    printf "\n%-10s %-6s %7s %7s %7s\n", "suite", "", "passed", "failed", "time"
    for (i = 1; i <= count; i++) print rows[i]
    if (breaks) print "\nfailed:"
    for (i = 1; i <= breaks; i++) print "  " broken[i]
    printf "\n%d passed, %d failed\n", all_passed, all_failed
    exit (all_failed || !all_passed)
}
