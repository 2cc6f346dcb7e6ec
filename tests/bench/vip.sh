#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# New connections through a VIP beside direct ones, the time of one change, at 1 and 30,000 VIPs
# (vip_bench.c); then the same changes through the whole agent, and 1,000 endpoints that join beside
# entries made by hand (agent_bench.c).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
make -s all >/dev/null
mkdir -p build/release/tests/bench
packages="yaml-0.1 libcurl jansson libsodium libnl-3.0 libnl-route-3.0 libarchive libnftables libevent_core libevent_openssl"
packages+=" openssl sqlite3 ldns libisal libzstd zlib libseccomp libbpf"
for name in vip_bench agent_bench; do
  # shellcheck disable=SC2046,SC2086 # several words
  cc -std=gnu11 -O2 -I"$top" -D_GNU_SOURCE -o build/release/tests/bench/$name tests/bench/$name.c \
    -Wl,--start-group build/release/lib/*.a -Wl,--end-group $(pkg-config --cflags --libs $packages) -lpthread
done
build/release/tests/bench/vip_bench
PATH=$top/build/release:$PATH build/release/tests/bench/agent_bench
