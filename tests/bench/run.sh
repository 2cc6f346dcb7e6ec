#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: every benchmark, or those named; each prints ratios against a peer measured in the
# same run, and says so when a peer is not installed.
here=$(cd "$(dirname "$0")" && pwd)
names=("$@")
[ ${#names[@]} = 0 ] && names=(start apply overlay memory pull config vip death)
for name in "${names[@]}"; do
  printf '\n== %s\n' "$name"
  if [ -e "$here/$name.sh" ]; then bash "$here/$name.sh"; else echo "no such benchmark"; fi
done
