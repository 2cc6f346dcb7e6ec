/* SPDX-License-Identifier: Apache-2.0
 * Manifests, indexes, image configurations, references and challenges: what is read and what is refused. */
#include "agent/image/auth.h"
#include "agent/image/manifest.h"
#include "agent/image/ref.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define A    D("aaaa")
#define B    D("bbbb")
#define OCI  "application/vnd.oci.image.manifest.v1+json"
#define LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define CONF "\"config\":{\"digest\":\"" A "\",\"size\":3}"

static int parse(const char *text, const char *type, struct manifest *m)
{
	return manifest_parse(text, strlen(text), type, m, NULL);
}

static int refuse(const char *text, const char *type)
{
	struct manifest m;
	return parse(text, type, &m);
}

static void test_manifest(void **state)
{
	struct manifest m;
	(void)state;
	assert_int_equal(parse("{\"schemaVersion\":2," CONF ",\"layers\":[{\"digest\":\"" B
			       "\",\"size\":9,\"urls\":[\"http://x/\"]}]}",
			       OCI "; charset=utf-8", &m),
			 0);
	assert_false(m.is_index);
	assert_int_equal(m.n_layers, 1);
	assert_string_equal(m.layers[0].digest, B);
	assert_int_equal(m.layers[0].size, 9);
	assert_string_equal(m.config.digest, A);
	manifest_done(&m);
	assert_int_equal(parse("{\"schemaVersion\":2," CONF ",\"layers\":[]}", NULL, &m), 0);
	manifest_done(&m);
}

static void test_manifest_refused(void **state)
{
	static const char both[] = "{\"schemaVersion\":2,\"manifests\":[]," CONF ",\"layers\":[]}";
	(void)state;
	assert_int_equal(refuse(both, NULL), -EBADMSG);
	assert_int_equal(refuse(both, OCI), -EBADMSG);
	assert_int_equal(refuse("{\"schemaVersion\":2," CONF ",\"layers\":[]}", LIST), -EBADMSG);
	assert_int_equal(refuse("{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," CONF
				",\"layers\":[]}",
				"application/vnd.docker.distribution.manifest.v2+json"),
			 -EBADMSG);
	assert_int_equal(refuse("{\"schemaVersion\":2," CONF ",\"layers\":[]}", "text/html"),
			 -EBADMSG);
	assert_int_equal(refuse("{\"schemaVersion\":1}", NULL), -ENOTSUP);
	assert_true(refuse("{\"schemaVersion\":2,\"schemaVersion\":2," CONF ",\"layers\":[]}",
			   NULL) < 0);
	assert_true(refuse("{\"schemaVersion\":2,\"config\":{\"digest\":\"sha512:aa\",\"size\":1},"
			   "\"layers\":[]}",
			   NULL) < 0);
	assert_true(refuse("{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":-1},"
			   "\"layers\":[]}",
			   NULL) < 0);
	assert_true(refuse("[]", NULL) < 0);
	assert_true(refuse("", NULL) < 0);
}

static void add_entry(struct str *s, const char *digest, const char *arch, const char *variant)
{
	str_addf(s, "%s{\"digest\":\"%s\",\"size\":5,\"platform\":{\"os\":\"linux\",",
		 s->len ? "," : "", digest);
	str_addf(s, "\"architecture\":\"%s\"", arch);
	if (variant)
		str_addf(s, ",\"variant\":\"%s\"", variant);
	str_add(s, "}}");
}

static void test_choose(void **state)
{
	struct manifest m;
	struct blob_desc d;
	auto_str entries = {0};
	(void)state;
	add_entry(&entries, D("1111"), "arm64", "v8");
	add_entry(&entries, D("2222"), "amd64", NULL);
	add_entry(&entries, D("3333"), "arm", "v6");
	add_entry(&entries, D("4444"), "arm", "v7");
	auto_free char *text = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", entries.data);
	assert_int_equal(parse(text, LIST, &m), 0);
	assert_int_equal(manifest_choose(&m, "linux/amd64", &d, NULL), 0);
	assert_string_equal(d.digest, D("2222"));
	assert_int_equal(manifest_choose(&m, "linux/arm64", &d, NULL), 0);
	assert_string_equal(d.digest, D("1111"));
	assert_int_equal(manifest_choose(&m, "linux/arm/v7", &d, NULL), 0);
	assert_string_equal(d.digest, D("4444"));
	assert_int_equal(manifest_choose(&m, "linux/s390x", &d, NULL), -ENOENT);
	assert_int_equal(manifest_choose(&m, "linux", &d, NULL), -EINVAL);
	manifest_done(&m);
}

static struct image *config(const char *text, struct strlist *ids, int *r)
{
	struct image *i = xcalloc(1, sizeof(*i));
	*r = image_config_parse(text, strlen(text), i, ids, NULL);
	return i;
}

static void test_config(void **state)
{
	auto_strlist ids = {0};
	int r;
	(void)state;
	struct image *i = config(
		"{\"rootfs\":{\"diff_ids\":[\"" A
		"\"]},\"config\":{\"Env\":[\"A=b\"],\"Cmd\":[\"sh\"],"
		"\"WorkingDir\":\"srv/../data/./x\",\"User\":\"1:2\",\"Volumes\":{\"/v/../../"
		"w\":{}},"
		"\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"k\":\"v\"},\"Entrypoint\":null,"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":5}}}",
		&ids, &r);
	assert_int_equal(r, 0);
	assert_int_equal(ids.n, 1);
	assert_string_equal(i->working_dir, "/data/x");
	assert_string_equal(i->volumes.v[0], "/w");
	assert_string_equal(i->exposed.v[0], "80/tcp");
	assert_string_equal(kvlist_get(&i->labels, "k"), "v");
	assert_int_equal(i->health_interval, 5);
	assert_int_equal(i->health_retries, -1);
	assert_int_equal(i->entrypoint.n, 0);
	image_free(i);
}

static void test_config_refused(void **state)
{
	static const char *const bad[] = {
		"{\"config\":{\"WorkingDir\":\"/proc/self/fd/7\"}}",
		"{\"config\":{\"WorkingDir\":\"/x/../proc\"}}",
		"{\"config\":{\"Volumes\":{\"/../proc/sys\":{}}}}",
		"{\"config\":{\"Volumes\":{\"/\":{}}}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:1\"]}}",
		"{\"rootfs\":{\"diff_ids\":{}}}",
		"{",
	};
	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		auto_strlist ids = {0};
		int r;
		image_free(config(bad[n], &ids, &r));
		assert_true(r < 0);
	}
}

static void test_ref(void **state)
{
	static const struct {
		const char *text, *name;
	} good[] = {
		{"nginx", "docker.io/library/nginx:latest"},
		{"a/b:1", "docker.io/a/b:1"},
		{"localhost/x", "localhost/x:latest"},
		{"r.lab:5000/a/b/c:v1.2", "r.lab:5000/a/b/c:v1.2"},
		{"x@" A, "docker.io/library/x@" A},
		{"index.docker.io/x:t@" A, "docker.io/library/x:t@" A},
		{"[fd00::1]:5000/x", "[fd00::1]:5000/x:latest"},
	};
	static const char *const bad[] = {
		"",       "UPPER",       "a//b", "a/../b",      "a:",  "x@sha256:1", "x@sha512:" A,
		"h:0/x",  "h.x:99999/x", "-a",   "a b",         "a\n", "x:-t",       "a.-b",
		"[zz]/a", "x/",          "/x",   "h.x/../../e",
	};
	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(good); n++) {
		auto_ref r = {0};
		assert_int_equal(ref_parse(good[n].text, &r, NULL), 0);
		auto_free char *name = ref_name(&r);
		assert_string_equal(name, good[n].name);
	}
	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		auto_ref r = {0};
		if (ref_parse(bad[n], &r, NULL) == 0)
			fail_msg("'%s' was taken", bad[n]);
	}
}

static bool trusted(const char *registry, const char *realm)
{
	struct url a, b;
	assert_true(url_parse(registry, &a));
	assert_true(url_parse(realm, &b));
	bool yes = realm_trusted(&a, &b);
	url_done(&a);
	url_done(&b);
	return yes;
}

static bool allowed(const char *registry, const char *target)
{
	struct url a, b;
	assert_true(url_parse(registry, &a));
	assert_true(url_parse(target, &b));
	bool yes = target_allowed(&a, &b);
	url_done(&a);
	url_done(&b);
	return yes;
}

static void test_trust(void **state)
{
	struct url u;
	(void)state;
	assert_true(trusted("https://registry-1.docker.io", "https://auth.docker.io/token"));
	assert_true(trusted("https://ghcr.io", "https://ghcr.io/token"));
	assert_true(trusted("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"));
	assert_false(trusted("https://ghcr.io", "https://evil.io/token"));
	assert_false(trusted("https://reg.co.uk", "https://evil.co.uk/"));
	assert_false(trusted("https://registry-1.docker.io", "https://evildocker.io/"));
	assert_false(trusted("https://registry-1.docker.io", "http://auth.docker.io/"));
	assert_false(trusted("https://10.0.0.1", "https://1.0.0.1"));
	assert_true(allowed("https://ghcr.io", "https://cdn.example.com/b"));
	assert_false(allowed("https://ghcr.io", "http://cdn.example.com/b"));
	assert_false(allowed("https://ghcr.io", "https://169.254.169.254/x"));
	assert_false(allowed("https://ghcr.io", "https://127.0.0.1/x"));
	assert_false(allowed("https://ghcr.io", "https://2130706433/x"));
	assert_false(allowed("https://ghcr.io", "https://0x7f000001/x"));
	assert_false(allowed("https://ghcr.io", "https://[::1]/x"));
	assert_true(allowed("http://127.0.0.1:5000", "http://127.0.0.1:9000/x"));
	assert_false(url_parse("https://user@host/", &u));
	assert_false(url_parse("ftp://host/", &u));
	assert_false(url_parse("https:///x", &u));
}

static void test_challenge(void **state)
{
	struct challenge c;
	(void)state;
	assert_true(
		challenge_parse("Bearer realm=\"https://a/t\",service=\"s\\\"x\", scope=z", &c));
	assert_true(c.bearer);
	assert_string_equal(c.realm, "https://a/t");
	assert_string_equal(c.service, "s\"x");
	assert_string_equal(c.scope, "z");
	challenge_done(&c);
	assert_true(challenge_parse("Basic realm=\"x\"", &c));
	assert_true(c.basic);
	challenge_done(&c);
	assert_false(challenge_parse("Bearer service=\"s\"", &c));
	assert_false(challenge_parse("Bearer realm=\"s", &c));
	assert_false(challenge_parse("Negotiate", &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),       cmocka_unit_test(test_manifest_refused),
		cmocka_unit_test(test_choose),         cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_refused), cmocka_unit_test(test_ref),
		cmocka_unit_test(test_trust),          cmocka_unit_test(test_challenge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
