/* SPDX-License-Identifier: MIT */
/* All providers as one set. */
#include "provider/provider.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/hex.h"
#include "provider/file.h"
#include "provider/hosts.h"

#include <errno.h>
#include <stdio.h>

DEFINE_FREEP(struct provider_set, provider_set_unref)
DEFINE_FREEP(struct hash_ctx, hash_ctx_free)

struct provider_set {
	unsigned refs;
	size_t n;
	struct provider **provider;
	struct hosts hosts; /* owners are indexes of provider[] */
	char digest[HASH_HEX_BYTES + 1];
};

/* Over each text and its length, so that no two lists of files look the same. */
static int digest(struct provider_set *set, const struct provider_source *sources, size_t n)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	struct hash hash;
	int r;

	if (!ctx)
		return -ENOMEM;
	r = hash_begin(ctx);
	for (size_t i = 0; i < n && !r; i++) {
		uint8_t length[8];

		for (int k = 0; k < 8; k++)
			length[k] = (uint8_t)((uint64_t)sources[i].text.n >> (8 * k));
		r = hash_put(ctx, span_of(length, sizeof(length)));
		if (!r)
			r = hash_put(ctx, sources[i].text);
	}
	if (!r)
		r = hash_end(ctx, &hash);
	if (!r)
		hex_encode(hash_span(&hash), set->digest);
	return r;
}

static int add(struct provider_set *set, const struct provider_source *source,
	       struct yaml_error *error)
{
	struct provider *p;
	int r = file_load(source, &set->provider[set->n], error);

	if (r)
		return r;
	p = set->provider[set->n++];
	for (size_t i = 0; i + 1 < set->n; i++)
		if (span_eq(set->provider[i]->name, p->name))
			return yaml_error_set(error, source->name, 0,
					      "another file has provider `%.*s` already",
					      SPAN_ARG(p->name));
	for (size_t i = 0; i < p->hosts_n; i++) {
		r = hosts_add(&set->hosts, p->hosts[i], (uint32_t)(set->n - 1));
		if (r)
			return r;
	}
	return PARSE_DONE;
}

static int listed_twice(const char *file, const struct host *host, struct yaml_error *error)
{
	char port[sizeof(":65535")] = "";

	if (host->port)
		(void)snprintf(port, sizeof(port), ":%u", (unsigned)host->port);
	return yaml_error_set(error, file, 0,
			      "host `%s%.*s%s` is listed twice; a host has one provider",
			      host->below ? "*." : "", SPAN_ARG(host->name), port);
}

int provider_load(const struct provider_source *sources, size_t n, struct provider_set **ret_set,
		  struct yaml_error *error)
{
	struct provider_set *set CLEANUP(provider_set_unrefp) = calloc(1, sizeof(*set));
	const struct host *twice = NULL;
	int r;

	if (!set)
		return -ENOMEM;
	set->refs = 1;
	set->provider = calloc(n + 1, sizeof(struct provider *));
	r = set->provider ? PARSE_DONE : -ENOMEM;
	for (size_t i = 0; i < n && !r; i++)
		r = add(set, &sources[i], error);
	if (r)
		return r;
	if (hosts_sort(&set->hosts, &twice) != PARSE_DONE)
		return listed_twice(sources[twice->owner].name, twice, error);
	r = digest(set, sources, n);
	if (r)
		return r;
	*ret_set = TAKE(set);
	return PARSE_DONE;
}

struct provider_set *provider_set_ref(struct provider_set *set)
{
	if (set)
		__atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
	return set;
}

void provider_set_unref(struct provider_set *set)
{
	if (!set || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (size_t i = 0; set->provider && i < set->n; i++)
		file_free(set->provider[i]);
	free(set->provider);
	hosts_deinit(&set->hosts);
	free(set);
}

const char *provider_set_digest(const struct provider_set *set)
{
	return set->digest;
}

size_t provider_set_count(const struct provider_set *set)
{
	return set->n;
}

const struct provider *provider_set_at(const struct provider_set *set, size_t index)
{
	return set->provider[index];
}

const struct provider *provider_set_host(const struct provider_set *set, struct span host)
{
	uint32_t owner;

	return hosts_find(&set->hosts, host, &owner) ? set->provider[owner] : NULL;
}

struct span provider_name(const struct provider *provider)
{
	return provider->name;
}

size_t provider_hosts(const struct provider *provider, const struct span **ret_hosts)
{
	*ret_hosts = provider->hosts;
	return provider->hosts_n;
}

struct span provider_error_template(const struct provider *provider)
{
	return buf_span(&provider->error_template);
}
