/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker process: one image, from a job on standard input to lines of JSON on standard output.
 * It holds no privilege to gain, dies with the agent, and leaves the index of names to it.
 *
 * job     {"dir", "ref", "platform", "insecure", "mirrors", "auth"; "have": an older one is here}
 * lines   {"layers_done", "layers_total", "bytes_done", "bytes_total"} and at last
 *         {"digest"} of the platform's manifest, or {"error", "code"}
 */
#include "agent/image/fetch.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/program.h"
#include "manifests/limits.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB_BYTES_MAX (4 << 20)

struct job {
	char *dir, *ref, *platform;
	struct registry_config config;
	bool have;
};

static void say(json_t *line)
{
	auto_free char *text = json_text(line);
	json_decref(line);
	/* one write a line, so that a reader never sees two mixed; a reader gone is no reason to stop */
	auto_free char *with_end = xasprintf("%s\n", text);
	(void)!fd_write_all(STDOUT_FILENO, with_end, strlen(with_end));
}

static void on_progress(const struct fetch_progress *p)
{
	say(json_pack("{s:i, s:i, s:I, s:I}", "layers_done", p->layers_done, "layers_total",
		      p->layers_total, "bytes_done", (json_int_t)p->bytes_done, "bytes_total",
		      (json_int_t)p->bytes_total));
}

static int job_read(struct job *j, struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	const char *dir, *ref;
	int r = fd_read_all(STDIN_FILENO, JOB_BYTES_MAX, &text, &len, err);
	if (r < 0)
		return r;
	auto_json *doc = json_parse(text, len, err);
	explicit_bzero(text, len);
	if (!doc)
		return err_wrap(err, -EBADMSG, "the job of an image worker is not valid JSON");
	if ((r = json_need_str(doc, "dir", &dir, err)) < 0 ||
	    (r = json_need_str(doc, "ref", &ref, err)) < 0)
		return r;
	j->dir = xstrdup(dir);
	j->ref = xstrdup(ref);
	j->platform = xstrdup(json_str_or(doc, "platform", platform_host()));
	j->have = json_bool(doc, "have", false);
	json_strlist(doc, "insecure", &j->config.insecure);
	json_kvlist(doc, "mirrors", &j->config.mirrors);
	json_kvlist(doc, "auth", &j->config.auth);
	return 0;
}

static void job_done(struct job *j)
{
	free(j->dir);
	free(j->ref);
	free(j->platform);
	strlist_done(&j->config.insecure);
	kvlist_done(&j->config.mirrors);
	kvlist_done(&j->config.auth);
}

/* What a manifest and a connection are needed for. */
struct pull {
	const struct job *job;
	struct registry *registry;
	struct registry_conn *conn;
};

/* A manifest by its digest: from the store when it is there, which saves a request. */
static int get_by_digest(struct pull *p, const char *digest, struct manifest *ret, struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	if (blob_load(p->job->dir, digest, &text, &len, NULL) == 0)
		return manifest_parse(text, len, NULL, ret, err);
	struct registry_doc doc = {0};
	int r = registry_manifest(p->registry, p->conn, digest, &doc, err);
	if (r == 0)
		r = manifest_parse(doc.text, doc.len, doc.content_type, ret, err);
	if (r == 0)
		r = blob_store(p->job->dir, digest, doc.text, doc.len, err);
	registry_doc_done(&doc);
	return r;
}

/* From the name to the manifest of one platform, which is then in the store. */
static int resolve(struct pull *p, const char *version, struct manifest *ret,
		   char digest[DIGEST_TEXT], struct err *err)
{
	struct registry_doc doc = {0};
	auto_manifest first = {0};
	struct blob_desc chosen;
	int r = registry_manifest(p->registry, p->conn, version, &doc, err);
	if (r == 0)
		r = manifest_parse(doc.text, doc.len, doc.content_type, &first, err);
	if (r == 0 && !first.is_index) {
		r = blob_store(p->job->dir, doc.digest, doc.text, doc.len, err);
		memcpy(digest, doc.digest, DIGEST_TEXT);
	} else if (r == 0 && (r = manifest_choose(&first, p->job->platform, &chosen, err)) == 0) {
		memcpy(digest, chosen.digest, DIGEST_TEXT);
		manifest_done(&first);
		r = get_by_digest(p, chosen.digest, &first, err);
		if (r == 0 && first.is_index)
			r = err_set(err, -EBADMSG, "the index leads to another index");
	}
	registry_doc_done(&doc);
	if (r < 0)
		return r;
	*ret = first;
	first = (struct manifest){0};
	return 0;
}

/* An image of one platform only says so in its configuration; most that say nothing fit. */
static int check_platform(const char *config, size_t len, const char *platform, struct err *err)
{
	auto_json *doc = json_parse(config, len, NULL);
	auto_free char *wanted = xstrdup(platform);
	const char *os = json_str(doc, "os"), *arch = json_str(doc, "architecture");
	char *slash = strchr(wanted, '/');
	char *variant = slash ? strchr(slash + 1, '/') : NULL;
	if (variant)
		*variant = '\0';
	if (!os || !arch || !*os || !*arch)
		return 0;
	auto_free char *has = xasprintf("%s/%s", os, arch);
	if (streq(has, wanted))
		return 0;
	return err_set(err, -ENOENT, "the image is for the platform '%.60s', this asks for '%s'",
		       has, platform);
}

static int pull_content(struct pull *p, const struct manifest *m, struct err *err)
{
	auto_free char *config = NULL;
	auto_strlist diff_ids = {0};
	size_t len;
	int r = fetch_document(p->job->dir, p->registry, p->conn, &m->config, &config, &len, err);
	if (r < 0)
		return r;
	struct image *i = xcalloc(1, sizeof(*i));
	r = image_config_parse(config, len, i, &diff_ids, err);
	image_free(i);
	if (r < 0 || (r = check_platform(config, len, p->job->platform, err)) < 0)
		return r;
	if (diff_ids.n != m->n_layers)
		return err_set(err, -EBADMSG,
			       "the image has %zu layers, but its configuration names %zu",
			       m->n_layers, diff_ids.n);
	struct fetch f = {.dir = p->job->dir,
			  .registry = p->registry,
			  .manifest = m,
			  .diff_ids = &diff_ids,
			  .progress = on_progress};
	return fetch_layers(&f, err);
}

static int pull_image(const struct job *j, char digest[DIGEST_TEXT], struct err *err)
{
	auto_ref ref = {0};
	auto_manifest m = {0};
	int r = ref_parse(j->ref, &ref, err);
	if (r < 0 || (r = blob_dirs_make(j->dir, err)) < 0 ||
	    (r = layers_dirs_make(j->dir, err)) < 0)
		return r;
	layers_clean(j->dir);
	struct pull p = {.job = j,
			 .registry = registry_new(&j->config, &ref),
			 .conn = registry_conn_new()};
	if (j->have)
		registry_hurry(p.registry);
	r = resolve(&p, ref_version(&ref), &m, digest, err);
	if (r == 0)
		r = pull_content(&p, &m, err);
	registry_conn_free(p.conn);
	registry_free(p.registry);
	return r;
}

/* Nothing an archive does may gain privileges, and nothing outlives the agent. */
static void drop_what_is_not_needed(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	/* removing a tree holds a descriptor for each level, and a layer may have two thousand */
	program_raise_files();
	umask(0);
}

int image_worker_main(void)
{
	struct job j = {0};
	struct err err = {0};
	char digest[DIGEST_TEXT];

	drop_what_is_not_needed();
	int r = job_read(&j, &err);
	if (r == 0)
		r = pull_image(&j, digest, &err);
	if (r == -ENOSPC || r == -EDQUOT || err.code == -ENOSPC || err.code == -EDQUOT)
		r = err_set(&err, -ENOSPC,
			    "the disk that holds '%s' is full; free some space and try again",
			    j.dir);
	if (r < 0)
		say(json_pack("{s:s, s:i}", "error", err_text(&err), "code", r));
	else
		say(json_pack("{s:s}", "digest", digest));
	job_done(&j);
	return r < 0 ? 1 : 0;
}
