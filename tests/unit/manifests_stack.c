/* SPDX-License-Identifier: Apache-2.0
 * The stack language: what good files mean. */
#include "manifests_helper.h"

#define WEB "services:\n  web:\n    image: a\n"

static void minimal(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(WEB);
	assert_string_equal(s->name, "myapp");
	assert_int_equal(s->n_services, 1);
	const struct spec_service *w = &s->services[0];
	assert_string_equal(w->name, "web");
	assert_int_equal(w->replicas, 1);
	assert_int_equal(w->shm_size, -1);
	assert_int_equal(w->n_networks, 1);
	assert_string_equal(w->networks[0].network, "default");
	assert_string_equal(spec_find_network(s, "default")->name, "myapp_default");
	assert_false(w->command_set);
	expect_round_trip(s);
	spec_stack_free(s);
}

static void commands_and_environment(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB "    command: sh -c 'echo \"a b\"' x\\ y\n    entrypoint: []\n"
		    "    env_file: app.env\n    environment: [\"C=$V\", V, NOT_THERE, A=own]\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->command.n, 4);
	assert_string_equal(w->command.v[2], "echo \"a b\"");
	assert_string_equal(w->command.v[3], "x y");
	assert_true(w->entrypoint_set);
	assert_int_equal(w->entrypoint.n, 0);
	assert_string_equal(kvlist_get(&w->environment, "A"), "own");
	assert_string_equal(kvlist_get(&w->environment, "B"), "b /home/u");
	assert_string_equal(kvlist_get(&w->environment, "C"), "value");
	assert_string_equal(kvlist_get(&w->environment, "V"), "value");
	assert_non_null(kvlist_find(&w->environment, "NOT_THERE"));
	assert_null(kvlist_get(&w->environment, "NOT_THERE"));
	expect_round_trip(s);
	spec_stack_free(s);
}

static void ports(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB "    ports: [80, \"8080:80/udp\", \"127.0.0.1:90-92:190-192\", \"[::1]:1:2\", "
		    "{target: 5, published: \"6\", mode: host}, {target: 7}]\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->n_ports, 8);
	assert_int_equal(w->ports[0].target, 80);
	assert_int_equal(w->ports[0].published, 0);
	assert_int_equal(w->ports[1].published, 8080);
	assert_int_equal(w->ports[1].protocol, PROTO_UDP);
	assert_int_equal(w->ports[4].target, 192);
	assert_int_equal(w->ports[4].published, 92);
	assert_string_equal(w->ports[4].host_ip, "127.0.0.1");
	assert_string_equal(w->ports[5].host_ip, "::1");
	assert_int_equal(w->ports[6].mode, PORT_HOST);
	assert_int_equal(w->ports[7].mode, PORT_INGRESS);
	expect_round_trip(s);
	spec_stack_free(s);
}

static void port_ranges(void **state)
{
	(void)state;
	struct spec_stack *s =
		parse_ok(WEB "    ports: [\"8000-8010:80\", \"127.0.0.1:90-92:53/udp\", \"5-5:7\", "
			     "{target: 6, published: \"70-71\", mode: host}]\n");
	const struct spec_service *w = &s->services[0];
	char text[SPEC_PORT_TEXT];
	assert_int_equal(w->n_ports, 4);
	assert_int_equal(w->ports[0].target, 80);
	assert_int_equal(w->ports[0].published, 0);
	assert_string_equal(spec_port_text(&w->ports[0], text), "8000-8010/tcp");
	assert_string_equal(spec_port_text(&w->ports[1], text), "90-92/udp");
	assert_string_equal(w->ports[1].host_ip, "127.0.0.1");
	assert_string_equal(spec_port_text(&w->ports[2], text), "5/tcp");
	assert_int_equal(w->ports[2].range_first, 0);
	assert_int_equal(w->ports[3].range_last, 71);
	expect_round_trip(s);
	s->services[0].ports[0].published = 8003; /* as the controller chose */
	expect_round_trip(s);
	auto_json *j = canon_service(w);
	const json_t *p = json_array_get(json_object_get(j, "ports"), 0);
	assert_string_equal(json_str(p, "published"), "8000-8010");
	assert_int_equal(json_int(p, "chosen", 0), 8003);
	spec_stack_free(s);
}

/* A range is at odds with others only when nothing of it is left. */
static void port_ranges_that_fit(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"services: {a: {image: a, ports: ['80-81:1']}, b: {image: b, ports: ['80:1']}}\n",
		/* the narrow one first, wherever it is written */
		"services: {a: {image: a, ports: ['80-82:1', '80-82:2']}, b: {image: b, ports: "
		"['80-80:1']}}\n",
		"services: {a: {image: a, ports: ['80-90:1']}, b: {image: b, ports: ['79-80:1']}, "
		"c: {image: c, ports: ['79:1']}}\n",
		"services: {a: {image: a, ports: ['80-81:1/udp']}, b: {image: b, ports: "
		"['80:1', '81:1']}}\n",
		"services: {a: {image: a, ports: ['127.0.0.1:80-81:1']}, b: {image: b, ports: "
		"['127.0.0.2:80:1', '127.0.0.2:81:1']}}\n",
		"services: {a: {image: a, ports: [{target: 1, published: '80-81', mode: host}]}, "
		"b: {image: b, ports: [{target: 1, published: '80-81', mode: host}]}, c: {image: "
		"c, ports: [{target: 1, published: '80-81', mode: host}]}}\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		spec_stack_free(parse_ok(cases[i]));
}

static void volumes(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB
		"    volumes:\n    - ./data/../conf:/etc/app:ro\n    - ~/x:/x\n    - v:/v:nocopy\n"
		"    - /anonymous\n    - {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0755}}\n"
		"    - {type: bind, source: /b, target: /b, bind: {create_host_path: false}}\n"
		"    - {type: image, source: a/b:1, target: /i, image: {subpath: /usr/share}}\n"
		"volumes: {v: }\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->n_mounts, 7);
	assert_int_equal(w->mounts[6].type, MOUNT_IMAGE);
	assert_string_equal(w->mounts[6].source, "a/b:1");
	assert_string_equal(w->mounts[6].image_subpath, "/usr/share");
	assert_string_equal(w->mounts[0].source, "/srv/My App/conf");
	assert_true(w->mounts[0].read_only);
	assert_string_equal(w->mounts[1].source, "/home/u/x");
	assert_int_equal(w->mounts[2].type, MOUNT_VOLUME);
	assert_true(w->mounts[2].volume_nocopy);
	assert_null(w->mounts[3].source);
	assert_int_equal(w->mounts[4].tmpfs_size, 1 << 20);
	assert_int_equal(w->mounts[4].tmpfs_mode, 0755);
	assert_false(w->mounts[5].bind_create);
	assert_string_equal(s->volumes[0].name, "myapp_v");
	expect_round_trip(s);
	spec_stack_free(s);
}

static void before(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB
		"    pre_start:\n    - {command: echo 'a b', per_replica: true, environment: {A: "
		"b}}\n"
		"    - {command: [x], image: b:2, user: '5', working_dir: /w, privileged: true}\n");
	const struct spec_hooks *h = &s->services[0].pre_start;
	assert_int_equal(h->n, 2);
	assert_string_equal(h->v[0].command.v[1], "a b");
	assert_true(h->v[0].per_replica && !h->v[0].image);
	assert_string_equal(h->v[0].environment.v[0].v, "b");
	assert_string_equal(h->v[1].image, "b:2");
	assert_string_equal(h->v[1].user, "5");
	assert_true(h->v[1].privileged && !h->v[1].per_replica);
	expect_round_trip(s);
	spec_stack_free(s);
}

static void deploy(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB
		"    restart: on-failure:3\n    pids_limit: -1\n    cpus: 0.5\n"
		"    deploy:\n      replicas: 3\n      labels: {a: 1}\n"
		"      placement: {constraints: [node.labels.x==y], max_replicas_per_node: 2}\n"
		"      resources: {limits: {memory: 1g, cpus: '0.5'}, reservations: {memory: 5m}}\n"
		"      restart_policy: {condition: on-failure, delay: 1m30s}\n"
		"      update_config: {parallelism: 0, order: start-first}\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->restart, RESTART_ON_FAILURE);
	assert_int_equal(w->restart_max, 3);
	assert_int_equal(w->replicas, 3);
	assert_int_equal(w->limits.memory, 1 << 30);
	assert_true(w->limits.cpus == 0.5);
	assert_int_equal(w->limits.pids, 0);
	assert_true(w->restart_policy.set);
	assert_int_equal(w->restart_policy.delay, 90000000000);
	assert_true(w->update.start_first);
	assert_int_equal(w->update.parallelism, 0);
	assert_int_equal(w->max_replicas_per_node, 2);
	expect_round_trip(s);
	spec_stack_free(s);
}

static void lists_and_maps(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB "    ulimits: {nofile: 5, nproc: {soft: 1, hard: -1}}\n"
		    "    extra_hosts: [\"a:1.2.3.4\", \"b=::1\", \"c:[::2]\", \"h=host-gateway\"]\n"
		    "    tmpfs: /run\n    dns: 1.1.1.1\n    sysctls: [net.core.somaxconn=5]\n"
		    "    labels: [x=y, z]\n    expose: [80, \"90\"]\n    devices: [/dev/null]\n"
		    "    healthcheck: {test: curl x, interval: 1h}\n    logging: {driver: local}\n"
		    "    links: [db:db]\n    init: false\n"
		    "    networks: {n: {aliases: [q]}, no: }\n"
		    "  db: {image: b, network_mode: none, healthcheck: {disable: true}}\n"
		    "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/16, gateway: 10.1.0.1}]}}, "
		    "no: {external: true, name: shared}}\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->ulimits[1].hard, -1);
	assert_string_equal(w->extra_hosts.v[2], "c=::2");
	assert_string_equal(w->health.test.v[0], "CMD-SHELL");
	assert_string_equal(kvlist_get(&w->labels, "z"), "");
	assert_string_equal(w->devices.v[0], "/dev/null:/dev/null:rwm");
	assert_string_equal(w->depends_on[0].service, "db");
	assert_true(w->init_set);
	assert_string_equal(w->networks[1].network, "no");
	assert_string_equal(s->networks[1].name, "shared");
	assert_string_equal(s->networks[0].ipam.subnet, "10.1.0.0/16");
	assert_int_equal(s->services[1].n_networks, 0);
	assert_true(s->services[1].health.disabled);
	assert_null(spec_find_network(s, "default"));
	expect_round_trip(s);
	spec_stack_free(s);
}

static void dependencies(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB "    depends_on:\n      db: {condition: service_healthy, restart: true}\n"
		    "      m: {condition: service_completed_successfully, required: false}\n"
		    "      no: {condition: service_started, required: false}\n    links: [db, c]\n"
		    "  db: {image: b}\n  m: {image: m}\n  c: {image: c}\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->n_depends_on, 3);
	assert_int_equal(w->depends_on[0].condition, DEPENDS_HEALTHY);
	assert_true(w->depends_on[0].restart && w->depends_on[0].required);
	assert_false(w->depends_on[1].required);
	assert_string_equal(w->depends_on[2].service, "c");
	assert_int_equal(w->depends_on[2].condition, DEPENDS_STARTED);
	assert_int_equal(s->services[1].restart, RESTART_ALWAYS);
	assert_int_equal(s->services[2].restart, RESTART_NO); /* it is to complete */
	expect_round_trip(s);
	spec_stack_free(s);
}

static void shared_things(void **state)
{
	(void)state;
	struct spec_stack *s =
		parse_ok(WEB "    links: [\"db:database\"]\n    volumes_from: [\"db:ro\"]\n"
			     "    volumes: [\"/own:/b\"]\n"
			     "  db: {image: b, volumes: [\"v:/a\", \"/x:/b\"]}\nvolumes: {v: }\n");
	const struct spec_service *w = &s->services[0], *db = &s->services[1];
	assert_string_equal(db->networks[0].aliases.v[0], "database");
	assert_int_equal(w->n_mounts, 2);
	assert_string_equal(w->mounts[0].source, "/own");
	assert_string_equal(w->mounts[1].source, "v");
	assert_true(w->mounts[1].read_only);
	assert_int_equal(w->n_depends_on, 1);
	expect_round_trip(s);
	spec_stack_free(s);
}

/* The service's own MAC address is that of the network that stands first. */
static void mac_of_the_first(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok("name: s\nservices:\n  a:\n    image: a\n"
					"    mac_address: 02:42:0a:00:00:01\n"
					"    networks: {x: {}, y: {priority: 5}}\n"
					"networks: {x: {}, y: {}}\n");
	assert_string_equal(s->services[0].networks[0].network, "y");
	assert_string_equal(s->services[0].networks[0].mac_address, "02:42:0a:00:00:01");
	assert_null(s->services[0].networks[1].mac_address);
	expect_round_trip(s);
	spec_stack_free(s);
	s = parse_ok("name: s\nservices:\n  a:\n    image: a\n"
		     "    networks: {x: {mac_address: 02-42-0A-00-00-01}}\nnetworks: {x: {}}\n");
	assert_string_equal(s->services[0].networks[0].mac_address, "02:42:0a:00:00:01");
	expect_round_trip(s);
	spec_stack_free(s);
}

static void keys_of_nodes(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB "    cpu_shares: 512\n    cpuset: 0-1,3\n    cpu_quota: \"50000\"\n"
		    "    cpu_period: 100ms\n    mem_limit: 64m\n    memswap_limit: -1\n"
		    "    mem_swappiness: 0\n    oom_kill_disable: true\n    cgroup: private\n"
		    "    uts: host\n    userns_mode: host\n    pull_policy: every_12h\n"
		    "    device_cgroup_rules: [\"c 1:3 rwm\"]\n    label_file: app.env\n"
		    "    labels: {A: own}\n    blkio_config:\n      weight: 300\n"
		    "      device_read_bps: [{path: /dev/sda, rate: 12mb}]\n"
		    "    env_file: [{path: app.env, format: raw}]\n"
		    "    security_opt: [\"apparmor:x\"]\n");
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->cpu.quota, 50000);
	assert_int_equal(w->cpu.period, 100000);
	assert_int_equal(w->swap.total, -1);
	assert_int_equal(w->swap.swappiness, 0);
	assert_int_equal(w->blkio.read_bps.v[0].value, 12 << 20);
	assert_string_equal(kvlist_get(&w->labels, "A"), "own");
	assert_non_null(kvlist_get(&w->labels, "B"));
	assert_string_equal(kvlist_get(&w->environment, "B"), "\"b $HOME\"");
	assert_string_equal(w->security_opt.v[0], "apparmor=x");
	expect_round_trip(s);
	spec_stack_free(s);
	s = parse_ok("services:\n  j: {image: a, deploy: {mode: replicated-job, replicas: 2}}\n");
	assert_int_equal(s->services[0].restart, RESTART_ON_FAILURE);
	expect_round_trip(s);
	spec_stack_free(s);
}

static void links_out_of_the_stack(void **state)
{
	(void)state;
	struct spec_stack *s =
		parse_ok(WEB "    external_links: [db, 'cache:cache']\n    networks: [one]\n"
			     "networks: {one: {external: true, name: other_net}}\n");
	expect_round_trip(s);
	spec_stack_free(s);
	expect_finding(WEB "    external_links: [db]\n", false, 4, 21, "both stacks are on");
	expect_finding(WEB "    external_links: ['db:sql']\n", false, 4, 22, "the alias 'sql'");
}

static void devices_by_name(void **state)
{
	static const char *const names[] = {"x.com/gpu=0:1",     "x.com/gpu=2",
					    "/dev/a:/dev/a:rwm", "nvidia.com/gpu=all",
					    "y.com/d=a",         "nvidia.com/gpu=0",
					    "nvidia.com/gpu=1"};
	(void)state;
	struct spec_stack *s = parse_ok(
		WEB
		"    devices: ['x.com/gpu=0:1', {source: x.com/gpu=2, target: x.com/gpu=2}, "
		"/dev/a]\n"
		"    gpus: all\n    deploy: {resources: {reservations: {devices: [{driver: cdi, "
		"capabilities: [], device_ids: [y.com/d=a]}, {capabilities: [gpu], count: "
		"2}]}}}\n");
	const struct strlist *d = &s->services[0].devices;
	assert_int_equal(d->n, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(strlist_has(d, names[i]));
	expect_round_trip(s);
	spec_stack_free(s);
	expect_finding(WEB "    gpus: [{driver: tpu}]\n", false, 4, 12, "driver: cdi");
	expect_finding(WEB "    gpus: [{driver: cdi, device_ids: [x]}]\n", false, 4, 39,
		       "not the name of a device");
}

static void anchors_and_merges(void **state)
{
	(void)state;
	struct spec_stack *s =
		parse_ok("x-a: &a {image: a, user: u}\nx-b: &b {image: b, tty: true}\nservices:\n"
			 "  one: {<<: *a, image: own}\n  two: {<<: [*b, *a]}\n");
	assert_string_equal(s->services[0].image, "own");
	assert_string_equal(s->services[0].user, "u");
	assert_string_equal(s->services[1].image, "b");
	assert_string_equal(s->services[1].user, "u");
	assert_true(s->services[1].tty);
	spec_stack_free(s);
}

static void hash_of_what_restarts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool same;
	} cases[] = {
		{WEB "    deploy: {replicas: 5, labels: {a: b}}\n", true},
		{WEB "    deploy: {placement: {constraints: [a==b]}}\n", true},
		{WEB "    deploy: {update_config: {order: start-first}}\n", true},
		{WEB "    user: other\n", false},
		{WEB "    environment: {A: b}\n", false},
	};
	struct spec_stack *base = parse_ok(WEB);
	char a[65], b[65];
	canon_task_hash(&base->services[0], a);
	assert_int_equal(strlen(a), 64);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct spec_stack *s = parse_ok(cases[i].text);
		canon_task_hash(&s->services[0], b);
		assert_int_equal(strcmp(a, b) == 0, cases[i].same);
		spec_stack_free(s);
	}
	spec_stack_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimal),
		cmocka_unit_test(commands_and_environment),
		cmocka_unit_test(ports),
		cmocka_unit_test(port_ranges),
		cmocka_unit_test(port_ranges_that_fit),
		cmocka_unit_test(volumes),
		cmocka_unit_test(before),
		cmocka_unit_test(deploy),
		cmocka_unit_test(lists_and_maps),
		cmocka_unit_test(dependencies),
		cmocka_unit_test(shared_things),
		cmocka_unit_test(mac_of_the_first),
		cmocka_unit_test(keys_of_nodes),
		cmocka_unit_test(links_out_of_the_stack),
		cmocka_unit_test(devices_by_name),
		cmocka_unit_test(anchors_and_merges),
		cmocka_unit_test(hash_of_what_restarts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
