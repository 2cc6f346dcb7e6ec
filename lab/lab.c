/* SPDX-License-Identifier: Apache-2.0
 * The verbs of `carrack lab`: a table and one function each. */
#include "lab/lab.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/str.h"
#include "lab/boot.h"
#include "lab/place.h"
#include "lab/space.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define DOWN_TRIES 500 /* of 10 ms */

static const char usage[] =
	"usage: carrack lab VERB [--name LAB] ...\n"
	"\n"
	"A whole cluster of virtual hosts on this machine, to try a stack on five hosts on a "
	"laptop.\n"
	"Nothing in a lab reaches the real network, and all of it dies with it.\n"
	"\n"
	"  up [--hosts N] [--registry]   start a controller ('ctl') and N hosts (host1, host2, "
	"...); default 3;\n"
	"     [--ipv6] [--lan]           with IPv6 and no IPv4 between them; with a LAN (see "
	"below)\n"
	"  down                          end the lab and remove what it kept\n"
	"  ls                            the hosts and whether they are up\n"
	"  sh [HOST] [-- CMD...]         a shell, or a command, on a host (default: the "
	"controller's)\n"
	"  partition HOST | heal HOST    take a host off the switch, put it back\n"
	"  kill HOST | start HOST        cut a host's power, boot it again with what was on its "
	"disk\n"
	"\n"
	"LAB names one of several labs side by side (default: \"lab\"). In a lab `carrack` finds "
	"the\n"
	"controller by itself; 'switch' is the place of the registry (--registry: "
	"registry.lab:5000).\n"
	"With --lan each host has a second interface, eth1, on a network where 'switch' is a "
	"machine "
	"like\n"
	"others (192.168.77.1, fd77:1::1), for the drivers macvlan and bridge.\n"
	"\n"
	"  carrack lab up --hosts 3 && carrack lab sh -- carrack nodes && carrack lab down\n";

struct call { /* a parsed command line */
	struct place place;
	int hosts;
	bool registry, six, lan;
	char **args; /* what is left: HOST, or HOST and a command */
	int n_args;
};

static int say(const struct err *err)
{
	fprintf(stderr, "carrack lab: %s\n", err_text(err));
	return 1;
}

/* The live process of the host named by the first argument (NULL: the controller). */
static int find_host(const struct call *c, const char *host, pid_t *ret, struct err *err)
{
	bool is_switch = streq(host, LAB_SWITCH);
	if (place_pid(&c->place, NULL, ret) < 0)
		return err_set(err, -ESRCH,
			       "the lab '%s' is not up; start it with 'carrack lab up'",
			       c->place.name);
	if (is_switch)
		return 0;
	if (!place_host_exists(&c->place, host))
		return err_set(err, -ENOENT,
			       "the lab has no host '%s'; 'carrack lab ls' lists them", host);
	if (place_pid(&c->place, host, ret) < 0)
		return err_set(err, -ESRCH,
			       "the host '%s' is off; start it with 'carrack lab start %s'", host,
			       host);
	return 0;
}

static int lab_up(struct call *c, struct err *err)
{
	pid_t lab;
	if (place_pid(&c->place, NULL, &lab) == 0)
		return err_set(err, -EEXIST,
			       "the lab '%s' is up already; end it with 'carrack lab down' or use "
			       "another --name",
			       c->place.name);
	c->place.six = c->six;
	int r = boot_lab(&c->place, &(struct boot){c->hosts, c->registry, c->lan}, err);
	if (r < 0)
		return r;
	printf("lab '%s' is up: %s", c->place.name, LAB_CONTROLLER);
	for (int i = 1; i <= c->hosts; i++)
		printf(", host%d", i);
	printf("\n");
	return 0;
}

static int lab_down(struct call *c, struct err *err)
{
	pid_t lab;
	if (place_pid(&c->place, NULL, &lab) == 0) {
		kill(lab, SIGKILL);
		for (int i = 0; i < DOWN_TRIES && place_pid(&c->place, NULL, &lab) == 0; i++)
			usleep(10000);
	}
	auto_strlist hosts = {0};
	boot_hosts(&c->place, &hosts);
	for (size_t i = 0; i < hosts.n; i++)
		place_drop_cgroups(&c->place, hosts.v[i]);
	return dir_remove(c->place.dir, err);
}

static int lab_ls(struct call *c, struct err *err)
{
	pid_t pid;
	if (place_pid(&c->place, NULL, &pid) < 0)
		return err_set(err, -ESRCH,
			       "the lab '%s' is not up; start it with 'carrack lab up'",
			       c->place.name);
	auto_strlist hosts = {0};
	boot_hosts(&c->place, &hosts);
	printf("%-12s %-6s %s\n", "HOST", "STATE", "ADDRESS");
	for (size_t i = 0; i < hosts.n; i++) {
		auto_free char *addr = boot_address(&c->place, hosts.v[i]);
		bool up = place_pid(&c->place, hosts.v[i], &pid) == 0;
		printf("%-12s %-6s %s\n", hosts.v[i], up ? "up" : "off", addr);
	}
	return 0;
}

static int lab_sh(struct call *c, struct err *err)
{
	static const char *const shell[] = {"bash", "--norc", NULL};
	const char *host = LAB_CONTROLLER;
	char **cmd = c->args;
	if (c->n_args > 0 && strcmp(c->args[0], "--") != 0) {
		host = c->args[0];
		cmd++;
	}
	if (*cmd && strcmp(*cmd, "--") == 0)
		cmd++;
	pid_t pid;
	int r = find_host(c, host, &pid, err);
	if (r < 0)
		return r;
	auto_free char *prompt = xasprintf("%s:\\w# ", host);
	setenv("PS1", prompt, 1);
	boot_environment(&c->place);
	return space_run(pid, *cmd ? (const char *const *)cmd : shell, err);
}

static int set_link(struct call *c, const char *state, struct err *err)
{
	pid_t lab, host;
	int r = find_host(c, LAB_SWITCH, &lab, err);
	if (r == 0)
		r = find_host(c, c->args[0], &host, err);
	if (r < 0)
		return r;
	return space_runf(lab, err, "ip link set ck-%s %s", c->args[0], state);
}

static int lab_partition(struct call *c, struct err *err)
{
	return set_link(c, "down", err);
}

static int lab_heal(struct call *c, struct err *err)
{
	return set_link(c, "up", err);
}

static int lab_kill(struct call *c, struct err *err)
{
	pid_t pid;
	int r = find_host(c, c->args[0], &pid, err);
	if (r < 0)
		return r;
	kill(pid, SIGKILL);
	for (int i = 0; i < DOWN_TRIES && place_pid(&c->place, c->args[0], &pid) == 0; i++)
		usleep(10000);
	place_drop_cgroups(&c->place, c->args[0]);
	return 0;
}

static int lab_start(struct call *c, struct err *err)
{
	pid_t lab, host;
	int r = find_host(c, LAB_SWITCH, &lab, err);
	if (r < 0)
		return r;
	if (!place_host_exists(&c->place, c->args[0]))
		return err_set(err, -ENOENT, "the lab has no host '%s'", c->args[0]);
	if (place_pid(&c->place, c->args[0], &host) == 0)
		return err_set(err, -EEXIST, "the host '%s' is up already", c->args[0]);
	return boot_host(&c->place, lab, c->args[0], err);
}

static const struct verb {
	const char *name;
	int min_args, max_args;
	int (*run)(struct call *c, struct err *err);
} verbs[] = {
	{"up", 0, 0, lab_up},     {"down", 0, 0, lab_down},           {"ls", 0, 0, lab_ls},
	{"sh", 0, 10000, lab_sh}, {"partition", 1, 1, lab_partition}, {"heal", 1, 1, lab_heal},
	{"kill", 1, 1, lab_kill}, {"start", 1, 1, lab_start},
};

static int parse(int argc, char **argv, struct call *c, struct err *err)
{
	static const struct option options[] = {{"hosts", required_argument, NULL, 'h'},
						{"name", required_argument, NULL, 'n'},
						{"registry", no_argument, NULL, 'r'},
						{"ipv6", no_argument, NULL, '6'},
						{"lan", no_argument, NULL, 'l'},
						{0}};
	const char *name = "lab";
	int64_t hosts = 3;
	optind = 1;
	/* '+': options end at the first argument, so that a command keeps its own; the "--" that
	 * getopt swallows is looked at again by lab_sh. */
	for (int o; (o = getopt_long(argc, argv, "+n:", options, NULL)) != -1;) {
		if (o == 'n')
			name = optarg;
		else if (o == 'r')
			c->registry = true;
		else if (o == '6')
			c->six = true;
		else if (o == 'l')
			c->lan = true;
		else if (o != 'h')
			return err_set(err, -EINVAL, "see 'carrack lab --help'");
		else if (!num_parse_i64(optarg, 1, LAB_HOSTS_MAX, &hosts))
			return err_set(err, -EINVAL, "--hosts '%s': expected 1 to %d", optarg,
				       LAB_HOSTS_MAX);
	}
	if (optind > 1 && strcmp(argv[optind - 1], "--") == 0)
		optind--;
	c->hosts = (int)hosts;
	c->args = argv + optind;
	c->n_args = argc - optind;
	return place_open(&c->place, name, err);
}

int lab_main(int argc, char **argv)
{
	if (argc < 2 || streq(argv[1], "--help") || streq(argv[1], "-h") ||
	    streq(argv[1], "help")) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!streq(verbs[i].name, argv[1]))
			continue;
		struct call c = {0};
		struct err err = {0};
		int r = parse(argc - 1, argv + 1, &c, &err);
		if (r == 0 && (c.n_args < verbs[i].min_args || c.n_args > verbs[i].max_args))
			r = err_set(&err, -EINVAL,
				    "'%s': wrong number of arguments; see 'carrack lab --help'",
				    argv[1]);
		if (r == 0)
			r = verbs[i].run(&c, &err);
		place_done(&c.place);
		return r < 0 ? say(&err) : r;
	}
	fprintf(stderr, "carrack lab: no verb '%s'; see 'carrack lab --help'\n", argv[1]);
	return 2;
}
