/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the stack language, continued: configs and secrets, and sections that carrack does not
 * act on (build, develop and the like), known for canonical files, merging and misspelt keys. */
#include "manifests/decode.h"
#include "manifests/fieldrow.h"
#include "manifests/shape.h"

static const struct field grant_fields[] = {
	USE("source", STRING, OFF(spec_grant, source), "name under the top-level key"),
	USE("target", STRING, OFF(spec_grant, target), "path in the container"),
	CUSTOM("uid", decode_grant_id, encode_grant_uid, "owner, a number", OFF(spec_grant, uid),
	       .canon = FIELD_STRING),
	CUSTOM("gid", decode_grant_id, encode_grant_gid, "group, a number", OFF(spec_grant, gid),
	       .canon = FIELD_STRING),
	CUSTOM("mode", decode_grant_mode, encode_grant_mode, "permission bits; 0444",
	       OFF(spec_grant, mode), .form = FORM_ANY, .kinds = KIND_NUM | KIND_STR),
	USE("version", STRING, OFF(spec_grant, version), "of the value", .decode = decode_version,
	    .flags = FIELD_CANON),
};

static void grant_init(void *obj)
{
	((struct spec_grant *)obj)->mode = 0444;
}
RECORD(record_grant, "a config or secret of a service", grant_fields,
       .size = sizeof(struct spec_grant), .init = grant_init);

#define SECRET_FIELDS(self)                                                                        \
	USE("name", STRING, OFF(spec_secret, name), "name in the cluster"),                        \
		USE("file", STRING, OFF(spec_secret, file), "file with the value",                 \
		    .flags = FIELD_PATH | FIELD_FILES),                                            \
		USE("environment", STRING, OFF(spec_secret, environment),                          \
		    "variable with the value", .flags = FIELD_FILES),                              \
		USE("external", BOOL, OFF(spec_secret, external), "made by itself, before",        \
		    .decode = decode_external, .record = &(self),                                  \
		    .kinds = KIND_BOOL | KIND_STR | KIND_MAP),                                     \
		USE("labels", PAIRS, OFF(spec_secret, labels), "labels"),                          \
		REFUSED("template_driver", STRING,                                                 \
			"values are taken as they are; use 'content' with variables"),             \
		USE("version", STRING, OFF(spec_secret, version), "of the value",                  \
		    .decode = decode_version, .flags = FIELD_CANON)

static const struct field top_config_fields[] = {
	SECRET_FIELDS(record_top_config),
	USE("content", STRING, OFF(spec_secret, content), "the value itself", .flags = FIELD_FILES),
};
RECORD(record_top_config, "a config", top_config_fields, .size = sizeof(struct spec_secret));

static const struct field top_secret_fields[] = {
	SECRET_FIELDS(record_top_secret),
	REFUSED("driver", STRING, "the cluster keeps secrets itself"),
	REFUSED("driver_opts", PAIRS, "the cluster keeps secrets itself", .kinds = KIND_MAP,
		.members = KIND_STR | KIND_NUM),
};
RECORD(record_top_secret, "a secret", top_secret_fields, .size = sizeof(struct spec_secret));

static const struct field ulimit_build_fields[] = {
	PLAIN("soft", INT, "soft limit", .flags = FIELD_SAYS | FIELD_NEEDED),
	PLAIN("hard", INT, "hard limit", .flags = FIELD_SAYS | FIELD_NEEDED),
};
static RECORD(record_build_ulimit, "a ulimit", ulimit_build_fields);

static const struct field build_fields[] = {
	PLAIN("context", STRING, "folder or repository", .flags = FIELD_PATH),
	PLAIN("dockerfile", STRING, "name of the Dockerfile"),
	PLAIN("dockerfile_inline", STRING, "the Dockerfile itself"),
	PLAIN("additional_contexts", PAIRS, "more named contexts", .flags = FIELD_PATH),
	PLAIN("args", PAIRS, "build arguments", .flags = FIELD_NULLS),
	PLAIN("cache_from", LIST, "where cached layers come from"),
	PLAIN("cache_to", LIST, "where cached layers go"),
	PLAIN("entitlements", LIST, "what the build may do"),
	PLAIN("extra_hosts", LIST, "lines of /etc/hosts", .shape = shape_hosts,
	      .flags = FIELD_UNIQUE, .kinds = KIND_SEQ | KIND_MAP, .members = KIND_STR | KIND_SEQ),
	PLAIN("isolation", STRING, "for Windows"),
	PLAIN("labels", PAIRS, "labels of the image"),
	PLAIN("network", STRING, "network of the build"),
	PLAIN("no_cache", BOOL, "use no cached layers"),
	PLAIN("no_cache_filter", STRING_LIST, "stages built without cache"),
	PLAIN("platforms", LIST, "platforms to build for"),
	PLAIN("privileged", BOOL, "all privileges"),
	PLAIN("provenance", NONE, "attestation of origin", .form = FORM_ANY,
	      .kinds = KIND_STR | KIND_BOOL),
	PLAIN("pull", BOOL, "always pull bases"),
	PLAIN("sbom", NONE, "list of contents", .form = FORM_ANY, .kinds = KIND_STR | KIND_BOOL),
	PLAIN("secrets", NONE, "secrets of the build", .form = FORM_ITEMS, .record = &record_grant,
	      .shape = shape_build_secret),
	PLAIN("shm_size", SIZE, "size of /dev/shm"),
	PLAIN("ssh", LIST, "SSH agents", .shape = shape_ssh, .kinds = KIND_SEQ | KIND_MAP,
	      .members = KIND_STR | KIND_NUM | KIND_BOOL | KIND_NULL, .flags = FIELD_UNIQUE),
	PLAIN("tags", LIST, "more names of the image", .form = FORM_SET),
	PLAIN("target", STRING, "stage to build"),
	PLAIN("ulimits", NONE, "resource limits", .form = FORM_NAMED,
	      .record = &record_build_ulimit, .shape = shape_ulimit,
	      .members = KIND_INT | KIND_STR | KIND_MAP),
};
RECORD(record_build, "'build'", build_fields);

#define HOOK(m) OFF(spec_hook, m)
static const struct field hook_fields[] = {
	USE("command", WORDS, HOOK(command), "what to run", .form = FORM_WORDS,
	    .flags = FIELD_NEEDED),
	UNUSED("image", STRING, "it runs in the container of the service"),
	USE("user", STRING, HOOK(user), "user"),
	USE("privileged", BOOL, HOOK(privileged), "all privileges"),
	UNUSED("per_replica", BOOL, "it runs in every task"),
	USE("working_dir", STRING, HOOK(working_dir), "working directory"),
	USE("environment", PAIRS, HOOK(environment), "environment", .flags = FIELD_NULLS),
};
RECORD(record_hook, "a hook", hook_fields, .size = sizeof(struct spec_hook));

static const struct field hook_before_fields[] = {
	USE("command", WORDS, HOOK(command), "what to run", .form = FORM_WORDS,
	    .flags = FIELD_NEEDED),
	USE("image", STRING, HOOK(image),
	    "image to run it in; the service's own where it is left out"),
	USE("user", STRING, HOOK(user), "user"),
	USE("privileged", BOOL, HOOK(privileged), "all privileges"),
	USE("per_replica", BOOL, HOOK(per_replica),
	    "true: needed where the service has several tasks"),
	USE("working_dir", STRING, HOOK(working_dir), "working directory"),
	USE("environment", PAIRS, HOOK(environment), "environment", .flags = FIELD_NULLS),
};
RECORD(record_hook_before, "a hook", hook_before_fields, .size = sizeof(struct spec_hook));

static const char *const watch_actions[] = {"rebuild",      "sync",      "restart",
					    "sync+restart", "sync+exec", NULL};

static const struct field watch_fields[] = {
	PLAIN("path", STRING, "what is watched", .flags = FIELD_PATH | FIELD_NEEDED),
	PLAIN("action", STRING, "what to do on a change", .words = watch_actions,
	      .flags = FIELD_NEEDED),
	PLAIN("target", STRING, "where it goes in the container"),
	PLAIN("ignore", STRING_LIST, "patterns that do not count", .flags = FIELD_UNIQUE),
	PLAIN("include", STRING_LIST, "patterns that count", .flags = FIELD_UNIQUE),
	PLAIN("initial_sync", BOOL, "copy at the start", .kinds = KIND_BOOL),
	PLAIN("exec", NONE, "what to run", .form = FORM_OBJECT, .record = &record_hook_before),
};
static RECORD(record_watch, "'watch'", watch_fields);

static const struct field develop_fields[] = {
	PLAIN("watch", NONE, "paths to watch", .form = FORM_ITEMS, .record = &record_watch),
};
RECORD(record_develop, "'develop'", develop_fields, .nullable = true);

static const struct field weight_fields[] = {
	USE("path", STRING, OFF(spec_rate, path), "device"),
	USE("weight", INT, OFF(spec_rate, value), "its weight, 10 to 1000", .max = 1000),
};
static RECORD(record_weight, "a weight of a device", weight_fields,
	      .size = sizeof(struct spec_rate), .closed = true);

static const struct field rate_fields[] = {
	USE("path", STRING, OFF(spec_rate, path), "device"),
	USE("rate", SIZE, OFF(spec_rate, value), "bytes or operations a second"),
};
static RECORD(record_rate, "a rate of a device", rate_fields, .size = sizeof(struct spec_rate),
	      .closed = true);

#define BLKIO(m) OFF(spec_service, blkio.m)
#define RATES(key, m)                                                                              \
	USE(key, RECORDS, BLKIO(m), "bounds", .form = FORM_ITEMS, .record = &record_rate)
static const struct field blkio_fields[] = {
	USE("weight", INT, BLKIO(weight), "10 to 1000", .max = 1000),
	USE("weight_device", RECORDS, BLKIO(weight_device), "weights of devices",
	    .form = FORM_ITEMS, .record = &record_weight),
	RATES("device_read_bps", read_bps),
	RATES("device_read_iops", read_iops),
	RATES("device_write_bps", write_bps),
	RATES("device_write_iops", write_iops),
};
RECORD(record_blkio, "'blkio_config'", blkio_fields, .closed = true);

#define DEVICE_FIELDS(more)                                                                        \
	PLAIN("capabilities", LIST, "what it must be able to do", .flags = FIELD_UNIQUE | (more)), \
		PLAIN("count", NONE, "how many", .form = FORM_ANY, .kinds = KIND_STR | KIND_INT),  \
		PLAIN("device_ids", LIST, "which", .flags = FIELD_UNIQUE),                         \
		PLAIN("driver", STRING, "driver"),                                                 \
		UNUSED("options", PAIRS, "devices by name have no options")

static const struct field gpu_fields[] = {DEVICE_FIELDS(0)};
RECORD(record_gpu, "a GPU", gpu_fields);

static const struct field reserved_device_fields[] = {DEVICE_FIELDS(FIELD_NEEDED)};
RECORD(record_reserved_device, "a device to reserve", reserved_device_fields);

static const struct field discrete_fields[] = {
	PLAIN("kind", STRING, "kind"),
	PLAIN("value", INT, "how many", .kinds = KIND_NUM | KIND_STR),
};
static RECORD(record_discrete, "a generic resource", discrete_fields);

static const struct field generic_fields[] = {
	PLAIN("discrete_resource_spec", NONE, "a number of them", .form = FORM_OBJECT,
	      .record = &record_discrete),
};
RECORD(record_generic, "a generic resource", generic_fields);

static const struct field model_fields[] = {
	PLAIN("name", STRING, "name"),
	PLAIN("model", STRING, "artifact", .flags = FIELD_NEEDED),
	PLAIN("context_size", INT, "tokens", .kinds = KIND_INT),
	PLAIN("runtime_flags", LIST, "flags of the runtime"),
};
RECORD(record_model, "a model", model_fields);

static const struct field model_use_fields[] = {
	PLAIN("endpoint_var", STRING, "variable for the address"),
	PLAIN("model_var", STRING, "variable for the name"),
};
RECORD(record_model_use, "a model of a service", model_use_fields, .nullable = true);

static const struct field credential_fields[] = {
	PLAIN("config", STRING, "config with the value"),
	PLAIN("file", STRING, "file with the value", .flags = FIELD_PATH),
	PLAIN("registry", STRING, "registry with the value"),
};
RECORD(record_credential, "'credential_spec'", credential_fields);

static const struct field include_fields[] = {
	PLAIN("path", STRING_LIST, "files", .flags = FIELD_UNIQUE),
	PLAIN("env_file", STRING_LIST, "files with variables", .flags = FIELD_UNIQUE),
	PLAIN("project_directory", STRING, "base of relative paths"),
};
RECORD(record_include, "'include'", include_fields, .closed = true);

static const struct field extends_fields[] = {
	PLAIN("service", STRING, "service to build on", .flags = FIELD_NEEDED),
	PLAIN("file", STRING, "file it is in"),
};
RECORD(record_extends, "'extends'", extends_fields, .closed = true);

static const struct field provider_fields[] = {
	PLAIN("type", STRING, "program", .flags = FIELD_NEEDED),
	PLAIN("options", NONE, "its options", .form = FORM_ANY, .kinds = KIND_MAP),
};
RECORD(record_provider, "'provider'", provider_fields);
