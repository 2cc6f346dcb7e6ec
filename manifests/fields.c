/* SPDX-License-Identifier: Apache-2.0
 *
 * THE table of the stack language; see fields.h. One line for each key of the Compose
 * Specification. To honour another key, give it a place in spec.h and change its line here. */
#include "manifests/fields.h"
#include "manifests/decode.h"
#include "manifests/limits.h"

#define OFF(s, m) .offset = offsetof(struct s, m)
#define SET(s, m) .set = offsetof(struct s, m)

/* key, type, place, what it does */
#define USE(key, t, off, text, ...)                                                                \
	{                                                                                          \
		.name = key, .type = FIELD_##t, off, .doc = text, ##__VA_ARGS__                    \
	}
#define KEPT(key, t, off, text, ...)                                                               \
	{                                                                                          \
		.name = key, .type = FIELD_##t, off, .support = FIELD_KEPT, .doc = text,           \
		##__VA_ARGS__                                                                      \
	}
#define CUSTOM(key, dec, enc, text, ...)                                                           \
	{                                                                                          \
		.name = key, .decode = dec, .encode = enc, .doc = text, ##__VA_ARGS__              \
	}
#define UNUSED(key, text)                                                                          \
	{                                                                                          \
		.name = key, .support = FIELD_UNUSED, .doc = text                                  \
	}
#define REFUSED(key, text)                                                                         \
	{                                                                                          \
		.name = key, .support = FIELD_REFUSED, .doc = text                                 \
	}
#define RECORD(var, text, table, ...)                                                              \
	const struct record var = {.what = text,                                                   \
				   .fields = table,                                                \
				   .n = ARRAY_LEN(table),                                          \
				   ##__VA_ARGS__}

static const char *const modes[] = {"replicated", "global", NULL};
static const char *const conditions[] = {"none", "on-failure", "any", "unless-stopped", NULL};
static const char *const orders[] = {"stop-first", "start-first", NULL};
static const char *const failure_actions[] = {"pause", "continue", "rollback", NULL};
static const char *const pulls[] = {"always", "never", "missing", "if_not_present", NULL};
static const char *const pids[] = {"host", NULL};
static const char *const ipcs[] = {"host", "private", "shareable", "none", NULL};
static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
static const char *const port_modes[] = {"ingress", "host", NULL};
static const char *const mount_types[] = {"volume", "bind", "tmpfs", NULL};
static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
					   "slave",   "rslave",   NULL};

/* --- ports, mounts and networks of a service: the long forms */

static const struct field port_fields[] = {
	USE("name", STRING, OFF(spec_port, name), "a name for people"),
	CUSTOM("target", decode_target_port, encode_target_port, "port in the container"),
	CUSTOM("published", decode_published, encode_published, "port on the node"),
	USE("host_ip", STRING, OFF(spec_port, host_ip), "address of the node to listen on"),
	USE("protocol", CHOICE, OFF(spec_port, protocol), "tcp, udp or sctp", .names = protocols),
	USE("app_protocol", STRING, OFF(spec_port, app_protocol), "what is spoken on the port"),
	USE("mode", CHOICE, OFF(spec_port, mode), "ingress or host", .names = port_modes),
};
RECORD(record_port, "a port", port_fields, .size = sizeof(struct spec_port));

static const struct field bind_fields[] = {
	USE("propagation", STRING, OFF(spec_mount, bind_propagation), "mount propagation",
	    .names = propagations),
	USE("create_host_path", BOOL, OFF(spec_mount, bind_create), "make a missing source"),
	UNUSED("recursive", "bind mounts are always recursive"),
	UNUSED("selinux", "files are not relabelled"),
};
static RECORD(record_bind, "'bind'", bind_fields);

static const struct field volume_option_fields[] = {
	USE("nocopy", BOOL, OFF(spec_mount, volume_nocopy), "do not fill it from the image"),
	USE("subpath", STRING, OFF(spec_mount, volume_subpath), "folder inside the volume"),
	UNUSED("labels", "anonymous volumes have no labels"),
};
static RECORD(record_volume_options, "'volume'", volume_option_fields);

static const struct field tmpfs_fields[] = {
	USE("size", SIZE, OFF(spec_mount, tmpfs_size), "bytes it may hold"),
	USE("mode", INT, OFF(spec_mount, tmpfs_mode), "permission bits", .flags = FIELD_OCTAL,
	    .max = 07777),
};
static RECORD(record_tmpfs, "'tmpfs'", tmpfs_fields);

static const struct field mount_fields[] = {
	USE("type", CHOICE, OFF(spec_mount, type), "volume, bind or tmpfs", .names = mount_types),
	USE("source", STRING, OFF(spec_mount, source), "volume or host path"),
	USE("target", STRING, OFF(spec_mount, target), "path in the container"),
	USE("read_only", BOOL, OFF(spec_mount, read_only), "mounted read-only"),
	USE("bind", SECTION, .offset = 0, "options of a bind mount", .record = &record_bind),
	USE("volume", SECTION, .offset = 0, "options of a volume",
	    .record = &record_volume_options),
	USE("tmpfs", SECTION, .offset = 0, "options of a tmpfs", .record = &record_tmpfs),
	UNUSED("consistency", "Linux needs no such choice"),
	REFUSED("image", "mount a volume instead"),
};

static void mount_init(void *obj)
{
	struct spec_mount *m = obj;
	m->bind_create = true;
	m->tmpfs_size = m->tmpfs_mode = -1;
}
RECORD(record_mount, "a volume of a service", mount_fields, .size = sizeof(struct spec_mount),
       .init = mount_init);

static const struct field attach_fields[] = {
	USE("aliases", LIST, OFF(spec_attach, aliases), "more names on the network"),
	USE("ipv4_address", STRING, OFF(spec_attach, ipv4_address), "fixed address"),
	USE("ipv6_address", STRING, OFF(spec_attach, ipv6_address), "fixed IPv6 address"),
	USE("mac_address", STRING, OFF(spec_attach, mac_address), "fixed MAC address"),
	USE("interface_name", STRING, OFF(spec_attach, interface_name), "name in the container"),
	USE("link_local_ips", LIST, OFF(spec_attach, link_local_ips), "link-local addresses"),
	USE("priority", INT, OFF(spec_attach, priority), "order of connecting", .min = INT32_MIN,
	    .max = INT32_MAX),
	USE("gw_priority", INT, OFF(spec_attach, gw_priority), "which network is the default route",
	    .min = INT32_MIN, .max = INT32_MAX),
	UNUSED("driver_opts", "the overlay has no options for one endpoint"),
};
RECORD(record_attach, "a network of a service", attach_fields, .size = sizeof(struct spec_attach));

static const struct field depends_fields[] = {
	USE("condition", NONE, .offset = 0, "what to wait for"),
	USE("restart", NONE, .offset = 0, "restart with it"),
	USE("required", NONE, .offset = 0, "fail without it"),
};
RECORD(record_depends, "'depends_on'", depends_fields);

static const struct field device_fields[] = {
	USE("source", NONE, .offset = 0, "device on the node"),
	USE("target", NONE, .offset = 0, "path in the container"),
	USE("permissions", NONE, .offset = 0, "of r, w and m"),
};
RECORD(record_device, "a device", device_fields);

static const struct field env_file_fields[] = {
	USE("path", NONE, .offset = 0, "file to read"),
	USE("required", NONE, .offset = 0, "fail when it is missing"),
	REFUSED("format", "files have the format of Compose's .env"),
};
RECORD(record_env_file, "'env_file'", env_file_fields);

/* --- deploy */

#define SVC(m) OFF(spec_service, m)

static const struct field limit_fields[] = {
	USE("cpus", CPUS, SVC(limits.cpus), "CPUs it may use"),
	USE("memory", SIZE, SVC(limits.memory), "memory it may use"),
	USE("pids", INT, SVC(limits.pids), "processes and threads it may have",
	    .flags = FIELD_NONNEG, .min = -1, .max = INT32_MAX),
	REFUSED("devices", "devices are not handed out by limits"),
	REFUSED("generic_resources", "nodes have no generic resources"),
};
static RECORD(record_limits, "'limits'", limit_fields);

static const struct field reservation_fields[] = {
	USE("cpus", CPUS, SVC(reservations.cpus), "CPUs a node must have free"),
	USE("memory", SIZE, SVC(reservations.memory), "memory a node must have free"),
	USE("pids", INT, SVC(reservations.pids), "processes a node must have free",
	    .flags = FIELD_NONNEG, .min = -1, .max = INT32_MAX),
	REFUSED("devices", "nodes do not hand out devices"),
	REFUSED("generic_resources", "nodes have no generic resources"),
};
static RECORD(record_reservations, "'reservations'", reservation_fields);

static const struct field resource_fields[] = {
	USE("limits", SECTION, .offset = 0, "what it may use", .record = &record_limits),
	USE("reservations", SECTION, .offset = 0, "what a node must have free",
	    .record = &record_reservations, .flags = FIELD_RUNNING),
};
static RECORD(record_resources, "'resources'", resource_fields);

static const struct field placement_fields[] = {
	USE("constraints", LIST, SVC(constraints), "rules that a node must fulfil"),
	USE("max_replicas_per_node", INT, SVC(max_replicas_per_node), "bound for one node",
	    .max = LIMIT_SERVICE_REPLICAS),
	UNUSED("preferences", "tasks are spread over all nodes that fit"),
};
static RECORD(record_placement, "'placement'", placement_fields);

static const struct field restart_policy_fields[] = {
	USE("condition", CHOICE, SVC(restart_policy.condition), "when", .names = conditions,
	    .decode = decode_condition),
	USE("delay", DURATION, SVC(restart_policy.delay), "pause between attempts"),
	USE("max_attempts", INT, SVC(restart_policy.max_attempts), "how often", .min = -1,
	    .max = INT32_MAX),
	USE("window", DURATION, SVC(restart_policy.window), "how long counts as success"),
};
static RECORD(record_restart_policy, "'restart_policy'", restart_policy_fields);

static const struct field update_fields[] = {
	USE("parallelism", INT, SVC(update.parallelism), "tasks at a time; 0: all",
	    .max = LIMIT_SERVICE_REPLICAS),
	USE("delay", DURATION, SVC(update.delay), "pause between groups"),
	USE("failure_action", STRING, SVC(update.failure_action), "what to do on failure",
	    .names = failure_actions),
	USE("monitor", DURATION, SVC(update.monitor), "how long a new task is watched"),
	USE("order", EITHER, SVC(update.start_first), "stop-first or start-first", .names = orders),
	UNUSED("max_failure_ratio", "one failed task counts as failure"),
};
static RECORD(record_update, "'update_config'", update_fields);

static const struct field deploy_fields[] = {
	USE("mode", CHOICE, SVC(mode), "replicated, or global: one on each node", .names = modes,
	    .flags = FIELD_RUNNING),
	USE("replicas", INT, SVC(replicas), "how many tasks", .flags = FIELD_RUNNING,
	    .max = LIMIT_SERVICE_REPLICAS),
	USE("labels", PAIRS, SVC(deploy_labels), "labels of the service", .flags = FIELD_RUNNING),
	USE("resources", SECTION, .offset = 0, "limits and reservations",
	    .record = &record_resources),
	USE("placement", SECTION, .offset = 0, "which nodes", .record = &record_placement,
	    .flags = FIELD_RUNNING),
	USE("restart_policy", SECTION, .offset = 0, "restarts; wins over 'restart'",
	    .record = &record_restart_policy, SET(spec_service, restart_policy.set)),
	USE("update_config", SECTION, .offset = 0, "how tasks are replaced",
	    .record = &record_update, SET(spec_service, update.set), .flags = FIELD_RUNNING),
	CUSTOM("endpoint_mode", decode_endpoint_mode, NULL, "how the name resolves"),
	UNUSED("rollback_config", "a rollback goes the way of update_config"),
};
static RECORD(record_deploy, "'deploy'", deploy_fields);

static const struct field health_fields[] = {
	USE("test", STRING_LIST, SVC(health.test), "command to run", .decode = decode_health_test),
	USE("disable", BOOL, SVC(health.disabled), "do not check, whatever the image says"),
	USE("interval", DURATION, SVC(health.interval), "time between checks"),
	USE("timeout", DURATION, SVC(health.timeout), "how long a check may take"),
	USE("retries", INT, SVC(health.retries), "failures until unhealthy", .max = INT32_MAX),
	USE("start_period", DURATION, SVC(health.start_period), "failures do not count yet"),
	USE("start_interval", DURATION, SVC(health.start_interval), "time between first checks"),
};
static RECORD(record_health, "'healthcheck'", health_fields);

static const struct field logging_fields[] = {
	USE("driver", STRING, SVC(logging_driver), "how logs are kept"),
	USE("options", PAIRS, SVC(logging_options), "options of the driver"),
};
static RECORD(record_logging, "'logging'", logging_fields);

/* --- a service */

static const struct field service_fields[] = {
	USE("image", STRING, SVC(image), "image to run"),
	USE("command", WORDS, SVC(command), "arguments", SET(spec_service, command_set)),
	USE("entrypoint", WORDS, SVC(entrypoint), "program", SET(spec_service, entrypoint_set)),
	CUSTOM("env_file", decode_env_file, NULL, "environment out of files"),
	USE("environment", PAIRS, SVC(environment), "environment", .flags = FIELD_NULLS),
	USE("labels", PAIRS, SVC(labels), "labels of the containers"),
	USE("annotations", PAIRS, SVC(annotations), "annotations of the containers"),
	USE("working_dir", STRING, SVC(working_dir), "working directory"),
	USE("user", STRING, SVC(user), "user[:group]"),
	USE("group_add", LIST, SVC(group_add), "more groups", .flags = FIELD_NUMBERS),
	USE("hostname", STRING, SVC(hostname), "host name"),
	USE("domainname", STRING, SVC(domainname), "domain name"),
	KEPT("container_name", STRING, SVC(container_name),
	     "containers are named STACK_SERVICE.N; use the service's name to reach them"),
	USE("platform", STRING, SVC(platform), "os/architecture of the image"),
	USE("tty", BOOL, SVC(tty), "a terminal"),
	USE("stdin_open", BOOL, SVC(stdin_open), "an open standard input"),
	USE("init", BOOL, SVC(init), "a small init as process 1", SET(spec_service, init_set)),
	USE("read_only", BOOL, SVC(read_only), "a read-only root"),
	USE("privileged", BOOL, SVC(privileged), "all privileges"),
	USE("cap_add", LIST, SVC(cap_add), "capabilities added"),
	USE("cap_drop", LIST, SVC(cap_drop), "capabilities dropped"),
	USE("security_opt", LIST, SVC(security_opt), "seccomp, no-new-privileges and the like"),
	USE("dns", STRING_LIST, SVC(dns), "name servers for other names"),
	USE("dns_search", STRING_LIST, SVC(dns_search), "search domains"),
	USE("dns_opt", LIST, SVC(dns_opt), "resolver options"),
	USE("extra_hosts", LIST, SVC(extra_hosts), "lines of /etc/hosts",
	    .decode = decode_extra_hosts),
	USE("expose", LIST, SVC(expose), "ports the service listens on", .flags = FIELD_NUMBERS),
	USE("devices", LIST, SVC(devices), "devices of the node", .decode = decode_devices),
	USE("sysctls", PAIRS, SVC(sysctls), "kernel parameters"),
	CUSTOM("ulimits", decode_ulimits, encode_ulimits, "resource limits of processes"),
	USE("shm_size", SIZE, SVC(shm_size), "size of /dev/shm"),
	USE("stop_grace_period", DURATION, SVC(stop_grace_period), "from signal to kill"),
	USE("stop_signal", STRING, SVC(stop_signal), "signal that asks to stop"),
	USE("pid", STRING, SVC(pid), "process namespace", .names = pids),
	USE("ipc", STRING, SVC(ipc), "IPC namespace", .names = ipcs),
	USE("network_mode", STRING, SVC(network_mode), "none or host, instead of networks"),
	USE("cgroup_parent", STRING, SVC(cgroup_parent), "parent of the container's cgroup"),
	USE("pull_policy", STRING, SVC(pull_policy), "when to pull", .names = pulls,
	    .flags = FIELD_RUNNING),
	USE("runtime", STRING, SVC(runtime), "OCI runtime"),
	USE("oom_score_adj", INT, SVC(oom_score_adj), "for the kernel's OOM killer", .min = -1000,
	    .max = 1000),
	USE("logging", SECTION, .offset = 0, "how logs are kept", .record = &record_logging),
	USE("tmpfs", STRING_LIST, SVC(tmpfs), "tmpfs mounts"),
	CUSTOM("volumes", decode_mounts, encode_mounts, "volumes and host folders"),
	CUSTOM("ports", decode_ports, encode_ports, "published ports"),
	CUSTOM("networks", decode_attachments, encode_attachments, "networks it is on"),
	KEPT("depends_on", LIST, SVC(depends_on), "the order of starting is not enforced yet",
	     .decode = decode_depends_on, .flags = FIELD_RUNNING),
	CUSTOM("links", decode_links, NULL, "services reach each other by name"),
	USE("healthcheck", SECTION, .offset = 0, "is it well?", .record = &record_health,
	    SET(spec_service, health.set)),
	CUSTOM("restart", decode_restart, encode_restart, "no, always (default), on-failure[:N]"),
	USE("deploy", SECTION, .offset = 0, "how many, where, with what", .record = &record_deploy),
	USE("mem_limit", SIZE, SVC(limits.memory), "'deploy.resources.limits.memory'",
	    .flags = FIELD_LEGACY),
	USE("mem_reservation", SIZE, SVC(reservations.memory),
	    "'deploy.resources.reservations.memory'", .flags = FIELD_LEGACY),
	USE("cpus", CPUS, SVC(limits.cpus), "'deploy.resources.limits.cpus'",
	    .flags = FIELD_LEGACY),
	USE("pids_limit", INT, SVC(limits.pids), "'deploy.resources.limits.pids'",
	    .flags = FIELD_LEGACY | FIELD_NONNEG, .min = -1, .max = INT32_MAX),
	USE("scale", INT, SVC(replicas), "'deploy.replicas'", .flags = FIELD_LEGACY,
	    .max = LIMIT_SERVICE_REPLICAS),
	UNUSED("attach", "logs are shown by 'carrack logs'"),
	UNUSED("blkio_config", "block devices are not shared out by weight"),
	UNUSED("build", "images are not built here; build and push the image first"),
	UNUSED("cgroup", "each container has its own cgroup namespace"),
	UNUSED("cpu_count", "use 'deploy.resources.limits.cpus'"),
	UNUSED("cpu_percent", "use 'deploy.resources.limits.cpus'"),
	UNUSED("cpu_period", "use 'deploy.resources.limits.cpus'"),
	UNUSED("cpu_quota", "use 'deploy.resources.limits.cpus'"),
	UNUSED("cpu_rt_period", "there is no real-time budget"),
	UNUSED("cpu_rt_runtime", "there is no real-time budget"),
	UNUSED("cpu_shares", "use 'deploy.resources.limits.cpus'"),
	UNUSED("cpuset", "use 'deploy.resources.limits.cpus'"),
	UNUSED("develop", "it is for work on a single machine"),
	UNUSED("isolation", "it is for Windows"),
	UNUSED("mem_swappiness", "the node's setting holds"),
	UNUSED("memswap_limit", "use 'deploy.resources.limits.memory'"),
	UNUSED("oom_kill_disable", "a container past its limit is killed"),
	UNUSED("pull_refresh_after", "use 'pull_policy'"),
	UNUSED("storage_opt", "the root of a container has no quota"),
	REFUSED("configs", "mount a file or a volume instead"),
	REFUSED("credential_spec", "it is for Windows"),
	REFUSED("device_cgroup_rules", "name the devices under 'devices'"),
	REFUSED("extends", "use YAML anchors and merge keys instead"),
	REFUSED("external_links", "put both services on one network"),
	REFUSED("gpus", "name the devices under 'devices'"),
	REFUSED("label_file", "write the labels under 'labels'"),
	REFUSED("mac_address", "set it under 'networks'"),
	REFUSED("models", "run the model as a service"),
	REFUSED("post_start", "run the command in the entrypoint"),
	REFUSED("pre_start", "run the command in the entrypoint"),
	REFUSED("pre_stop", "handle the stop signal in the program"),
	REFUSED("profiles", "put optional services into a stack of their own"),
	REFUSED("provider", "only containers are run"),
	REFUSED("secrets", "mount a file or a volume instead"),
	REFUSED("use_api_socket", "nodes have no such socket"),
	REFUSED("userns_mode", "leave it out"),
	REFUSED("uts", "set 'hostname' instead"),
	REFUSED("volumes_from", "name the volumes under 'volumes'"),
};

static void service_init(void *obj)
{
	struct spec_service *s = obj;
	s->shm_size = s->stop_grace_period = -1;
	s->replicas = 1;
	s->restart = RESTART_ALWAYS; /* a service is kept up unless its file says otherwise */
	s->restart_max = -1;
	s->health.interval = s->health.timeout = s->health.retries = -1;
	s->health.start_period = s->health.start_interval = -1;
	s->restart_policy.condition = RESTART_ALWAYS;
	s->restart_policy.delay = s->restart_policy.window = -1;
	s->restart_policy.max_attempts = -1;
	s->update.parallelism = 1;
	s->update.monitor = 5000000000;
}
RECORD(record_service, "a service", service_fields, .size = sizeof(struct spec_service),
       .init = service_init);

/* --- networks and volumes of the stack */

static const struct field ipam_config_fields[] = {
	USE("subnet", STRING, OFF(spec_network, subnet), "10.1.0.0/16"),
	USE("gateway", STRING, OFF(spec_network, gateway), "address of the nodes on it"),
	USE("ip_range", STRING, OFF(spec_network, ip_range), "part that addresses come from"),
	UNUSED("aux_addresses", "no address is kept free by name"),
};
RECORD(record_ipam_config, "'config'", ipam_config_fields, .size = sizeof(struct spec_network));

static const struct field network_fields[] = {
	USE("name", STRING, OFF(spec_network, name), "name in the cluster"),
	USE("driver", STRING, OFF(spec_network, driver), "overlay"),
	USE("driver_opts", PAIRS, OFF(spec_network, driver_opts), "options of the driver"),
	USE("labels", PAIRS, OFF(spec_network, labels), "labels"),
	USE("external", BOOL, OFF(spec_network, external), "made elsewhere",
	    .decode = decode_external, .record = &record_network),
	USE("internal", BOOL, OFF(spec_network, internal), "without a way out"),
	USE("attachable", BOOL, OFF(spec_network, attachable), "open to other stacks"),
	USE("enable_ipv6", BOOL, OFF(spec_network, enable_ipv6), "IPv6 as well"),
	UNUSED("enable_ipv4", "networks always have IPv4"),
	CUSTOM("ipam", decode_ipam, encode_ipam, "addresses"),
};
RECORD(record_network, "a network", network_fields, .size = sizeof(struct spec_network));

static const struct field volume_fields[] = {
	USE("name", STRING, OFF(spec_volume, name), "name on the nodes"),
	USE("driver", STRING, OFF(spec_volume, driver), "local"),
	USE("driver_opts", PAIRS, OFF(spec_volume, driver_opts), "options of the driver"),
	USE("labels", PAIRS, OFF(spec_volume, labels), "labels"),
	USE("external", BOOL, OFF(spec_volume, external), "made elsewhere",
	    .decode = decode_external, .record = &record_volume),
};
RECORD(record_volume, "a volume", volume_fields, .size = sizeof(struct spec_volume));

/* --- the file */

static const struct field top_fields[] = {
	{.name = "version", .type = FIELD_NONE, .doc = "of no meaning, as in Compose"},
	CUSTOM("name", decode_top_name, NULL, "the stack's name"),
	CUSTOM("networks", decode_top_networks, NULL, "networks"),
	CUSTOM("volumes", decode_top_volumes, NULL, "volumes"),
	CUSTOM("services", decode_top_services, NULL, "services"),
	REFUSED("configs", "mount a file or a volume instead"),
	REFUSED("include", "put all services into one file"),
	REFUSED("models", "run the model as a service"),
	REFUSED("secrets", "mount a file or a volume instead"),
};
RECORD(record_top, "a stack file", top_fields);
