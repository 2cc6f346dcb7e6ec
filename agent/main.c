/* SPDX-License-Identifier: Apache-2.0
 * The agent's process: makes the parts, connects them, and leaves containers alone when it ends. */
#include "agent/main.h"
#include "agent/agent_options.h"
#include "agent/core/assign.h"
#include "agent/core/core.h"
#include "agent/core/identity.h"
#include "agent/core/nodeports.h"
#include "agent/core/renew.h"
#include "agent/core/report.h"
#include "agent/core/sealkey.h"
#include "agent/core/session.h"
#include "agent/core/taskset.h"
#include "agent/core/uplink.h"
#include "agent/devices.h"
#include "agent/encrypt.h"
#include "agent/lan.h"
#include "agent/ociruntime.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/program.h"
#include "base/tls.h"
#include "manifests/wire.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

struct agent {
	struct agent_options opt;
	struct identity id;
	char *identity_path, *name;
	int lock;
	struct overlay_config overlay_config;
	struct encrypt encrypt;
	struct crypto_pair seal; /* of configs and secrets */
	struct lan_offer lan;
	struct device_offer devices;
	struct core core;
	struct sessions *sessions;
	struct renew *renew;
	struct tls *tls;
	struct watch *sigterm, *sigint;
	unsigned images_told; /* image_changes that this stream has carried; 0: none */
};

static const char *arch_name(const char *machine)
{
	static const struct {
		const char *machine, *arch;
	} known[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},   {"armv7l", "arm"},
		     {"i686", "386"},     {"ppc64le", "ppc64le"}, {"s390x", "s390x"}};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (streq(known[i].machine, machine))
			return known[i].arch;
	}
	return machine;
}

static json_t *describe(struct agent *a)
{
	struct utsname u;
	struct sysinfo si;
	char address[IPADDR_TEXT];
	uname(&u);
	sysinfo(&si);
	struct ipaddr vtep = overlay_address(a->core.overlay);
	ipaddr_format(&vtep, address);
	struct strlist subnets = {0};
	overlay_own_subnets(a->core.overlay, &subnets);
	struct wire_node n = {
		.id = a->id.node_id,
		.name = a->name,
		.address = address,
		.os = (char *)"linux",
		.arch = (char *)arch_name(u.machine),
		.kernel = u.release,
		.version = (char *)CARRACK_VERSION,
		.cpus = (double)sysconf(_SC_NPROCESSORS_ONLN),
		.memory = (int64_t)si.totalram * si.mem_unit,
		.labels = a->opt.conf.labels,
		.subnets = subnets,
	};
	encrypt_describe(&a->encrypt, &n);
	char seal_key[2 * CRYPTO_KEY + 1];
	hex_encode(a->seal.pub, sizeof(a->seal.pub), seal_key);
	n.seal_key = seal_key;
	lan_offer_describe(&a->lan, &a->core, &n);
	device_offer_describe(&a->devices, &n);
	json_t *j = wire_node_json(&n);
	strlist_done(&subnets);
	kvlist_done(&n.parents);
	kvlist_done(&n.no_bridge);
	kvlist_done(&n.no_driver);
	strlist_done(&n.devices);
	return j;
}

/* What hello said has changed. */
static bool tell_node(void *arg)
{
	struct agent *a = arg;
	if (!a->core.uplink || !uplink_welcomed(a->core.uplink))
		return false;
	json_t *msg = json_object();
	json_put_new(msg, "node", describe(a));
	uplink_send(a->core.uplink, WIRE_NODE, msg);
	return true;
}

static json_t *on_hello(void *arg)
{
	struct agent *a = arg;
	json_t *msg = json_object();
	json_object_set_new(msg, "wire", json_integer(WIRE_VERSION));
	json_object_set_new(msg, "node", describe(a));
	json_object_set_new(msg, "version", json_integer(assign_version(a->core.assign)));
	return msg;
}

static void send_report(json_t *msg_taken, void *arg)
{
	struct agent *a = arg;
	uplink_send(a->core.uplink, WIRE_REPORT, msg_taken);
}

static int on_welcome(const json_t *msg, void *arg, struct err *err)
{
	struct agent *a = arg;
	int r = assign_epoch(a->core.assign, json_int(msg, "epoch", 0), err);
	if (r < 0)
		return r;
	report_listen(a->core.report, send_report, a);
	taskset_report_all(a->core.tasks);
	return 0;
}

static void on_assign(const json_t *msg, void *arg)
{
	struct agent *a = arg;
	struct err err = {0};
	if (assign_apply(a->core.assign, msg, &err) < 0) {
		log_info("agent", "asking for all assignments anew: %s", err_text(&err));
		uplink_send(a->core.uplink, WIRE_RESYNC, json_object());
		return;
	}
	if (json_bool(msg, "ack", false))
		a->core.ack = assign_version(a->core.assign);
	core_sync_soon(&a->core);
}

static void on_session(const json_t *msg, void *arg)
{
	struct agent *a = arg;
	sessions_begin(a->sessions, msg);
}

static void on_down(void *arg)
{
	struct agent *a = arg;
	report_listen(a->core.report, NULL, NULL);
	a->images_told = 0;
}

static void on_stop_signal(int signo, void *arg)
{
	struct agent *a = arg;
	log_info("agent", "ending on signal %d; containers go on", signo);
	loop_stop(a->core.loop);
}

static void on_renewed(void *arg)
{
	struct agent *a = arg;
	struct err err = {0};
	struct tls *fresh = tls_client(a->id.key, a->id.cert, a->id.ca, &err);
	if (!fresh) {
		log_error("agent", "the renewed certificate cannot be used: %s", err_text(&err));
		return;
	}
	uplink_set_tls(a->core.uplink, fresh);
	tls_free(a->tls); /* connections that are open hold it themselves */
	a->tls = fresh;
}

/* One agent a data directory: two would fight over its containers. */
static int take_lock(struct agent *a, struct err *err)
{
	auto_free char *path = xasprintf("%s/agent.lock", a->opt.conf.data_dir);
	a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (a->lock < 0)
		return err_sys(err, -errno, "\"%s\" cannot be opened", path);
	if (flock(a->lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY,
			       "another agent uses \"%s\"; stop it, or give this one its own "
			       "--data-dir and --run-dir",
			       a->opt.conf.data_dir);
	return 0;
}

static char *assignments_path(const struct agent *a)
{
	return xasprintf("%s/assignments.json", a->opt.conf.data_dir);
}

static int get_identity(struct agent *a, struct err *err)
{
	char host[65] = "";
	gethostname(host, sizeof(host) - 1);
	a->name = xstrdup(a->opt.conf.node_name ? a->opt.conf.node_name : host);
	a->identity_path = xasprintf("%s/identity.json", a->opt.conf.data_dir);
	int r = identity_load(a->identity_path, &a->id, err);
	if (r == 0) {
		if (a->opt.token)
			log_info("agent", "joined already, as node %s; the token is not used",
				 a->id.node_id);
		if (!a->opt.conf.node_name && a->id.name) {
			free(a->name);
			a->name = xstrdup(a->id.name);
		}
		return 0;
	}
	if (r != -ENOENT)
		return r;
	if (!a->opt.token)
		return err_set(err, -ENOENT,
			       "this node has not joined a cluster; run `carrack token create` on "
			       "the controller and start the agent with --join TOKEN");
	r = identity_join(a->identity_path, a->opt.token, a->name, &a->id, err);
	if (r < 0)
		return r;
	log_info("agent", "joined as node %s \"%s\"", a->id.node_id, a->name);
	/* What another cluster assigned to this host says nothing in this one. */
	auto_free char *stale = assignments_path(a);
	r = assign_forget(stale, err);
	if (r < 0)
		return r;
	auto_free char *sealed = xasprintf("%s/sealed", a->opt.conf.data_dir);
	return dir_remove(sealed, err);
}

static int open_images(struct agent *a, struct err *err)
{
	auto_free char *dir = xasprintf("%s/images", a->opt.conf.data_dir);
	struct registry_config rc = {.insecure = a->opt.conf.insecure_registries,
				     .mirrors = a->opt.conf.mirrors,
				     .auth = a->opt.conf.auth};
	return image_store_open(a->core.loop, dir, &rc, &a->core.images, err);
}

_Static_assert((int)CONF_VIP_AUTO == (int)OV_VIP_AUTO && (int)CONF_VIP_EBPF == (int)OV_VIP_EBPF &&
		       (int)CONF_VIP_NFT == (int)OV_VIP_NFT,
	       "the configuration and the overlay number the ways of VIPs alike");

static int open_overlay(struct agent *a, struct err *err)
{
	a->overlay_config = (struct overlay_config){
		.run_dir = a->opt.conf.run_dir,
		.underlay = a->opt.conf.underlay,
		.vxlan_port = (uint16_t)a->opt.conf.vxlan_port,
		.tunnel = a->encrypt.key ? &a->encrypt.tunnel : NULL,
		.vip = (enum ov_vip_path)a->opt.conf.vip,
		.no_fast = !a->opt.conf.fast_path,
		.check_ms = a->opt.conf.network_check_s
				    ? (unsigned)a->opt.conf.network_check_s * 1000
				    : OV_CHECK_NEVER,
		.parents = &a->opt.conf.parents,
	};
	a->core.overlay_config = &a->overlay_config;
	return overlay_open(a->core.loop, &a->overlay_config, &a->core.overlay, err);
}

/* Only told: containers that run are adopted without it. */
static void check_runtime(const struct agent *a)
{
	struct ociruntime o = {0};
	struct err err = {0};
	if (ociruntime_find(a->opt.conf.runtime, &o, &err) < 0) {
		log_error("agent", "no container can be started: %s", err_text(&err));
		return;
	}
	auto_free char *warning = o.old ? ociruntime_warning(&o) : NULL;
	if (warning)
		log_warn("agent", "%s", warning);
	ociruntime_done(&o);
}

static int open_runtime(struct agent *a, struct err *err)
{
	check_runtime(a);
	struct runtime_config rc = {.run_dir = a->opt.conf.run_dir,
				    .data_dir = a->opt.conf.data_dir,
				    .crun = a->opt.conf.runtime,
				    .cgroup_parent = a->opt.conf.cgroup_parent};
	return runtime_open(a->core.loop, &rc, core_runtime_event, &a->core, &a->core.runtime, err);
}

static void load_assignments(struct agent *a)
{
	auto_free char *path = assignments_path(a);
	struct err err = {0};
	a->core.assign = assign_new(a->core.loop, path);
	int r = assign_load(a->core.assign, &err);
	if (r < 0 && r != -ENOENT)
		log_error("agent",
			  "the kept assignments cannot be used; waiting for the "
			  "controller: %s",
			  err_text(&err));
}

/* The images that are here, for plans; told again when they changed. */
static void tell_images(struct agent *a, json_t *msg)
{
	if (a->images_told == image_changes(a->core.images))
		return;
	a->images_told = image_changes(a->core.images);
	auto_json *all = image_list(a->core.images);
	json_t *list = json_array(), *v;
	size_t i;
	json_array_foreach(all, i, v)
	{
		if (i < WIRE_IMAGES_MAX)
			json_array_append(list, json_object_get(v, "ref"));
	}
	json_object_set_new(msg, "images", list);
}

/* What this host's network holds, and how often it had to be mended. */
static json_t *on_beat(void *arg)
{
	struct agent *a = arg;
	json_t *msg = json_object(), *net = json_object();
	struct ov_stats st = {0};
	if (a->core.overlay)
		overlay_stats(a->core.overlay, &st);
	json_put_int(net, "networks", (int64_t)st.networks);
	json_put_int(net, "sandboxes", (int64_t)st.sandboxes);
	json_put_int(net, "peers", (int64_t)st.peers);
	json_put_int(net, "mended", (int64_t)st.mended);
	json_put_new(msg, "network", net);
	if (lan_offer_changed(&a->lan, &a->core) || device_offer_changed(&a->devices))
		tell_node(a);
	if (a->core.images)
		tell_images(a, msg);
	if (a->core.ports)
		json_put_new(msg, "ports", nodeports_trouble(a->core.ports));
	return msg;
}

static int open_seal(struct agent *a, struct err *err)
{
	auto_free char *path = xasprintf("%s/sealing.key", a->opt.conf.data_dir);
	int r = sealkey_open(path, &a->seal, err);
	a->core.seal = &a->seal;
	return r < 0 ? err_wrap(err, r, "the key of configs and secrets") : 0;
}

static int agent_open(struct agent *a, struct err *err)
{
	static const struct uplink_ops ops = {.hello = on_hello,
					      .welcome = on_welcome,
					      .assign = on_assign,
					      .session = on_session,
					      .down = on_down,
					      .beat = on_beat};
	struct core *c = &a->core;
	c->loop = loop_new();
	c->data_dir = a->opt.conf.data_dir;
	c->run_dir = a->opt.conf.run_dir;
	c->node_id = a->id.node_id;
	c->node_name = a->name;
	c->cgroup_parent = a->opt.conf.cgroup_parent ? a->opt.conf.cgroup_parent : "/carrack";
	a->tls = tls_client(a->id.key, a->id.cert, a->id.ca, err);
	if (!a->tls)
		return err->code ? err->code : -EINVAL;
	lan_offer_open(&a->lan);
	int r = open_seal(a, err);
	if (r == 0)
		r = encrypt_open(&a->encrypt, c, &a->opt.conf, tell_node, a, err);
	if (r == 0)
		r = open_overlay(a, err);
	if (r == 0)
		r = open_images(a, err);
	if (r == 0)
		r = open_runtime(a, err);
	if (r < 0)
		return r;
	load_assignments(a);
	core_open(c);
	a->sessions = sessions_new(c);
	c->uplink = uplink_new(c->loop, &a->id.controllers, a->tls, &ops, a);
	a->renew = renew_new(c->loop, a->identity_path, &a->id, on_renewed, a);
	a->sigterm = watch_signal(c->loop, SIGTERM, on_stop_signal, a);
	a->sigint = watch_signal(c->loop, SIGINT, on_stop_signal, a);
	return 0;
}

static void agent_close(struct agent *a)
{
	struct core *c = &a->core;
	watch_free(a->sigterm);
	watch_free(a->sigint);
	renew_free(a->renew);
	sessions_free(a->sessions);
	uplink_free(take_ptr(c->uplink));
	if (c->tasks)
		core_close(c);
	assign_free(c->assign);
	if (c->runtime)
		runtime_close(c->runtime);
	if (c->images)
		image_store_close(c->images);
	if (c->overlay)
		overlay_close(c->overlay);
	tls_free(a->tls);
	encrypt_close(&a->encrypt);
	crypto_wipe(&a->seal, sizeof(a->seal));
	lan_offer_done(&a->lan);
	loop_free(c->loop);
}

/* The secret in it is of no more use here, and `ps` would show it to everyone. */
static void hide_token(struct agent *a)
{
	if (a->opt.token)
		memset((char *)a->opt.token, 'x', strlen(a->opt.token));
	a->opt.token = NULL;
}

static int run(struct agent *a, struct err *err)
{
	int r = dir_make(a->opt.conf.data_dir, 0711, err);
	if (r == 0)
		r = dir_make(a->opt.conf.run_dir, 0711, err);
	if (r == 0)
		r = take_lock(a, err);
	if (r == 0)
		r = get_identity(a, err);
	if (r < 0)
		return r;
	hide_token(a);
	r = agent_open(a, err);
	if (r == 0) {
		log_info("agent", "node \"%s\" (%s) is up", a->name, a->id.node_id);
		malloc_trim(0);
		loop_run(a->core.loop);
	}
	agent_close(a);
	return r;
}

int agent_main(int argc, char **argv)
{
	struct agent a = {.lock = -1};
	struct err err = {0};
	program_raise_files();
	if (agent_options_parse(argc, argv, &a.opt, &err) < 0) {
		fprintf(stderr, "carrack agent: %s; see `carrack agent --help`\n", err_text(&err));
		return 2;
	}
	if (a.opt.help) {
		fputs(agent_options_usage, stdout);
		agent_options_done(&a.opt);
		return 0;
	}
	if (a.opt.verbose)
		log_set_level(LOG_DEBUG);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0, 0, 0,
	      0); /* keys and secrets pass through this memory: no core file */
	mallopt(M_ARENA_MAX, 2);
	int status = 0;
	if (geteuid() != 0) {
		log_error("agent", "the agent needs root, for namespaces and mounts; start it so");
		status = 1;
	} else if (run(&a, &err) < 0) {
		log_error("agent", "%s", err_text(&err));
		status = 1;
	}
	if (a.lock >= 0)
		close(a.lock);
	identity_done(&a.id);
	free(a.identity_path);
	free(a.name);
	agent_options_done(&a.opt);
	return status;
}
