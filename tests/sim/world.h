/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole cluster in one process on a virtual clock: the real controller core, a store that is a map
 * of rows, and agents that behave as agents do. All chance comes from one seed.
 */
#pragma once
#include "controller/core/cluster.h"
#include "controller/core/sealing.h"
#include "controller/core/secrets.h"

#define SIM_TICK_MS 100
#define SIM_AGENTS  8
#define SIM_STACKS  4
#define SIM_VALUES  3   /* that the secret of a stack may have */
#define SIM_DELAY   400 /* ms a message takes at most */

struct sim_msg { /* on its way */
	uint64_t due;
	uint8_t type;
	char *json;
};
struct sim_queue {
	struct sim_msg *v;
	size_t head, n, cap;
};

struct sim_task { /* a container, as its agent has it */
	enum task_state state;
	uint64_t next_ms; /* when it moves on */
	int64_t restarts;
	bool told; /* the controller has been told the state */
	bool stop;
	char key[64]; /* "NETWORK IP", of the first network; empty: none */
};

struct sim_agent {
	char id[24], name[32];
	bool on, linked, partitioned, said_hello;
	uint64_t dial_ms, beat_ms, heard_ms;
	uint64_t steady_ms; /* since when it is linked and heard */
	int slow;           /* factor */
	struct map set;     /* "kind/id" -> json_t; on its disk */
	int64_t version;    /* on its disk */
	bool dirty;         /* set or containers have changed since they were compared */
	struct map tasks;   /* id -> struct sim_task; gone when the host dies */
	struct sim_queue in, out;
	bool compare; /* the next snapshot must equal the set */
};

struct sim_stack { /* what was acknowledged last */
	char name[16];
	bool there, tried;
	char value;   /* of its secret, in what is wanted */
	bool unsure;  /* a request was made and its answer lost */
	json_t *spec; /* of the last acknowledged apply */
	json_t *want; /* to be tried until it is acknowledged; NULL with want_rm: removal */
	bool want_rm;
};

struct world {
	uint64_t rng, now;
	struct cluster *c;
	struct cluster_config cfg;
	struct sealing *sealing;
	struct map rows;
	struct sim_agent agents[SIM_AGENTS];
	size_t n_agents;
	struct sim_stack stacks[SIM_STACKS];
	struct map ever_lost; /* task ids */
	bool chaos;
	bool verbose;
	uint64_t controller_starts;
	char failure[512]; /* empty: none */
};

uint64_t sim_random(struct world *w, uint64_t below);
bool sim_chance(struct world *w, unsigned percent_of_hundredth); /* N in 10,000 */
void sim_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* world.c */
void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
void world_start_controller(struct world *w);
/* One turn of the controller. crash 1: before the commit, 2: before anything is sent. false: crashed. */
bool world_step(struct world *w, int crash);
void world_restart(struct world *w);

/* agents.c */
void agent_tick(struct world *w, struct sim_agent *a);
void agent_receive(struct world *w,
		   struct sim_agent *a);              /* messages that are due, at the controller */
void agent_cut(struct world *w, struct sim_agent *a); /* its stream breaks */
void agent_kill(struct world *w, struct sim_agent *a); /* the host dies */
void agent_free_object(void *p);                       /* of the set: JSON */
void agent_done(struct sim_agent *a);
void queue_push(struct sim_queue *q, uint64_t due, uint8_t type, char *json_taken);
void queue_clear(struct sim_queue *q);
bool queue_quiet(const struct sim_queue *q);

/* check.c */
void check_step(struct world *w);
void check_sets(struct world *w);
void check_drained(struct world *w, const char *task); /* its agent is told to stop it */
void check_end(struct world *w);

/* chaos.c */
void chaos_tick(struct world *w);
void chaos_calm(struct world *w);    /* everything on and linked */
bool chaos_operate(struct world *w); /* tries what operators want; true: something was asked */

/* plan.c */
bool plan_seed(uint64_t seed, bool verbose); /* false: said why */

/* scale.c */
int scale_run(long tasks, long agents);
