/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a stack while they are read: what is common to the main files and to those that
 * `include` and `extends` name. Private to manifests/.
 */
#pragma once
#include "manifests/diag.h"
#include "manifests/shape.h"
#include "manifests/stackinput.h"

struct project {
	const struct stackfile_input *in;
	struct diag *d;
	struct tree t;
	struct shape shape;
	struct map files;               /* path -> canonical root of a file that `extends` named */
	struct map included;            /* files being included now, against circles */
	struct stackfile_source *texts; /* read here, kept for the lines of findings */
	size_t n_texts, cap_texts;
	struct node *roots; /* a list: what each file is, as it is written */
	struct kvlist own;  /* variables that the stack itself has */
	size_t left;        /* bytes that variables may still add */
	struct map off;     /* services that no chosen profile has -> their `profiles` */
	int depth;
	int documents;      /* of files that hold several */
	struct node *first; /* the first file's root when that has been read already */
	bool uses_default;  /* some service, active or not, is on the default network */
	bool plain;         /* one file that says nothing that needs the canonical tree */
};

/* The folder of a file; caller frees. */
char *sources_folder(const char *path);
/* *ret: the document of the file that begins at *at, which moves on to the next, or to len. true: the
 * file holds several. */
bool sources_document(const struct stackfile_source *s, size_t *at, struct stackfile_source *ret);
void sources_error(struct project *p, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The file as it is written, with its variables filled in, and checked when all of it counts; NULL
 * with errors. */
struct node *sources_parse(struct project *p, const struct stackfile_source *s,
			   const struct kvlist *env, bool whole);
/* Reads a file that at names; *ret is p's. */
bool sources_source(struct project *p, const struct node *at, const char *path,
		    struct stackfile_source *ret);
bool sources_room(struct project *p, const struct node *at); /* false with an error: too large */
