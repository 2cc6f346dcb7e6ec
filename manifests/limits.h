/* SPDX-License-Identifier: Apache-2.0
 * Named limits of every list that a user can grow. */
#pragma once

#define LIMIT_YAML_DEPTH     100
#define LIMIT_YAML_NODES     2000000 /* after alias expansion */
#define LIMIT_YAML_ALIASES   10000
#define LIMIT_YAML_DOCUMENTS 100 /* of files that hold several */
/* nodes that aliases may add: so many, and so many for each node that is written */
#define LIMIT_YAML_ALIAS_NODES 100000
#define LIMIT_YAML_ALIAS_RATIO 20
#define LIMIT_STACK_SERVICES   20000
#define LIMIT_STACK_NETWORKS   1000
#define LIMIT_STACK_VOLUMES    10000
#define LIMIT_STACK_SECRETS    1000 /* and as many configs */
#define LIMIT_SERVICE_SECRETS  500  /* and as many configs */
#define LIMIT_SECRET_BYTES     (500 << 10)
#define LIMIT_CONFIG_BYTES     (1 << 20)
#define LIMIT_SECRET_LABELS    100        /* of one made by itself, */
#define LIMIT_LABELS_BYTES     (64 << 10) /* and of all of them together */
#define LIMIT_STACK_PORTS      200000     /* after ranges are expanded */
#define LIMIT_STACK_RANGES     1000       /* of published ports for one port of a container */
#define LIMIT_SERVICE_REPLICAS 100000
#define LIMIT_SERVICE_PORTS    32768
#define LIMIT_SERVICE_MOUNTS   500
#define LIMIT_SERVICE_NETWORKS 32
#define LIMIT_SERVICE_DEPENDS  1000
#define LIMIT_SERVICE_RECORDS  1000
#define LIMIT_SERVICE_LIST     10000 /* any other list of a service */
#define LIMIT_LOG_FILES        100
#define LIMIT_NAME             63
#define LIMIT_IMAGE_LAYERS     127
#define LIMIT_MANIFEST_BYTES   (4 << 20)
#define LIMIT_LAYER_ENTRIES    4000000
#define LIMIT_LAYER_BYTES      (100LL << 30) /* unpacked */
#define LIMIT_PATH             4096
