#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a machine can check of the house. One line a check: "ok ..." or "FAIL ..." with what it found
# below; the exit status is the number of failures. Names of checks as arguments run only those.
# shellcheck disable=SC2317  # the checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
rooms=(agent base cli controller lab manifests overlay)
checks=(layers cycles libraries headers sizes words format shell cppcheck)
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sources() { # PATTERN...: the files of ours, tracked or about to be
  git ls-files -co --exclude-standard -- "$@" | while IFS= read -r f; do [ -f "$f" ] && echo "$f"; done
}
room_sources() { sources "${rooms[@]/%//*.[ch]}" | sort; }
includes() { # of all rooms' files: "FILE HEADER", for headers of ours
  room_sources | xargs grep -H '^#include "' | sed -E 's/^([^:]*):#include "([^"]*)".*/\1 \2/'
}

check_layers() {
  includes | awk '
    function dir(f) { sub("/[^/]*$", "", f); return f }
    FNR == NR {
      sub("#.*", "")
      if (!split($0, half, ":")) next
      sub(" +$", "", half[1])
      rows[half[1]] = 1
      n = split(half[2], right, " ")
      for (i = 1; i <= n; i++) may[half[1], right[i]] = 1
      next
    }
    {
      left = ($1 in rows) ? $1 : dir($1)
      if (!(left in rows)) print $1 ": its room is not in tests/lint/layers.txt"
      else if (dir($2) != left && !((left, dir($2)) in may)) print $1 " includes " $2
    }' tests/lint/layers.txt - | sort -u
}

# A module is a .c and its .h, with what they share in a _private.h or _parts.h; no two include each
# other, not by a detour either. A room's seam (agent/image/image.h) stands for itself: it is declared
# for others, and all of the room implements it.
check_cycles() {
  includes | awk '
    function module(f, part, n) {
      n = split(f, part, "/")
      if (part[n] == part[n - 1] ".h") return f
      sub("(_private|_parts)?[.][ch]$", "", f)
      return f
    }
    { from = module($1); to = module($2); if (from != to) print from, to }' | sort -u |
    tsort 2>&1 >/dev/null | sed -E 's/^tsort: //; s/.*(input contains a loop)/\1/'
}

check_libraries() {
  room_sources | xargs grep -H '^#include <' | sed -E 's/^([^:]*):#include <([^>]*)>.*/\1 \2/' |
    awk '
    FNR == NR { if ($0 !~ /^#/) for (i = 2; i <= NF; i++) may[$1] = may[$1] " " $i " "; next }
    { for (p in may) if ($2 ~ p && index(may[p], " " $1 " ") == 0) print $1 " includes <" $2 ">" }
    ' tests/lint/libraries.txt -
}

check_headers() { # each compiles alone
  local flags
  flags=$(pkg-config --cflags jansson)
  # shellcheck disable=SC2086
  room_sources | grep '\.h$' | xargs -P 2 -n 8 sh -c '
    flags=$1; shift
    for h; do printf "#include \"%s\"\n" "$h" | cc -std=gnu11 -D_GNU_SOURCE -I. $flags -Wall -Werror -fsyntax-only -x c - 2>&1 |
      grep -m 3 error | sed "s|^|$h: |"; done' sh "$flags"
}

check_sizes() { # files up to 800 lines, functions up to 100
  sources '*.c' '*.h' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines" }'
  sources '*.c' | xargs ctags --languages=C --kinds-C=f --fields=+ne -f - 2>/dev/null |
    awk -F'\t' '{
      line = end = 0
      for (i = 4; i <= NF; i++) {
        if ($i ~ /^line:/) line = substr($i, 6)
        if ($i ~ /^end:/) end = substr($i, 5)
      }
      if (end - line + 1 > 100) print $2 ": " $1 " has " end - line + 1 " lines"
    }'
}

check_words() { # nothing of one machine, nothing left for later without saying where it is kept
  sources '*.c' '*.h' '*.sh' '*.md' Makefile | grep -v '^tests/lint/' >"$scratch/all"
  xargs grep -nE '(^|[^A-Za-z0-9_.-])/[w]ork/' <"$scratch/all" | cut -c 1-120
  xargs grep -nE '\b(TODO|FIXME|XXX)\b' <"$scratch/all" | grep -vE '(TODO|FIXME|XXX) ?\(?#[0-9]+' | grep -v 'XXXXXX' | cut -c 1-120
  room_sources | xargs grep -L 'SPDX-License-Identifier: Apache-2.0' | sed 's/$/: no SPDX line/'
}

check_format() {
  sources '*.c' '*.h' | xargs -P 2 -n 40 clang-format --dry-run -Werror 2>&1 | grep -E 'error:' |
    cut -d: -f1 | sort | uniq -c | awk '{ print $2 ": " $1 " places; run make format" }'
}

check_shell() { # SC2154: variables come from files that are sourced
  { sources '*.sh' .ci/run packaging; } | sort -u | xargs grep -lE '^#!.*\b(ba)?sh' |
    xargs -P 2 -n 4 shellcheck -S warning -e SC2154 -f gcc 2>&1
}

# Of cppcheck what it is sure of: errors, warnings and portability; style is clang-format's and ours.
check_cppcheck() {
  room_sources | grep '\.c$' >"$scratch/c"
  cppcheck -q -j 2 --std=c11 --enable=warning,portability --inline-suppr -I. -D_GNU_SOURCE \
    --suppressions-list=tests/lint/cppcheck.txt --max-configs=1 --template='{file}:{line}: {id}: {message}' \
    --cppcheck-build-dir="$scratch" --file-list="$scratch/c" 2>&1
}

[ $# -gt 0 ] && checks=("$@")
for check in "${checks[@]}"; do
  started=$EPOCHREALTIME
  "check_$check" >"$scratch/out" 2>&1
  took=$(((${EPOCHREALTIME/./} - ${started/./}) / 100000))
  if [ -s "$scratch/out" ]; then
    failed=$((failed + 1))
    echo "FAIL  lint: $check"
    head -n 60 "$scratch/out" | sed 's/^/      /'
  else
    echo "ok    lint: $check ($((took / 10)).$((took % 10)) s)"
  fi
done
exit "$failed"
