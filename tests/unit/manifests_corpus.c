/* SPDX-License-Identifier: Apache-2.0
 * Stacks by the thousand: made at random from a printed seed, and real ones from CARRACK_CORPUS
 * (a folder with GROUP/CASE/compose.yaml; default ../shared/corpus). Whatever is taken must survive
 * its canonical form; whatever is refused must say where. */
#include "base/fd.h"
#include "manifests_helper.h"
#include <dirent.h>
#include <stdio.h>
#include <time.h>

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Lines of a service, each by itself right; a handful of them make a service. */
static const char *const lines[] = {
	"command: [a, '', 'b c']",
	"command: sleep 1",
	"entrypoint: []",
	"environment: {A: 1, B: , C: 'x y'}",
	"labels: {a.b: c, d: true}",
	"annotations: {k: v}",
	"working_dir: /w",
	"user: '1:2'",
	"group_add: [5, video]",
	"hostname: h",
	"domainname: d.e",
	"platform: linux/amd64",
	"tty: true",
	"stdin_open: yes",
	"init: false",
	"read_only: true",
	"privileged: true",
	"cap_add: [ALL]",
	"cap_drop: [CHOWN, MKNOD]",
	"security_opt: [no-new-privileges]",
	"dns: [1.1.1.1, '::1']",
	"dns_search: a.b",
	"dns_opt: ['ndots:2']",
	"extra_hosts: ['a=1.2.3.4', 'b:::1']",
	"expose: [80]",
	"devices: ['/dev/null:/dev/x:r']",
	"sysctls: {a.b: 1}",
	"ulimits: {nofile: {soft: 1, hard: 2}, core: -1}",
	"shm_size: 1.5m",
	"stop_grace_period: 1m0.5s",
	"stop_signal: SIGRTMIN+3",
	"pid: host",
	"ipc: private",
	"pull_policy: always",
	"cpuset: 0-1",
	"oom_score_adj: -5",
	"logging: {driver: none, options: {a: 1}}",
	"tmpfs: ['/a', '/b:size=1m']",
	"volumes: ['v:/v:ro', './b:/b:rslave', {type: tmpfs, target: /t, tmpfs: {size: 0}}]",
	"ports: ['1-5/udp', 90, {target: 1, published: 1, mode: host, name: n}]",
	"networks: {n: {aliases: [x], priority: -3, ipv4_address: 10.1.0.9}, default: }",
	"healthcheck: {test: [CMD, a], interval: 1ns, retries: 0, disable: true}",
	"restart: on-failure:0",
	"deploy: {mode: global, labels: [a=b], restart_policy: {}, update_config: {delay: 3s}}",
	"mem_limit: 1g",
	"cpus: 0.1",
	"pids_limit: 7",
	"x-own: {anything: [1]}",
};

static char *random_stack(uint64_t *seed)
{
	struct str s = {0};
	str_add(&s, "name: r\nvolumes: {v: {labels: {a: b}}}\nnetworks: {n: {internal: true, "
		    "driver_opts: {a: 1}, ipam: {config: [{subnet: 10.1.0.0/16}]}}}\nservices:\n");
	size_t services = 1 + next(seed) % 4;
	for (size_t i = 0; i < services; i++) {
		bool have[ARRAY_LEN(lines)] = {false};
		str_addf(&s, "  s%zu:\n    image: a\n", i);
		for (size_t k = next(seed) % 20; k > 0; k--) {
			size_t pick = next(seed) % ARRAY_LEN(lines);
			bool other_command = pick < 2 && (have[0] || have[1]);
			if (!have[pick] && !other_command)
				str_addf(&s, "    %s\n", lines[pick]);
			have[pick] = true;
		}
	}
	return str_take(&s);
}

static void random_round_trips(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)time(NULL) | 1;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 500; i++) {
		auto_free char *text = random_stack(&seed);
		struct spec_stack *s = parse_ok(text);
		expect_round_trip(s);
		spec_stack_free(s);
	}
}

struct counts {
	size_t taken, refused;
};

static void corpus_file(const char *path, struct counts *counts)
{
	auto_free char *text = NULL;
	size_t len = 0;
	struct diag d = {0};
	if (file_read(path, STACKFILE_BYTES_MAX, &text, &len, NULL) < 0)
		return;
	struct kvlist env = {0};
	struct stackfile_input in = {.file = path,
				     .text = text,
				     .len = len,
				     .project_dir = "/srv/corpus",
				     .env = &env,
				     .name = "corpus"};
	struct spec_stack *s = stackfile_parse(&in, &d);
	if (s) {
		counts->taken++;
		expect_round_trip(s);
	} else {
		counts->refused++;
		assert_true(d.n_errors > 0);
		assert_true(d.v[0].text[0]);
	}
	spec_stack_free(s);
	diag_done(&d);
}

static void corpus_group(const char *group, struct counts *counts)
{
	DIR *dir = opendir(group);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		auto_free char *path = xasprintf("%s/%s/compose.yaml", group, e->d_name);
		corpus_file(path, counts);
	}
	if (dir)
		closedir(dir);
}

static void real_files(void **state)
{
	(void)state;
	const char *root = getenv("CARRACK_CORPUS") ? getenv("CARRACK_CORPUS") : "../shared/corpus";
	struct counts counts = {0};
	DIR *dir = opendir(root);
	if (!dir) {
		print_message("skipped: there is no folder '%s' (CARRACK_CORPUS)\n", root);
		skip();
	}
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || e->d_type != DT_DIR)
			continue;
		auto_free char *group = xasprintf("%s/%s", root, e->d_name);
		corpus_group(group, &counts);
	}
	closedir(dir);
	print_message("%zu taken, %zu refused with a reason\n", counts.taken, counts.refused);
}

static void examples(void **state)
{
	(void)state;
	static const char *const names[] = {"hello", "two-networks", "limits", "published"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = xasprintf("manifests/examples/%s.yaml", names[i]);
		auto_free char *text = NULL;
		size_t len;
		if (file_read(path, STACKFILE_BYTES_MAX, &text, &len, NULL) < 0)
			skip(); /* not run from the top folder */
		struct diag d = {0};
		struct spec_stack *s = parse(text, &d);
		assert_non_null(s);
		assert_int_equal(d.n, 0);
		expect_round_trip(s);
		spec_stack_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_round_trips),
		cmocka_unit_test(examples),
		cmocka_unit_test(real_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
