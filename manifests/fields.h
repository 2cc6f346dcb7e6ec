/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the stack language (table.c, table_top.c, table_more.c): every key of the Compose Specification, what it is,
 * where it goes and whether carrack honours it. Decoding files, reading and writing canonical JSON
 * and the task's hash are all driven by it. Private to manifests/.
 */
#pragma once
#include "base/json.h"
#include "manifests/node.h"
#include "manifests/spec.h"

struct decode;
struct field;

enum field_type {
	FIELD_NONE,        /* goes nowhere by itself */
	FIELD_STRING,      /* char *; one of names when they are given */
	FIELD_BOOL,        /* bool */
	FIELD_INT,         /* int64_t, from min to max */
	FIELD_CPUS,        /* double */
	FIELD_SIZE,        /* int64_t bytes */
	FIELD_DURATION,    /* int64_t nanoseconds */
	FIELD_LIST,        /* struct strlist, from a list */
	FIELD_STRING_LIST, /* struct strlist, from a string or a list */
	FIELD_WORDS,   /* struct strlist, from a list or a string split like a shell; bool set */
	FIELD_PAIRS,   /* struct kvlist, from a mapping or a list of KEY=VALUE */
	FIELD_CHOICE,  /* an enum: the index in names */
	FIELD_EITHER,  /* bool: whether it is the second of two names */
	FIELD_RECORDS, /* struct records (decode.h), from a list of mappings by `record` */
	FIELD_MICROS,  /* int64_t microseconds, from a number of them or a duration */
	FIELD_SECTION, /* a mapping with its own record, inside the same struct; bool set */
};

/* What the value is in the canonical file, and with it how two files are merged: mappings key by key,
 * lists one after the other, anything else is replaced. */
enum field_form {
	FORM_TYPE,   /* as the type says */
	FORM_ANY,    /* whatever is written */
	FORM_OBJECT, /* a mapping by `record` */
	FORM_NAMED,  /* a mapping from names to mappings by `record`, or a list of names */
	FORM_ITEMS,  /* a list of mappings by `record`, told apart by `key` */
	FORM_SET,    /* a list of strings without duplicates, or one string */
	FORM_WORDS,  /* a command; a later file replaces it */
};

struct shape;

enum field_support {
	FIELD_HONOURED,
	FIELD_KEPT,    /* read and kept, not fully honoured: a warning with doc */
	FIELD_UNUSED,  /* not used: a warning with doc */
	FIELD_REFUSED, /* would change what the file means: an error with doc */
};

#define FIELD_LEGACY  1 /* an older name of a field above: never written, must not disagree */
#define FIELD_RUNNING 2 /* may change while the container runs: not part of the task's hash */
#define FIELD_NULLS                                                                                \
	4                  /* FIELD_PAIRS: a key without a value keeps NULL, or takes it from the
			   environment; otherwise it is "" */
#define FIELD_NUMBERS 8    /* lists: numbers are taken as they are written */
#define FIELD_NONNEG  16   /* FIELD_INT: a negative number means "none", which is 0 */
#define FIELD_FILES   128  /* resolved when files are read: nothing a client may send */
#define FIELD_PATH    64   /* a path on this machine, relative to the file's folder */
#define FIELD_OCTAL   32   /* FIELD_INT: a leading 0 means base 8, as for permissions */
#define FIELD_NEEDED  256  /* the mapping means nothing without it */
#define FIELD_UNIQUE  512  /* lists: an entry that is there twice is an error */
#define FIELD_SAYS    1024 /* false or 0 is not the same as nothing */
#define FIELD_CANON   4096 /* in canonical JSON alone: no key of files */

/* What a value may be, as in the specification's JSON schema; KIND_NUM is any number. */
#define KIND_NULL 1u
#define KIND_BOOL 2u
#define KIND_INT  4u
#define KIND_NUM  8u
#define KIND_STR  16u
#define KIND_SEQ  32u
#define KIND_MAP  64u
#define KIND_ANY  127u

struct field {
	const char *name;
	enum field_type type;
	enum field_support support;
	unsigned flags;
	size_t offset;
	size_t set; /* offset of a bool that says the key is there; 0: none */
	int64_t min, max;
	const char *const *names; /* NULL-terminated */
	const struct record *record;
	/* instead of what the type does; obj is the record's struct */
	void (*decode)(struct decode *c, const struct field *f, const struct node *n, void *obj);
	json_t *(*encode)(const void *obj); /* NULL: leave the key out */
	enum field_type canon;              /* in the canonical file, where `type` is FIELD_NONE */
	enum field_form form;
	const char *key; /* FORM_ITEMS: the member that tells items apart; NULL: all of it */
	/* FORM_ITEMS, FORM_NAMED and FORM_OBJECT: the long form of one that is no mapping; NULL: it
	 * has none, or n is wrong (the decoder says so) */
	struct node *(*shape)(struct shape *x, const struct node *n);
	unsigned kinds;   /* KIND_*: what may be written; 0: what type and form say */
	unsigned members; /* of the entries of a list or mapping; 0: what type and form say */
	const char *const *words; /* all that the specification knows; NULL-terminated */
	const char *pattern;      /* of a string: an extended regular expression */
	const char *doc; /* what it does; for unused and refused ones what to know instead */
};

#define RECORD_FIELDS_MAX 160

struct record {
	const char *what; /* "a service" */
	const struct field *fields;
	size_t n;                /* at most RECORD_FIELDS_MAX */
	size_t size;             /* of the struct; 0 for sections */
	void (*init)(void *obj); /* defaults, nothing owned; NULL: zeroes */
	bool nullable;           /* may be there without a value */
	bool closed;             /* takes no x- keys either */
};

/* kinds and members, or what type and form make of them */
unsigned field_kinds(const struct field *f);
unsigned field_members(const struct field *f);

extern const struct record record_top, record_service, record_network, record_volume;
extern const struct record record_port, record_mount, record_attach, record_ipam_config;
extern const struct record record_top_config, record_top_secret, record_grant, record_build;
extern const struct record record_develop, record_blkio, record_hook, record_hook_before,
	record_model_use;
extern const struct record record_reserved_device, record_gpu, record_generic, record_model,
	record_credential;
extern const struct record record_include, record_extends, record_provider, record_ipam;
extern const struct record record_depends, record_device, record_env_file;
