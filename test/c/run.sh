#!/bin/sh
# run.sh TITLE EXECUTABLE...: runs each one and adds up their "name: N passed[, N failed]" lines.
# One that crashes, hangs or says nothing counts as a failure: silence is never success.
# VALGRIND=1 runs them under valgrind; CORPUS=folder gives replay_NAME the folder's NAME.
title=$1
shift
passed=0
failed=0
checker=
if [ -n "$VALGRIND" ]; then
  checker="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
fi
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:${ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS}"
export TSAN_OPTIONS="halt_on_error=1:${TSAN_OPTIONS}"

for executable in "$@"; do
  name=$(basename "$executable")
  # shellcheck disable=SC2086 # checker is words; the corpus folder may be absent
  output=$(timeout 300 $checker "$executable" ${CORPUS:+"$CORPUS/${name#replay_}"} 2>&1)
  status=$?
  line=$(printf '%s\n' "$output" | grep "^$name: [0-9]* passed" | tail -n 1)
  good=$(printf '%s' "$line" | sed -n 's/^.*: \([0-9]*\) passed.*/\1/p')
  bad=$(printf '%s' "$line" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
  good=${good:-0}
  bad=${bad:-0}
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
    output="$output
$name: ended with status $status"
  elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
    output="$output
$name: ran nothing"
  fi
  printf '%s\n' "$output"
  passed=$((passed + good))
  failed=$((failed + bad))
done

echo "$title: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
