#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Plans: what is said before, that nothing happens by it, that it is what happens then, and saved ones.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2

write_shop() { # COLOUR REPLICAS [MORE]
  stack shop <<Y
name: shop
services:
  web:
    image: $img
    stop_grace_period: 1s
    command: [sleep, "1000000"]
    environment: {COLOUR: $1}
    deploy: {replicas: $2}
${3:-}
Y
}
plan() { # STATUS ARG...: the plan's output, when its exit status is that
  local want=$1 out status
  shift
  out=$(c "$@" 2>&1)
  status=$?
  echo "$out"
  [ "$status" = "$want" ] || { echo "exit status $status, not $want"; return 1; }
}
revision() { c inspect shop 2>/dev/null | jq -r '.revision // .[0].revision'; }
placed() { tasks '[.[]|select(.stack=="shop")|"\(.name) \(.node)"]|sort|join(";")'; }

new_stack() {
  local said out
  write_shop blue 3
  out=$(plan 2 plan -f "$work/shop.yaml") || fail "$out" || return
  grep -q '+ services.web' <<<"$out" && grep -q '+ shop_default' <<<"$out" || fail "$out" || return
  [ "$(c ls --json | jq length)" = 0 ] || fail "the plan made a stack" || return
  said=$(c plan -f "$work/shop.yaml" --json | jq -r '[.tasks[]|"\(.name) \(.node)"]|sort|join(";")')
  apply shop || return
  [ "$(placed)" = "$said" ] || fail "planned $said, got $(placed)"
}
no_change() {
  local before out
  before=$(revision)
  out=$(plan 0 plan -f "$work/shop.yaml") || fail "$out" || return
  grep -q 'nothing to change' <<<"$out" || fail "$out" || return
  out=$(plan 0 diff -f "$work/shop.yaml") || fail "$out" || return
  [ -z "$out" ] || fail "no difference, yet: $out" || return
  [ "$(revision)" = "$before" ] || fail "the revision moved"
}
images_known() { c plan -f "$work/shop.yaml" | grep "$img on" | grep -q there; }
env_change() {
  local before out
  before=$(tasks '[.[].id]|sort')
  write_shop red 3
  out=$(plan 2 diff -f "$work/shop.yaml") || fail "$out" || return
  grep -q '~ environment.COLOUR: "blue" -> "red"' <<<"$out" || fail "$out" || return
  out=$(plan 2 plan -f "$work/shop.yaml") || fail "$out" || return
  grep -q '0 tasks to create, 3 to replace, 0 to remove; 0 run on' <<<"$out" || fail "$out" || return
  [ "$(tasks '[.[].id]|sort')" = "$before" ] || fail "the plan changed tasks" || return
  until_ok 10 images_known || fail "no node is known to have the image: $(c plan -f "$work/shop.yaml")" || return
  apply shop
}
scale_and_rm() {
  local out
  out=$(plan 0 scale shop_web=4 --dry-run) || fail "$out" || return
  grep -q 'deploy.replicas: 3 -> 4  (in place)' <<<"$out" && grep -q '1 tasks to create, 0 to replace, 0 to remove; 3 run on' <<<"$out" || fail "$out" || return
  out=$(plan 0 rm shop --dry-run) || fail "$out" || return
  grep -q -- '- shop_web.3' <<<"$out" && grep -q -- '- shop_default' <<<"$out" || fail "$out" || return
  [ "$(tasks '[.[]|select(.state=="running")]|length')" = 3 ] || fail "$(c ps)"
}
constraint() { # placement changes leave containers alone; what fits nowhere says why
  local out
  write_shop red 4 "  far: {image: $img, deploy: {placement: {constraints: [node.labels.disk == ssd]}}}"
  out=$(plan 2 plan -f "$work/shop.yaml") || fail "$out" || return
  grep -q '! shop_far.1 waits: no node fits: 2 do not meet the placement constraints' <<<"$out" || fail "$out"
}
saved() {
  local said out
  write_shop green 4 "  extra: {image: $img, command: [sleep, '1000000'], stop_grace_period: 1s}"
  out=$(plan 2 plan -f "$work/shop.yaml" --out "$work/shop.plan") || fail "$out" || return
  said=$(c plan "$work/shop.plan" --json | jq -r '[.tasks[]|"\(.name) \(.node)"]|sort|join(";")')
  out=$(c apply "$work/shop.plan" 2>&1) || fail "$out" || return
  grep -q 'created extra; updated web' <<<"$out" || fail "$out" || return
  [ "$(placed)" = "$said" ] || fail "planned $said, got $(placed)"
}
refused_after_others() {
  local out before
  write_shop black 4
  plan 2 plan -f "$work/shop.yaml" --out "$work/shop.plan" >/dev/null || fail "no plan" || return
  c scale shop_web=3 >/dev/null || return
  before=$(revision)
  out=$(plan 1 apply -f "$work/shop.plan") || fail "$out" || return
  grep -q "the stack 'shop' was changed since this plan was made" <<<"$out" || fail "$out" || return
  [ "$(revision)" = "$before" ] || fail "the revision moved"
}
refused_damaged() {
  local out
  plan 2 plan -f "$work/shop.yaml" --out "$work/shop.plan" >/dev/null || fail "no plan" || return
  sed 's/black/white/' "$work/shop.plan" >"$work/edited.plan"
  out=$(plan 1 apply "$work/edited.plan") || fail "$out" || return
  grep -q 'was changed after it was saved' <<<"$out" || fail "$out" || return
  head -c 300 "$work/shop.plan" >"$work/cut.plan"
  out=$(plan 1 apply -f "$work/cut.plan") || fail "$out" || return
  grep -q 'cut or damaged' <<<"$out" || fail "$out"
}
node_gone() { # the plan wants a node that is not there any more
  local out
  until_ok 20 ready shop 4 || fail "$(c ps)" || return
  write_shop black 7
  plan 2 plan -f "$work/shop.yaml" --out "$work/shop.plan" >/dev/null || fail "no plan" || return
  lab kill host2 || return
  until_ok 20 node_state host2 down || fail "host2 is not down" || return
  out=$(plan 1 apply "$work/shop.plan") || fail "$out" || return
  grep -q "'host2' went down" <<<"$out" || fail "$out"
}

t "a new stack: what is planned is what is placed" new_stack
t "nothing to change: exit status 0, and the revision stays" no_change
t "one variable: the difference, and which tasks are made anew" env_change
t "scale and rm tell what they would do" scale_and_rm
t "what fits nowhere says why" constraint
t "a saved plan is done exactly, with a service more" saved
t "a saved plan is refused after another change" refused_after_others
t "a damaged plan is refused" refused_damaged
t "a saved plan is refused when a node has gone" node_gone
finish
