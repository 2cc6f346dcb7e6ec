/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the stack language, continued: the top of a file, its networks and volumes. */
#include "manifests/decode.h"
#include "manifests/fieldrow.h"
#include "manifests/limits.h"
#include "manifests/shape.h"

#define NUMBER_TEXT (KIND_NUM | KIND_STR)

/* --- networks and volumes of the stack */

#define EXTERNAL_KINDS (KIND_BOOL | KIND_STR | KIND_MAP)

static const struct field ipam_config_fields[] = {
	USE("subnet", STRING, OFF(spec_ipam, subnet), "10.1.0.0/16, fd00:1::/64"),
	USE("gateway", STRING, OFF(spec_ipam, gateway), "address of the nodes on it"),
	USE("ip_range", STRING, OFF(spec_ipam, ip_range), "part that addresses come from"),
	USE("aux_addresses", PAIRS, OFF(spec_ipam, aux_addresses), "addresses to keep free",
	    .kinds = KIND_MAP, .members = KIND_STR),
};
RECORD(record_ipam_config, "'config'", ipam_config_fields, .size = sizeof(struct spec_ipam));

static const struct field ipam_fields[] = {
	PLAIN("driver", STRING, "default"),
	PLAIN("config", NONE, "subnets", .form = FORM_ITEMS, .key = "subnet",
	      .record = &record_ipam_config),
	PLAIN("options", PAIRS, "options of the driver", .kinds = KIND_MAP, .members = KIND_STR),
};
RECORD(record_ipam, "'ipam'", ipam_fields);

static const struct field network_fields[] = {
	USE("name", STRING, OFF(spec_network, name), "name in the cluster"),
	USE("driver", STRING, OFF(spec_network, driver),
	    "overlay; macvlan, ipvlan and bridge with a parent: the physical network"),
	USE("driver_opts", PAIRS, OFF(spec_network, driver_opts), "options of the driver",
	    .kinds = KIND_MAP, .members = NUMBER_TEXT),
	USE("labels", PAIRS, OFF(spec_network, labels), "labels", .flags = FIELD_RUNNING),
	USE("external", BOOL, OFF(spec_network, external), "made elsewhere",
	    .decode = decode_external, .record = &record_network, .kinds = EXTERNAL_KINDS),
	USE("internal", BOOL, OFF(spec_network, internal), "without a way out"),
	USE("attachable", BOOL, OFF(spec_network, attachable),
	    "all networks are open to other stacks, with 'external'", .flags = FIELD_RUNNING),
	USE("enable_ipv6", BOOL, OFF(spec_network, enable_ipv6), "IPv6 as well",
	    .flags = FIELD_SAYS),
	USE("enable_ipv4", BOOL, OFF(spec_network, enable_ipv4), "IPv4, unless false",
	    .flags = FIELD_SAYS),
	CUSTOM("ipam", decode_ipam, encode_ipam, "addresses", .form = FORM_OBJECT,
	       .record = &record_ipam),
};

static void network_init(void *obj)
{
	struct spec_network *n = obj;
	n->enable_ipv4 = true;
}
RECORD(record_network, "a network", network_fields, .size = sizeof(struct spec_network),
       .init = network_init, .nullable = true);

static const struct field volume_fields[] = {
	USE("name", STRING, OFF(spec_volume, name),
	    "name on the nodes; with {{.Task.Slot}} in it each task has its own"),
	USE("driver", STRING, OFF(spec_volume, driver), "local"),
	USE("driver_opts", PAIRS, OFF(spec_volume, driver_opts), "options of the driver",
	    .kinds = KIND_MAP, .members = NUMBER_TEXT),
	USE("labels", PAIRS, OFF(spec_volume, labels), "labels"),
	USE("external", BOOL, OFF(spec_volume, external), "made elsewhere",
	    .decode = decode_external, .record = &record_volume, .kinds = EXTERNAL_KINDS),
};
RECORD(record_volume, "a volume", volume_fields, .size = sizeof(struct spec_volume),
       .nullable = true);

/* --- the file */

static const struct field top_fields[] = {
	{.name = "version", .canon = FIELD_STRING, .doc = "of no meaning, as in Compose"},
	CUSTOM("name", decode_top_name, NULL, "the stack's name", .canon = FIELD_STRING),
	CUSTOM("networks", decode_top_networks, NULL, "networks", .form = FORM_NAMED,
	       .record = &record_network),
	CUSTOM("volumes", decode_top_volumes, NULL, "volumes", .form = FORM_NAMED,
	       .record = &record_volume),
	CUSTOM("configs", decode_top_configs, NULL,
	       "named by their content: another value rolls the services that use it",
	       .form = FORM_NAMED, .record = &record_top_config),
	CUSTOM("secrets", decode_top_secrets, NULL,
	       "sealed on their way to the nodes that use them; another value rolls the services",
	       .form = FORM_NAMED, .record = &record_top_secret),
	CUSTOM("services", decode_top_services, NULL, "services", .form = FORM_NAMED,
	       .record = &record_service),
	PLAIN("include", NONE, "other files to take in", .flags = FIELD_FILES, .form = FORM_ITEMS,
	      .record = &record_include, .shape = shape_include),
	REFUSED("models", NONE, "run the model as a service", .form = FORM_NAMED,
		.record = &record_model),
};
RECORD(record_top, "a stack file", top_fields);
