#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `carrack config` beside `docker-compose config`: processor time and peak memory on real files (CARRACK_CORPUS, and
# manifests/examples) and on stacks made here, of 1,000 to 20,000 services (the most that is taken).
here=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 0; }
exec python3 - "$here" <<'PY'
import glob, os, subprocess, sys, tempfile

here = sys.argv[1]
carrack = here + "/build/release/carrack"
corpus = os.environ.get("CARRACK_CORPUS", here + "/../shared/corpus")
env = {"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8"}


def run(command, cwd, times=1):
    """The least processor time of several runs in ms, peak memory in MB, whether it took the file."""
    best, peak, ok = None, 0, False
    for _ in range(times):
        with open(os.devnull, "w") as null:
            p = subprocess.Popen(command, cwd=cwd, env=env, stdout=null, stderr=null)
            _, status, usage = os.wait4(p.pid, 0)
            took = (usage.ru_utime + usage.ru_stime) * 1000
        p.returncode = os.waitstatus_to_exitcode(status)
        best = took if best is None else min(best, took)
        peak = max(peak, usage.ru_maxrss / 1024)
        ok = p.returncode == 0
    return best, peak, ok


def made(n):
    """A stack of n services, each of about 400 bytes."""
    out = ["version: '3.8'", "networks: {front: {}, back: {}}", "volumes: {data: {}}", "services:"]
    for i in range(n):
        out += [f"  s{i}:", f"    image: registry.example/team/app:{i % 7}", "    command: [serve, --port, '8080']",
                f"    environment: {{NAME: s{i}, LEVEL: info, PEER: s{(i + 1) % n}}}",
                "    networks: [front, back]", f"    labels: {{role: web, index: '{i}'}}",
                "    volumes: ['data:/data', './conf:/etc/app:ro']",
                "    healthcheck: {test: curl -f http://localhost/, interval: 10s, retries: 3}",
                "    deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 64M}}}"]
    return "\n".join(out) + "\n"


try:
    version = subprocess.run(["docker-compose", "version", "--short"], capture_output=True, text=True).stdout.strip()
except OSError:
    version = None
peer = version is not None
print("peer: docker-compose " + version if peer else "peer docker-compose: skipped, it is not installed")


def against(label, ours, theirs):
    text = f"{label}: carrack {ours[0]:.1f} ms, {ours[1]:.0f} MB"
    if theirs and theirs[2]:
        text += f"; docker-compose {theirs[0]:.0f} ms, {theirs[1]:.0f} MB: {theirs[0] / ours[0]:.0f} times as fast"
    elif theirs:
        text += "; docker-compose does not take it"
    print(text, flush=True)


files = sorted(glob.glob(here + "/manifests/examples/*.yaml"))
for group in ("awesome-compose", "swarm-stacks", "dokploy-templates"):
    files += sorted(glob.glob(f"{corpus}/{group}/*/compose.yaml"))[:8]
ratios, total, compared = [], 0.0, 0
for f in files:
    ours = run([carrack, "config", "-p", "bench", "-f", f], os.path.dirname(f), 5)
    total += ours[0]
    theirs = run(["docker-compose", "-p", "bench", "-f", f, "config"], os.path.dirname(f)) if peer else None
    if theirs and theirs[2] and ours[2]:
        ratios.append(theirs[0] / ours[0])
print(f"{len(files)} real files: carrack {total / len(files):.1f} ms each")
if ratios:
    ratios.sort()
    print(f"  on the {len(ratios)} that docker-compose takes too: {ratios[len(ratios) // 2]:.0f} times as fast "
          f"(median; {ratios[0]:.0f} at least)")
with tempfile.TemporaryDirectory() as d:
    for n in (1000, 5000, 10000, 20000):
        with open(f"{d}/{n}.yaml", "w") as f:
            f.write(made(n))
        ours = run([carrack, "config", "-p", "made", "-f", f"{n}.yaml"], d, 3)
        if not ours[2]:
            print(f"{n} services: refused")
            continue
        # the peer takes minutes for more
        theirs = run(["docker-compose", "-p", "made", "-f", f"{n}.yaml", "config"], d) if peer and n <= 1000 else None
        against(f"{n} services", ours, theirs)
PY
