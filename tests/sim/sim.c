/* SPDX-License-Identifier: Apache-2.0
 * Runs random schedules of failures against the real controller core; a failure prints its seed.
 *
 *   sim [--plan] [--seeds N] [--seed S] [--verbose]
 *   sim --scale TASKS AGENTS
 */
#include "base/num.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIM_JOBS 2
#define CHAOS_MS 30000
#define CALM_MS  120000

static void acknowledge(struct world *w)
{
	for (size_t i = 0; i < SIM_STACKS; i++) {
		struct sim_stack *ss = &w->stacks[i];
		if (!ss->tried)
			continue;
		ss->unsure = false;
		if (ss->want_rm) {
			ss->there = ss->want_rm = false;
		} else {
			json_decref(ss->spec);
			ss->spec = take_ptr(ss->want);
			ss->there = true;
		}
	}
}

static void tick(struct world *w)
{
	w->now += SIM_TICK_MS;
	if (w->chaos)
		chaos_tick(w);
	for (size_t i = 0; i < w->n_agents; i++)
		agent_tick(w, &w->agents[i]);
	for (size_t i = 0; i < w->n_agents; i++)
		agent_receive(w, &w->agents[i]);
	bool asked = chaos_operate(w);
	int crash = w->chaos && sim_chance(w, asked ? 300 : 15) ? 1 + (int)sim_random(w, 2) : 0;
	bool done = world_step(w, crash);
	if (asked && done)
		acknowledge(w);
	if (!done) {
		for (size_t i = 0; i < SIM_STACKS; i++)
			w->stacks[i].unsure |= w->stacks[i].tried;
		world_restart(w);
		world_step(w, 0);
	}
	check_step(w);
	if (sim_chance(w, 200))
		check_sets(w);
}

static bool pending_wishes(const struct world *w)
{
	for (size_t i = 0; i < SIM_STACKS; i++)
		if (w->stacks[i].want || w->stacks[i].want_rm)
			return true;
	return false;
}

/* The failures have stopped: within CALM_MS all is as it was asked, and stays so. */
static void settle(struct world *w)
{
	uint64_t end = w->now + CALM_MS;
	while (!w->failure[0]) {
		for (int i = 0; i < 20 && !w->failure[0]; i++)
			tick(w);
		if (w->failure[0])
			return;
		if (pending_wishes(w))
			sim_fail(w, "operators were not answered");
		else
			check_end(w);
		if (!w->failure[0] || w->now >= end)
			return;
		w->failure[0] = '\0';
	}
}

static bool run_seed(uint64_t seed, bool verbose)
{
	struct world *w = xcalloc(1, sizeof(*w));
	w->verbose = verbose;
	world_init(w, seed);
	w->chaos = true;
	uint64_t end = w->now + CHAOS_MS;
	while (w->now < end && !w->failure[0])
		tick(w);
	chaos_calm(w);
	settle(w);
	bool ok = !w->failure[0];
	if (!ok)
		printf("seed %llu, at %llu ms: %s\n", (unsigned long long)seed,
		       (unsigned long long)(w->now - 1000000), w->failure);
	world_done(w);
	free(w);
	return ok;
}

/* Every SIM_JOBS-th seed, in a process of its own; its status is the number of failures. */
typedef bool (*seed_run)(uint64_t seed, bool verbose);

static pid_t run_share(seed_run run, int64_t first, int64_t end, bool verbose)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int failed = 0;
	for (int64_t s = first; s < end; s += SIM_JOBS)
		failed += !run((uint64_t)s, verbose);
	fflush(stdout);
	exit(failed > 255 ? 255 : failed);
}

static int run_all(seed_run run, int64_t first, int64_t n, bool verbose)
{
	pid_t pids[SIM_JOBS];
	int failed = 0;
	for (int i = 0; i < SIM_JOBS; i++)
		pids[i] = run_share(run, first + i, first + n, verbose);
	for (int i = 0; i < SIM_JOBS; i++) {
		int status = -1;
		if (pids[i] > 0)
			waitpid(pids[i], &status, 0);
		if (pids[i] > 0 && WIFEXITED(status)) {
			failed += WEXITSTATUS(status);
			continue;
		}
		printf("a share of the seeds ended by itself, status %d\n", status);
		failed++;
	}
	printf("sim: %lld passed, %d failed\n", (long long)n - failed, failed);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	int64_t seeds = 200, seed = -1, tasks = 0, agents = 0;
	bool verbose = false;
	seed_run run = run_seed;
	for (int i = 1; i < argc; i++) {
		if (streq(argv[i], "--verbose"))
			verbose = true;
		else if (streq(argv[i], "--plan"))
			run = plan_seed;
		else if (streq(argv[i], "--seeds") && i + 1 < argc &&
			 num_parse_i64(argv[i + 1], 1, 10000000, &seeds))
			i++;
		else if (streq(argv[i], "--seed") && i + 1 < argc &&
			 num_parse_i64(argv[i + 1], 0, INT64_MAX, &seed))
			i++;
		else if (streq(argv[i], "--scale") && i + 2 < argc &&
			 num_parse_i64(argv[i + 1], 1, 10000000, &tasks) &&
			 num_parse_i64(argv[i + 2], 1, 20000, &agents))
			i += 2;
		else {
			fprintf(stderr, "usage: sim [--plan] [--seeds N] [--seed S] [--verbose] "
					"[--scale TASKS AGENTS]\n");
			return 2;
		}
	}
	if (tasks)
		return scale_run((long)tasks, (long)agents);
	if (seed >= 0)
		return run_all(run, seed, 1, verbose);
	return run_all(run, 1, seeds, verbose);
}
