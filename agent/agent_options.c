/* SPDX-License-Identifier: Apache-2.0
 * Flags win over the file, the file over the defaults. */
#include "agent/agent_options.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

const char agent_options_usage[] =
	"usage: carrack agent [--join TOKEN] [options]\n"
	"\n"
	"Runs this host's share of the cluster's containers. The first start needs a token\n"
	"(carrack token create, on the controller); later ones do not.\n"
	"\n"
	"  --join TOKEN                join the cluster that made TOKEN (or CARRACK_JOIN_TOKEN)\n"
	"  --name NAME                 this node's name (the host's)\n"
	"  --data-dir DIR              what stays over a reboot (/var/lib/carrack)\n"
	"  --run-dir DIR               what does not (/run/carrack)\n"
	"  --underlay IF|ADDR          where other nodes are (the default route's interface)\n"
	"  --label KEY=VALUE           a label of this node, for placement; may be repeated\n"
	"  --insecure-registry HOST    speak to this registry without verifying it; may be "
	"repeated\n"
	"  --registry-mirror HOST=URL  try URL first for images of HOST; may be repeated\n"
	"  --cgroup-parent PATH        cgroup above all containers (/carrack)\n"
	"  --runtime PATH              OCI runtime (crun)\n"
	"  --vxlan-port PORT           UDP port of the overlay (4789)\n"
	"  --vip auto|ebpf|nft         how service VIPs are reached (auto: ebpf where the host "
	"permits it)\n"
	"  --config FILE               configuration file (" CONF_DEFAULT_PATH ", if it is there)\n"
	"  --verbose                   say more\n";

enum {
	OPT_JOIN = 1000,
	OPT_NAME,
	OPT_DATA_DIR,
	OPT_RUN_DIR,
	OPT_UNDERLAY,
	OPT_LABEL,
	OPT_INSECURE,
	OPT_MIRROR,
	OPT_CGROUP,
	OPT_RUNTIME,
	OPT_VXLAN_PORT,
	OPT_VIP,
	OPT_CONFIG,
	OPT_VERBOSE,
};

static const struct option long_options[] = {
	{"join", required_argument, NULL, OPT_JOIN},
	{"name", required_argument, NULL, OPT_NAME},
	{"data-dir", required_argument, NULL, OPT_DATA_DIR},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"underlay", required_argument, NULL, OPT_UNDERLAY},
	{"label", required_argument, NULL, OPT_LABEL},
	{"insecure-registry", required_argument, NULL, OPT_INSECURE},
	{"registry-mirror", required_argument, NULL, OPT_MIRROR},
	{"cgroup-parent", required_argument, NULL, OPT_CGROUP},
	{"runtime", required_argument, NULL, OPT_RUNTIME},
	{"vxlan-port", required_argument, NULL, OPT_VXLAN_PORT},
	{"vip", required_argument, NULL, OPT_VIP},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void replace(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static int set_pair(struct kvlist *l, const char *flag, const char *text, struct err *err)
{
	const char *eq = strchr(text, '=');
	if (!eq || eq == text)
		return err_set(err, -EINVAL, "option %s wants KEY=VALUE, not \"%s\"", flag, text);
	auto_free char *key = xstrndup(text, (size_t)(eq - text));
	kvlist_set(l, key, eq + 1);
	return 0;
}

static int set_vip(struct conf *conf, const char *value, struct err *err)
{
	for (int i = 0; conf_vip_names[i]; i++)
		if (streq(conf_vip_names[i], value)) {
			conf->vip = (enum conf_vip)i;
			return 0;
		}
	return err_set(err, -EINVAL, "option --vip wants auto, ebpf or nft, not \"%s\"", value);
}

static int apply(struct agent_options *o, int c, const char *value, struct err *err)
{
	struct conf *conf = &o->conf;
	int64_t port;
	switch (c) {
	case OPT_NAME:
		replace(&conf->node_name, value);
		return 0;
	case OPT_DATA_DIR:
		replace(&conf->data_dir, value);
		return 0;
	case OPT_RUN_DIR:
		replace(&conf->run_dir, value);
		return 0;
	case OPT_UNDERLAY:
		replace(&conf->underlay, value);
		return 0;
	case OPT_LABEL:
		return set_pair(&conf->labels, "--label", value, err);
	case OPT_INSECURE:
		strlist_add(&conf->insecure_registries, value);
		return 0;
	case OPT_MIRROR:
		return set_pair(&conf->mirrors, "--registry-mirror", value, err);
	case OPT_CGROUP:
		replace(&conf->cgroup_parent, value);
		return 0;
	case OPT_RUNTIME:
		replace(&conf->runtime, value);
		return 0;
	case OPT_VXLAN_PORT:
		if (!num_parse_i64(value, 1, 65535, &port))
			return err_set(err, -EINVAL, "option --vxlan-port wants a port, not \"%s\"",
				       value);
		conf->vxlan_port = (int)port;
		return 0;
	case OPT_VIP:
		return set_vip(conf, value, err);
	case OPT_JOIN:
		o->token = value;
		return 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return 0;
	}
}

static int load_file(const char *path, struct conf *conf, struct err *err)
{
	struct diag d = {0};
	int r = conf_load(path ? path : CONF_DEFAULT_PATH, path != NULL, conf, &d);
	for (size_t i = 0; i < d.n; i++) {
		auto_free char *text = diag_text(&d.v[i], false);
		log_at(d.v[i].warning ? LOG_WARN : LOG_ERROR, "agent", "%s", text);
	}
	diag_done(&d);
	if (r < 0)
		return err_set(err, -EBADMSG, "the configuration file \"%s\" cannot be used",
			       path ? path : CONF_DEFAULT_PATH);
	return 0;
}

/* One pass over the flags: for config alone where it is given, since the file comes first. */
static int walk(int argc, char **argv, struct agent_options *o, const char **config,
		struct err *err)
{
	int c;
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == '?')
			return err_set(err, -EINVAL, "option \"%s\" is unknown or lacks its value",
				       argv[optind - 1]);
		if (c == OPT_CONFIG && config)
			*config = optarg;
		int r = config ? 0 : apply(o, c, optarg, err);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return err_set(err, -EINVAL, "argument \"%s\" is one too many", argv[optind]);
	return 0;
}

int agent_options_parse(int argc, char **argv, struct agent_options *out, struct err *err)
{
	struct agent_options o = {.token = getenv("CARRACK_JOIN_TOKEN")};
	const char *config = NULL;
	int r = walk(argc, argv, &o, &config, err);
	if (r < 0)
		return r;
	r = load_file(config, &o.conf, err);
	if (r == 0)
		r = walk(argc, argv, &o, NULL, err);
	if (r < 0) {
		agent_options_done(&o);
		return r;
	}
	o.config = config ? config : path_exists(CONF_DEFAULT_PATH) ? CONF_DEFAULT_PATH : NULL;
	*out = o;
	return 0;
}

void agent_options_done(struct agent_options *o)
{
	conf_done(&o->conf);
	*o = (struct agent_options){0};
}
