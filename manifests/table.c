/* SPDX-License-Identifier: Apache-2.0
 *
 * THE table of the stack language; see fields.h. One line for each key of the Compose
 * Specification. To honour another key, give it a place in spec.h and change its line here. */
#include "manifests/decode.h"
#include "manifests/fieldrow.h"
#include "manifests/fields.h"
#include "manifests/limits.h"
#include "manifests/shape.h"

static const char *const modes[] = {"replicated", "global", "replicated-job", "global-job", NULL};
static const char *const rollback_actions[] = {"pause", "continue", NULL};
static const char *const hosts_only[] = {"host", NULL};
static const char *const endpoint_modes[] = {"vip", "dnsrr", NULL};
static const char *const conditions[] = {"none", "on-failure", "any", "unless-stopped", NULL};
static const char *const depends_conditions[] = {"service_started", "service_healthy",
						 "service_completed_successfully", NULL};
static const char *const orders[] = {"stop-first", "start-first", NULL};
static const char *const failure_actions[] = {"pause", "continue", "rollback", NULL};
static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
static const char *const port_modes[] = {"ingress", "host", NULL};
static const char *const all_mount_types[] = {"bind",  "volume", "tmpfs", "cluster",
					      "npipe", "image",  NULL};
static const char *const recursions[] = {"enabled", "disabled", "writable", "readonly", NULL};
static const char *const relabels[] = {"z", "Z", NULL};
static const char *const all_gpus[] = {"all", NULL};
static const char *const cgroups[] = {"host", "private", NULL};
static const char *const mount_types[] = {"volume", "bind", "tmpfs", "image", NULL};
static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
					   "slave",   "rslave",   NULL};

/* --- ports, mounts and networks of a service: the long forms */

static const struct field port_fields[] = {
	USE("name", STRING, OFF(spec_port, name), "a name for people"),
	CUSTOM("target", decode_target_port, encode_target_port, "port in the container",
	       .canon = FIELD_INT, .flags = FIELD_SAYS | FIELD_NEEDED),
	CUSTOM("published", decode_published, encode_published,
	       "port on the node, or a range such as 8000-8010 to take a free one of",
	       .canon = FIELD_STRING, .kinds = KIND_STR | KIND_INT),
	CUSTOM("chosen", decode_chosen, encode_chosen, "the port of the range that it got",
	       .canon = FIELD_INT, .flags = FIELD_CANON),
	USE("host_ip", STRING, OFF(spec_port, host_ip), "address of the node to listen on"),
	USE("protocol", CHOICE, OFF(spec_port, protocol), "tcp, udp or sctp", .names = protocols),
	USE("app_protocol", STRING, OFF(spec_port, app_protocol), "what is spoken on the port"),
	USE("mode", CHOICE, OFF(spec_port, mode),
	    "ingress: on every node; host: on the nodes that run a task", .names = port_modes),
	USE("x-local", BOOL, OFF(spec_port, local),
	    "ingress, but only on nodes that run a task: the client's address is always kept"),
};
RECORD(record_port, "a port", port_fields, .size = sizeof(struct spec_port));

static const struct field bind_fields[] = {
	USE("propagation", STRING, OFF(spec_mount, bind_propagation), "mount propagation",
	    .names = propagations),
	USE("create_host_path", BOOL, OFF(spec_mount, bind_create), "make a missing source",
	    .flags = FIELD_SAYS),
	USE("recursive", STRING, OFF(spec_mount, bind_recursive),
	    "the mounts below: enabled (default), disabled, writable, readonly",
	    .names = recursions, .words = recursions),
	UNUSED("selinux", STRING, "SELinux does not confine the containers of carrack",
	       .words = relabels),
};
static RECORD(record_bind, "'bind'", bind_fields);

static const struct field volume_option_fields[] = {
	USE("nocopy", BOOL, OFF(spec_mount, volume_nocopy), "do not fill it from the image"),
	USE("subpath", STRING, OFF(spec_mount, volume_subpath), "folder inside the volume"),
	UNUSED("labels", PAIRS, "anonymous volumes have no labels"),
};
static RECORD(record_volume_options, "'volume'", volume_option_fields);

static const struct field tmpfs_fields[] = {
	USE("size", SIZE, OFF(spec_mount, tmpfs_size), "bytes it may hold"),
	USE("mode", INT, OFF(spec_mount, tmpfs_mode), "permission bits", .flags = FIELD_OCTAL,
	    .max = 07777, .kinds = KIND_STR | KIND_NUM),
};
static RECORD(record_tmpfs, "'tmpfs'", tmpfs_fields);

static const struct field mount_image_fields[] = {
	USE("subpath", STRING, OFF(spec_mount, image_subpath), "folder or file inside the image"),
};
static RECORD(record_mount_image, "'image'", mount_image_fields);

static const struct field mount_fields[] = {
	USE("type", CHOICE, OFF(spec_mount, type), "volume, bind, tmpfs or image",
	    .names = mount_types, .words = all_mount_types, .flags = FIELD_NEEDED),
	USE("source", STRING, OFF(spec_mount, source), "volume, host path or image"),
	USE("target", STRING, OFF(spec_mount, target), "path in the container"),
	USE("read_only", BOOL, OFF(spec_mount, read_only), "mounted read-only"),
	USE("bind", SECTION, .offset = 0, "options of a bind mount", .record = &record_bind),
	USE("volume", SECTION, .offset = 0, "options of a volume",
	    .record = &record_volume_options),
	USE("tmpfs", SECTION, .offset = 0, "options of a tmpfs", .record = &record_tmpfs),
	UNUSED("consistency", STRING, "Linux needs no such choice"),
	USE("image", SECTION, .offset = 0, "options of an image, whose files are mounted read-only",
	    .record = &record_mount_image),
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
	USE("aliases", LIST, OFF(spec_attach, aliases), "more names on the network",
	    .form = FORM_SET),
	USE("ipv4_address", STRING, OFF(spec_attach, ipv4_address), "fixed address"),
	USE("ipv6_address", STRING, OFF(spec_attach, ipv6_address), "fixed IPv6 address"),
	USE("mac_address", STRING, OFF(spec_attach, mac_address), "fixed MAC address"),
	USE("interface_name", STRING, OFF(spec_attach, interface_name), "name in the container"),
	USE("link_local_ips", LIST, OFF(spec_attach, link_local_ips), "link-local addresses",
	    .form = FORM_SET),
	USE("priority", INT, OFF(spec_attach, priority), "order of connecting", .min = INT32_MIN,
	    .max = INT32_MAX, .kinds = KIND_NUM),
	USE("gw_priority", INT, OFF(spec_attach, gw_priority), "which network is the default route",
	    .min = INT32_MIN, .max = INT32_MAX, .kinds = KIND_NUM),
	UNUSED("driver_opts", PAIRS, "the overlay has no options for one endpoint",
	       .kinds = KIND_MAP, .members = KIND_STR | KIND_NUM),
};
RECORD(record_attach, "a network of a service", attach_fields, .size = sizeof(struct spec_attach),
       .nullable = true);

static const struct field depends_fields[] = {
	USE("condition", CHOICE, OFF(spec_depends, condition), "what to wait for",
	    .names = depends_conditions, .words = depends_conditions, .flags = FIELD_NEEDED),
	USE("restart", BOOL, OFF(spec_depends, restart), "replaced when that service is"),
	USE("required", BOOL, OFF(spec_depends, required), "false: go on where it fails",
	    .kinds = KIND_BOOL, .flags = FIELD_SAYS),
};

static void depends_init(void *obj)
{
	((struct spec_depends *)obj)->required = true;
}
RECORD(record_depends, "'depends_on'", depends_fields, .size = sizeof(struct spec_depends),
       .init = depends_init);

static const struct field device_fields[] = {
	PLAIN("source", STRING, "device on the node", .flags = FIELD_NEEDED),
	PLAIN("target", STRING, "path in the container"),
	PLAIN("permissions", STRING, "of r, w and m"),
};
RECORD(record_device, "a device", device_fields);

static const struct field ulimit_fields[] = {
	PLAIN("soft", INT, "soft limit", .flags = FIELD_SAYS | FIELD_NEEDED),
	PLAIN("hard", INT, "hard limit", .flags = FIELD_SAYS | FIELD_NEEDED),
};
static RECORD(record_ulimit, "a ulimit", ulimit_fields);

static const struct field env_file_fields[] = {
	PLAIN("path", STRING, "file to read", .flags = FIELD_PATH | FIELD_NEEDED),
	PLAIN("required", BOOL, "fail when it is missing", .flags = FIELD_SAYS),
	PLAIN("format", STRING, "raw: values as they are written"),
};
RECORD(record_env_file, "'env_file'", env_file_fields, .closed = true);

/* --- deploy */

#define SVC(m)      OFF(spec_service, m)
#define NUMBER_TEXT (KIND_NUM | KIND_STR)

static const struct field limit_fields[] = {
	USE("cpus", CPUS, SVC(limits.cpus), "CPUs it may use"),
	USE("memory", SIZE, SVC(limits.memory), "memory it may use", .kinds = KIND_STR),
	USE("pids", INT, SVC(limits.pids), "processes and threads it may have",
	    .flags = FIELD_NONNEG, .min = -1, .max = INT32_MAX),
};
static RECORD(record_limits, "'limits'", limit_fields);

static const struct field reservation_fields[] = {
	USE("cpus", CPUS, SVC(reservations.cpus), "CPUs a node must have free"),
	USE("memory", SIZE, SVC(reservations.memory), "memory a node must have free",
	    .kinds = KIND_STR),
	UNUSED("pids", INT, "nodes do not count processes; set a limit", .min = -1,
	       .max = INT32_MAX),
	CUSTOM("devices", decode_reserved_devices, NULL,
	       "by the CDI files of the node, as 'devices: [vendor.com/class=name]': on nodes that "
	       "have them; several services may share one",
	       .form = FORM_ITEMS, .record = &record_reserved_device, .flags = FIELD_FILES),
	REFUSED("generic_resources", NONE,
		"nodes count no generic resources; use a label and a constraint",
		.form = FORM_ITEMS, .record = &record_generic),
};
static RECORD(record_reservations, "'reservations'", reservation_fields);

static const struct field resource_fields[] = {
	USE("limits", SECTION, .offset = 0, "what it may use", .record = &record_limits),
	USE("reservations", SECTION, .offset = 0, "what a node must have free",
	    .record = &record_reservations, .flags = FIELD_RUNNING),
};
static RECORD(record_resources, "'resources'", resource_fields);

static const struct field preference_fields[] = {
	USE("spread", STRING, OFF(spec_preference, spread),
	    "label of nodes, such as node.labels.zone"),
};
static RECORD(record_preference, "a preference", preference_fields,
	      .size = sizeof(struct spec_preference));

static const struct field placement_fields[] = {
	USE("constraints", LIST, SVC(constraints), "rules that a node must fulfil"),
	USE("max_replicas_per_node", INT, SVC(max_replicas_per_node), "bound for one node",
	    .max = LIMIT_SERVICE_REPLICAS),
	USE("preferences", RECORDS, SVC(preferences),
	    "labels to spread over, the first counts most", .form = FORM_ITEMS,
	    .record = &record_preference),
};
static RECORD(record_placement, "'placement'", placement_fields);

static const struct field restart_policy_fields[] = {
	USE("condition", CHOICE, SVC(restart_policy.condition), "when", .names = conditions,
	    .decode = decode_condition),
	USE("delay", DURATION, SVC(restart_policy.delay), "pause between attempts"),
	USE("max_attempts", INT, SVC(restart_policy.max_attempts), "how often", .min = -1,
	    .max = INT32_MAX, .flags = FIELD_SAYS),
	USE("window", DURATION, SVC(restart_policy.window), "how long counts as success"),
};
static RECORD(record_restart_policy, "'restart_policy'", restart_policy_fields);

#define UPDATE_FIELDS(m, actions)                                                                  \
	USE("parallelism", INT, SVC(m.parallelism), "tasks at a time; 0: all",                     \
	    .max = LIMIT_SERVICE_REPLICAS, .flags = FIELD_SAYS),                                   \
		USE("delay", DURATION, SVC(m.delay), "pause between groups"),                      \
		USE("failure_action", STRING, SVC(m.failure_action), "what to do on failure",      \
		    .names = actions),                                                             \
		USE("monitor", DURATION, SVC(m.monitor), "how long a new task is watched"),        \
		USE("order", EITHER, SVC(m.start_first), "stop-first or start-first",              \
		    .names = orders, .words = orders),                                             \
		USE("max_failure_ratio", CPUS, SVC(m.max_failure_ratio),                           \
		    "part of the tasks that may fail")

static const struct field update_fields[] = {UPDATE_FIELDS(update, failure_actions)};
static const struct field rollback_fields[] = {UPDATE_FIELDS(rollback, rollback_actions)};
static RECORD(record_rollback, "'rollback_config'", rollback_fields);
static RECORD(record_update, "'update_config'", update_fields);

static const struct field deploy_fields[] = {
	USE("mode", CHOICE, SVC(mode),
	    "replicated; global: one on each node; -job: run to the end, once", .names = modes,
	    .flags = FIELD_RUNNING),
	USE("replicas", INT, SVC(replicas), "how many tasks", .flags = FIELD_SAYS | FIELD_RUNNING,
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
	USE("endpoint_mode", CHOICE, SVC(endpoint_mode),
	    "what the name resolves to: a VIP (vip), or the tasks (dnsrr)",
	    .names = endpoint_modes),
	USE("rollback_config", SECTION, .offset = 0,
	    "how tasks are replaced in a rollback; like update_config where it is left out",
	    .record = &record_rollback, SET(spec_service, rollback.set), .flags = FIELD_RUNNING),
};
static RECORD(record_deploy, "'deploy'", deploy_fields, .nullable = true);

static const struct field health_fields[] = {
	USE("test", STRING_LIST, SVC(health.test), "command to run", .decode = decode_health_test,
	    .form = FORM_WORDS, .shape = shape_test, .kinds = KIND_STR | KIND_SEQ),
	USE("disable", BOOL, SVC(health.disabled), "do not check, whatever the image says"),
	USE("interval", DURATION, SVC(health.interval), "time between checks"),
	USE("timeout", DURATION, SVC(health.timeout), "how long a check may take"),
	USE("retries", INT, SVC(health.retries), "failures until unhealthy", .max = INT32_MAX,
	    .kinds = KIND_NUM | KIND_STR, .flags = FIELD_SAYS),
	USE("start_period", DURATION, SVC(health.start_period), "failures do not count yet"),
	USE("start_interval", DURATION, SVC(health.start_interval), "time between first checks"),
};
static RECORD(record_health, "'healthcheck'", health_fields);

static const struct field logging_fields[] = {
	USE("driver", STRING, SVC(logging_driver), "how logs are kept"),
	USE("options", PAIRS, SVC(logging_options), "options of the driver", .kinds = KIND_MAP,
	    .members = KIND_STR | KIND_NUM | KIND_NULL),
};
static RECORD(record_logging, "'logging'", logging_fields);

/* --- a service */

static const struct field service_fields[] = {
	USE("image", STRING, SVC(image), "image to run"),
	USE("command", WORDS, SVC(command), "arguments", SET(spec_service, command_set)),
	USE("entrypoint", WORDS, SVC(entrypoint), "program", SET(spec_service, entrypoint_set)),
	CUSTOM("env_file", decode_env_file, NULL, "environment out of files", .form = FORM_ITEMS,
	       .key = "path", .record = &record_env_file, .shape = shape_env_file,
	       .kinds = KIND_STR | KIND_SEQ),
	CUSTOM("label_file", decode_label_file, NULL, "labels out of files", .form = FORM_SET,
	       .canon = FIELD_STRING_LIST, .flags = FIELD_PATH),
	USE("environment", PAIRS, SVC(environment),
	    "environment; may have {{.Task.Slot}} and other placeholders", .flags = FIELD_NULLS),
	USE("labels", PAIRS, SVC(labels), "labels of the containers"),
	USE("annotations", PAIRS, SVC(annotations), "annotations of the containers"),
	USE("working_dir", STRING, SVC(working_dir), "working directory"),
	USE("user", STRING, SVC(user), "user[:group]"),
	USE("group_add", LIST, SVC(group_add), "more groups",
	    .flags = FIELD_NUMBERS | FIELD_UNIQUE),
	USE("hostname", STRING, SVC(hostname),
	    "host name; {{.Task.Slot}} and its kin are filled in"),
	USE("domainname", STRING, SVC(domainname), "domain name"),
	USE("container_name", STRING, SVC(container_name), "one more name of the one task"),
	USE("platform", STRING, SVC(platform), "os/architecture of the image"),
	USE("tty", BOOL, SVC(tty), "a terminal"),
	USE("stdin_open", BOOL, SVC(stdin_open), "an open standard input"),
	USE("init", BOOL, SVC(init), "a small init as process 1", SET(spec_service, init_set),
	    .flags = FIELD_SAYS),
	USE("read_only", BOOL, SVC(read_only), "a read-only root"),
	USE("privileged", BOOL, SVC(privileged), "all privileges"),
	USE("cap_add", LIST, SVC(cap_add), "capabilities added", .form = FORM_SET),
	USE("cap_drop", LIST, SVC(cap_drop), "capabilities dropped", .form = FORM_SET),
	USE("security_opt", LIST, SVC(security_opt),
	    "no-new-privileges, seccomp (unconfined or a file), apparmor, systempaths=unconfined",
	    .decode = decode_security_opt, .flags = FIELD_UNIQUE),
	USE("dns", STRING_LIST, SVC(dns), "name servers for other names", .form = FORM_SET),
	USE("dns_search", STRING_LIST, SVC(dns_search), "search domains", .form = FORM_SET),
	USE("dns_opt", LIST, SVC(dns_opt), "resolver options", .form = FORM_SET),
	USE("extra_hosts", LIST, SVC(extra_hosts), "lines of /etc/hosts",
	    .decode = decode_extra_hosts, .shape = shape_hosts, .flags = FIELD_UNIQUE,
	    .kinds = KIND_SEQ | KIND_MAP, .members = KIND_STR | KIND_SEQ),
	USE("expose", LIST, SVC(expose), "ports the service listens on", .flags = FIELD_NUMBERS,
	    .form = FORM_SET),
	USE("devices", LIST, SVC(devices),
	    "devices of the node: files, or names such as nvidia.com/gpu=0 by CDI (/etc/cdi, "
	    "/var/run/cdi), which place the service on nodes that have them all",
	    .decode = decode_devices, .form = FORM_ITEMS, .key = "target", .record = &record_device,
	    .shape = shape_device),
	USE("sysctls", PAIRS, SVC(sysctls), "kernel parameters"),
	CUSTOM("ulimits", decode_ulimits, encode_ulimits, "resource limits of processes",
	       .form = FORM_NAMED, .record = &record_ulimit, .shape = shape_ulimit,
	       .members = KIND_INT | KIND_STR | KIND_MAP),
	USE("shm_size", SIZE, SVC(shm_size), "size of /dev/shm"),
	USE("stop_grace_period", DURATION, SVC(stop_grace_period), "from signal to kill"),
	USE("stop_signal", STRING, SVC(stop_signal), "signal that asks to stop"),
	USE("pid", STRING, SVC(pid),
	    "process namespace: host, or service:NAME for that of the other service's task",
	    .kinds = KIND_STR | KIND_NULL),
	USE("ipc", STRING, SVC(ipc),
	    "IPC namespace and /dev/shm: private, host, none, shareable, or service:NAME"),
	USE("network_mode", STRING, SVC(network_mode),
	    "none, host, or service:NAME: the tasks are on the nodes of the other service's, in "
	    "their networks"),
	REFUSED("cgroup_parent", STRING,
		"all containers are below the agent's cgroup; see 'carrack agent --cgroup-parent'"),
	USE("pull_policy", STRING, SVC(pull_policy),
	    "when to pull: always, missing, never, daily, weekly, every_12h, refresh",
	    .flags = FIELD_RUNNING,
	    .pattern = "always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]"
		       "+[wdhms])+"),
	REFUSED("runtime", STRING,
		"a node runs all containers with its own OCI runtime; see 'carrack agent "
		"--runtime'"),
	USE("oom_score_adj", INT, SVC(oom_score_adj), "for the kernel's OOM killer", .min = -1000,
	    .max = 1000),
	USE("logging", SECTION, .offset = 0, "how logs are kept", .record = &record_logging),
	USE("tmpfs", STRING_LIST, SVC(tmpfs), "tmpfs mounts", .form = FORM_SET),
	CUSTOM("volumes", decode_mounts, encode_mounts, "volumes and host folders",
	       .form = FORM_ITEMS, .key = "target", .record = &record_mount, .shape = shape_mount),
	CUSTOM("ports", decode_ports, encode_ports, "published ports", .form = FORM_ITEMS,
	       .record = &record_port, .shape = shape_port,
	       .members = KIND_NUM | KIND_STR | KIND_MAP),
	CUSTOM("networks", decode_attachments, encode_attachments, "networks it is on",
	       .form = FORM_NAMED, .record = &record_attach, .kinds = KIND_SEQ | KIND_MAP),
	CUSTOM("depends_on", decode_depends_on, encode_depends_on,
	       "waits for other services, at the start and at an update", .form = FORM_NAMED,
	       .record = &record_depends, .flags = FIELD_RUNNING, .kinds = KIND_SEQ | KIND_MAP),
	CUSTOM("links", decode_links, NULL, "services reach each other by name", .form = FORM_SET,
	       .canon = FIELD_LIST),
	USE("healthcheck", SECTION, .offset = 0, "is it well?", .record = &record_health,
	    SET(spec_service, health.set)),
	CUSTOM("restart", decode_restart, encode_restart, "no, always (default), on-failure[:N]",
	       .canon = FIELD_STRING),
	USE("deploy", SECTION, .offset = 0, "how many, where, with what", .record = &record_deploy),
	USE("mem_limit", SIZE, SVC(limits.memory), "'deploy.resources.limits.memory'",
	    .flags = FIELD_LEGACY),
	USE("mem_reservation", SIZE, SVC(reservations.memory),
	    "'deploy.resources.reservations.memory'", .flags = FIELD_LEGACY),
	USE("cpus", CPUS, SVC(limits.cpus), "'deploy.resources.limits.cpus'",
	    .flags = FIELD_LEGACY),
	USE("pids_limit", INT, SVC(limits.pids), "'deploy.resources.limits.pids'",
	    .flags = FIELD_LEGACY | FIELD_NONNEG, .min = -1, .max = INT32_MAX,
	    .kinds = KIND_NUM | KIND_STR),
	USE("scale", INT, SVC(replicas), "'deploy.replicas'", .flags = FIELD_SAYS | FIELD_LEGACY,
	    .max = LIMIT_SERVICE_REPLICAS),
	UNUSED("attach", BOOL, "logs are shown by 'carrack logs'", .flags = FIELD_SAYS),
	USE("blkio_config", SECTION, .offset = 0, "shares and bounds of block devices",
	    .record = &record_blkio, .form = FORM_OBJECT),
	UNUSED("build", NONE, "images are not built here; build and push the image first",
	       .form = FORM_OBJECT, .record = &record_build, .shape = shape_build),
	USE("cgroup", STRING, SVC(cgroup), "cgroup namespace: host or private", .names = cgroups,
	    .words = cgroups),
	UNUSED("cpu_count", INT, "it is for Windows; use 'deploy.resources.limits.cpus'",
	       .max = INT32_MAX),
	UNUSED("cpu_percent", CPUS, "it is for Windows; use 'deploy.resources.limits.cpus'",
	       .max = 100, .kinds = KIND_INT | KIND_STR),
	USE("cpu_period", MICROS, SVC(cpu.period), "microseconds that cpu_quota is of",
	    .kinds = NUMBER_TEXT),
	USE("cpu_quota", MICROS, SVC(cpu.quota), "microseconds of each period it may run",
	    .kinds = NUMBER_TEXT),
	REFUSED("cpu_rt_period", STRING, "cgroups of version 2 have no real-time budget",
		.kinds = NUMBER_TEXT),
	REFUSED("cpu_rt_runtime", STRING, "cgroups of version 2 have no real-time budget",
		.kinds = NUMBER_TEXT),
	USE("cpu_shares", INT, SVC(cpu.shares), "weight where CPUs are short; default 1024",
	    .max = 262144, .kinds = NUMBER_TEXT),
	USE("cpuset", STRING, SVC(cpu.set), "CPUs it may run on, such as 0-3,8"),
	UNUSED("develop", NONE, "it is for work on a single machine", .form = FORM_OBJECT,
	       .record = &record_develop),
	UNUSED("isolation", STRING, "it is for Windows"),
	USE("mem_swappiness", INT, SVC(swap.swappiness),
	    "0 to 100; nodes with cgroups of version 2 have none and go by their own", .max = 100,
	    .flags = FIELD_SAYS),
	USE("memswap_limit", SIZE, SVC(swap.total), "bytes of memory and swap; -1: no limit",
	    .decode = decode_memswap),
	USE("oom_kill_disable", BOOL, SVC(swap.oom_kill_disable),
	    "wait instead of being killed; nodes with cgroups of version 2 cannot"),
	USE("pull_refresh_after", DURATION, SVC(pull_refresh_after), "for pull_policy refresh",
	    .flags = FIELD_RUNNING),
	REFUSED("storage_opt", PAIRS,
		"the root of a container is an overlay folder without a quota", .kinds = KIND_MAP,
		.members = KIND_ANY),
	CUSTOM("configs", decode_configs, encode_configs,
	       "files of the containers, in memory; at /NAME unless target says where",
	       .form = FORM_ITEMS, .key = "target", .record = &record_grant, .shape = shape_config),
	REFUSED("credential_spec", NONE, "it is for Windows", .form = FORM_OBJECT,
		.record = &record_credential),
	USE("device_cgroup_rules", LIST, SVC(device_cgroup_rules), "such as \"c 1:3 rwm\"",
	    .flags = FIELD_UNIQUE),
	PLAIN("extends", NONE, "another service to build on", .flags = FIELD_FILES,
	      .form = FORM_OBJECT, .record = &record_extends, .shape = shape_extends),
	CUSTOM("external_links", decode_external_links, NULL,
	       "a service of another stack; both are on one external network, where it has its "
	       "name",
	       .canon = FIELD_LIST, .flags = FIELD_UNIQUE),
	CUSTOM("gpus", decode_gpus, NULL,
	       "nvidia.com/gpu=all, or those that are named, by the CDI files of the nodes: on one "
	       "that has them",
	       .form = FORM_ITEMS, .record = &record_gpu, .shape = shape_gpus,
	       .kinds = KIND_SEQ | KIND_STR, .words = all_gpus, .members = KIND_MAP,
	       .flags = FIELD_FILES),
	USE("mac_address", STRING, SVC(mac_address),
	    "that of the first network, unless it has its own"),
	REFUSED("models", NONE, "run the model as a service", .form = FORM_NAMED,
		.record = &record_model_use, .kinds = KIND_SEQ | KIND_MAP),
	USE("post_start", RECORDS, SVC(post_start), "commands in the container after its start",
	    .form = FORM_ITEMS, .record = &record_hook),
	USE("pre_start", RECORDS, SVC(pre_start),
	    "commands before each task's first start, in containers of their own with its volumes",
	    .form = FORM_ITEMS, .record = &record_hook_before),
	USE("pre_stop", RECORDS, SVC(pre_stop), "commands in the container before its stop signal",
	    .form = FORM_ITEMS, .record = &record_hook),
	PLAIN("profiles", LIST, "the service runs only when one of them is chosen",
	      .flags = FIELD_FILES, .form = FORM_SET),
	REFUSED("provider", NONE, "only containers are run", .form = FORM_OBJECT,
		.record = &record_provider),
	CUSTOM("secrets", decode_secrets, encode_secrets,
	       "files of the containers, in memory; in /run/secrets unless target says where",
	       .form = FORM_ITEMS, .key = "target", .record = &record_grant, .shape = shape_secret),
	REFUSED("use_api_socket", BOOL, "nodes have no such socket", .kinds = KIND_BOOL),
	USE("userns_mode", STRING, SVC(userns_mode), "host, as for all containers",
	    .names = hosts_only),
	USE("uts", STRING, SVC(uts), "host: the name of the node", .names = hosts_only),
	CUSTOM("volumes_from", decode_volumes_from, NULL,
	       "the volumes and folders of another service; nodes have each their own",
	       .canon = FIELD_LIST, .flags = FIELD_UNIQUE),
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
	s->update.monitor = s->rollback.monitor = 5000000000;
	s->rollback.parallelism = 1;
	s->swap.swappiness = s->pull_refresh_after = -1;
}
RECORD(record_service, "a service", service_fields, .size = sizeof(struct spec_service),
       .init = service_init);
