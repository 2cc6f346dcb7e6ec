#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# New connections through a VIP beside direct ones, and the time of one change, at 1 and 30,000 VIPs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
make -s build/release/lib/overlay.a build/release/lib/base.a
mkdir -p build/release/tests/bench
# shellcheck disable=SC2046 # several words
cc -std=gnu11 -O2 -I"$top" -D_GNU_SOURCE -o build/release/tests/bench/vip_bench tests/bench/vip_bench.c \
  -Wl,--start-group build/release/lib/overlay.a build/release/lib/base.a -Wl,--end-group \
  $(pkg-config --cflags --libs jansson libnl-3.0 libnl-route-3.0 libnftables libevent libevent_openssl openssl ldns libbpf libcurl libsodium) -lpthread
exec build/release/tests/bench/vip_bench
