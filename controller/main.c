/* SPDX-License-Identifier: Apache-2.0
 * The controller's process: its options, its configuration file, and how it ends. */
#include "controller/main.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/num.h"
#include "base/program.h"
#include "controller/api/server.h"
#include "manifests/conf.h"
#include "manifests/jointoken.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

static const char usage[] =
	"usage: carrack controller [OPTIONS]\n"
	"\n"
	"Runs the controller of a cluster. Its state is in the data directory; at the first start "
	"it\n"
	"makes the cluster's certificates there, and operator.json, the file by which `carrack` "
	"on\n"
	"this or another machine reaches it.\n"
	"\n"
	"  --data-dir DIR       where its state is (/var/lib/carrack/controller)\n"
	"  --listen ADDR:PORT   where it serves ([::]:7677: all addresses)\n"
	"  --advertise ADDR     an address put into join tokens; may be repeated (this host's)\n"
	"  --heartbeat-ms N     how often agents tell that they live (1000)\n"
	"  --new-sealing-key    make a new key of configs and secrets where the file with it is "
	"lost\n"
	"  --config FILE        configuration file (" CONF_DEFAULT_PATH ", if it is there)\n"
	"  --verbose            log more\n";

enum {
	OPT_DATA_DIR = 256,
	OPT_LISTEN,
	OPT_ADVERTISE,
	OPT_HEARTBEAT,
	OPT_NEW_KEY,
	OPT_CONFIG,
	OPT_VERBOSE
};

static const struct option long_options[] = {
	{"data-dir", required_argument, NULL, OPT_DATA_DIR},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"advertise", required_argument, NULL, OPT_ADVERTISE},
	{"heartbeat-ms", required_argument, NULL, OPT_HEARTBEAT},
	{"new-sealing-key", no_argument, NULL, OPT_NEW_KEY},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	char *data_dir;
	const char *listen, *config;
	struct strlist advertise;
	int64_t heartbeat_ms; /* 0: the configuration's */
	bool verbose, help, new_key;
};

static int options_parse(int argc, char **argv, struct options *o, struct err *err)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_DATA_DIR:
			free(o->data_dir);
			o->data_dir = xstrdup(optarg);
			break;
		case OPT_LISTEN:
			o->listen = optarg;
			break;
		case OPT_ADVERTISE:
			strlist_add(&o->advertise, optarg);
			break;
		case OPT_HEARTBEAT:
			if (!num_parse_i64(optarg, 10, 600000, &o->heartbeat_ms))
				return err_set(
					err, -EINVAL,
					"--heartbeat-ms takes milliseconds from 10 to 600000, "
					"not '%s'",
					optarg);
			break;
		case OPT_NEW_KEY:
			o->new_key = true;
			break;
		case OPT_CONFIG:
			o->config = optarg;
			break;
		case OPT_VERBOSE:
			o->verbose = true;
			break;
		case 'h':
			o->help = true;
			return 0;
		default:
			return err_set(err, -EINVAL, "see `carrack controller --help`");
		}
	}
	if (optind < argc)
		return err_set(err, -EINVAL, "'%s' is too much; see `carrack controller --help`",
			       argv[optind]);
	return 0;
}

static int config_load(const struct options *o, struct conf *conf)
{
	const char *path = o->config ? o->config : CONF_DEFAULT_PATH;
	struct diag d = {0};
	int r = conf_load(path, o->config != NULL, conf, &d);

	for (size_t i = 0; i < d.n; i++) {
		auto_free char *text = diag_text(&d.v[i], true);

		fprintf(stderr, "%s\n", text);
	}
	diag_done(&d);
	return r;
}

static void on_signal(int signo, void *arg)
{
	log_info("controller", "stopping on signal %d", signo);
	loop_stop(arg);
}

static int serve(const struct server_config *c)
{
	struct loop *l = loop_new();
	struct watch *term = watch_signal(l, SIGTERM, on_signal, l);
	struct watch *intr = watch_signal(l, SIGINT, on_signal, l);
	struct server *s = NULL;
	struct err err = {0};
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	if (server_new(l, c, &s, &err)) {
		log_error("controller", "%s", err_text(&err));
	} else {
		log_info("controller",
			 "serving on port %u, operator's context in '%s/operator.json'",
			 server_port(s), c->data_dir);
		loop_run(l);
		status = server_failed(s) ? 1 : 0;
	}
	server_free(s);
	watch_free(term);
	watch_free(intr);
	loop_free(l);
	return status;
}

static int run(struct options *o, struct conf *conf)
{
	struct server_config c = {0};
	struct err err = {0};

	for (size_t i = 0; i < o->advertise.n; i++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (hostport_parse(o->advertise.v[i], CONF_DEFAULT_PORT, &host, &port, &err)) {
			log_error("controller", "option --advertise: %s", err_text(&err));
			return 2;
		}
	}
	if (!o->data_dir)
		o->data_dir = xasprintf("%s/controller", conf->data_dir);
	c.data_dir = o->data_dir;
	c.listen = o->listen ? o->listen : conf->listen;
	c.advertise = o->advertise.n ? &o->advertise : &conf->advertise;
	c.heartbeat_ms = o->heartbeat_ms ? (int)o->heartbeat_ms : conf->heartbeat_ms;
	c.heartbeat_misses = conf->heartbeat_misses;
	c.new_sealing_key = o->new_key;
	c.pool = conf->network_pool;
	c.pool6 = conf->network_pool6;
	if (dir_make(c.data_dir, 0700, &err)) {
		log_error("controller", "%s", err_text(&err));
		return 1;
	}
	return serve(&c);
}

int controller_main(int argc, char **argv)
{
	struct options o = {0};
	struct conf conf = {0};
	struct err err = {0};
	int status = 2;

	program_raise_files();
	if (options_parse(argc, argv, &o, &err)) {
		fprintf(stderr, "carrack controller: %s\n", err_text(&err));
	} else if (o.help) {
		fputs(usage, stdout);
		status = 0;
	} else {
		if (o.verbose)
			log_set_level(LOG_DEBUG);
		if (config_load(&o, &conf) == 0)
			status = run(&o, &conf);
		conf_done(&conf);
	}
	strlist_done(&o.advertise);
	free(o.data_dir);
	return status;
}
