/* SPDX-License-Identifier: MIT */
#include "model/config.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "base/decimal.h"
#include "base/nearest.h"
#include "model/listen.h"

#include <errno.h>

enum kind { FOLDER, RUNTIME, LISTEN, MODE, FAIL, BOOL, PATHS, HOLD, EXPIRY, UIDS };

#define VALUES_FOLDER  "a folder"
#define VALUES_RUNTIME "a folder"
#define VALUES_LISTEN  "ADDRESS:PORT"
#define VALUES_MODE    "enforce or monitor"
#define VALUES_FAIL    "closed or open"
#define VALUES_BOOL    "true or false"
#define VALUES_PATHS   "a list of paths"
#define VALUES_HOLD    "1 to 840"
#define VALUES_EXPIRY  "1 to 604800"
#define VALUES_UIDS    "a list of uids"
_Static_assert(AICP_HOLD_S_MAX == 840 && AICP_APPROVAL_EXPIRY_S_MAX == 604800, "as they say");

static const struct config_key table[] = {
#define X(member, key, kind, initial, text) {key, VALUES_##kind, initial, text},
#include "model/config.def"
#undef X
};

static const struct {
	enum kind kind;
	size_t offset;
} place[] = {
#define X(member, key, kind, initial, text) {kind, offsetof(struct config, member)},
#include "model/config.def"
#undef X
};

#define KEYS (sizeof(table) / sizeof(table[0]))

struct reader {
	struct config *config;
	const char *file;
	struct span folder; /* of the file, with its slash; empty when it has none */
	struct yaml_error *error;
	int line[KEYS]; /* where each key stands; 0: not seen */
};

const struct config_key *config_key(size_t index)
{
	return index < KEYS ? &table[index] : NULL;
}

static void free_list(struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->api_listen);
	free_list(&config->policies);
	free_list(&config->compliance);
	free_list(&config->providers);
	free_list(&config->plugins);
	free(config->approvals_approvers.uid);
	free(config);
}

DEFINE_FREEP(struct config, config_free)

static char *join(struct span a, struct span b)
{
	char *s = malloc(a.n + b.n + 1);

	if (!s)
		return NULL;
	if (a.n)
		memcpy(s, a.p, a.n);
	if (b.n)
		memcpy(s + a.n, b.p, b.n);
	s[a.n + b.n] = 0;
	return s;
}

static int read_path(struct reader *r, const char *key, const struct yaml_node *node,
		     char **ret_path)
{
	struct span folder = r->folder;
	char *path;

	if (node->kind != YAML_SCALAR || !node->text.n)
		return yaml_error_set(r->error, r->file, node->line, "`%s` wants a path here", key);
	for (size_t i = 0; i < node->text.n; i++)
		if (node->text.p[i] < 0x20 || node->text.p[i] == 0x7f)
			return yaml_error_set(r->error, r->file, node->line,
					      "`%s`: a path with control characters is refused",
					      key);
	if (node->text.p[0] == '/')
		folder.n = 0;
	if (folder.n + node->text.n > AICP_PATH_BYTES_MAX)
		return yaml_error_set(r->error, r->file, node->line,
				      "`%s`: the path is longer than %u bytes", key,
				      AICP_PATH_BYTES_MAX);
	path = join(folder, node->text);
	if (!path)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

static int set_folder(struct reader *r, size_t i, const struct yaml_node *node, char **to)
{
	char *path CLEANUP(cleanup_freep) = NULL;
	int err = read_path(r, table[i].name, node, &path);

	if (err)
		return err;
	if (place[i].kind == RUNTIME && strlen(path) > AICP_RUNTIME_DIR_BYTES_MAX)
		return yaml_error_set(
			r->error, r->file, node->line,
			"`%s` is longer than %u bytes with its folder, and the names of "
			"sockets below it would not fit; choose a shorter one",
			table[i].name, AICP_RUNTIME_DIR_BYTES_MAX);
	*to = TAKE(path);
	return 0;
}

static int set_paths(struct reader *r, size_t i, const struct yaml_node *node,
		     struct config_list *list)
{
	size_t n = 0;

	if (node->kind != YAML_SEQUENCE)
		return yaml_error_set(
			r->error, r->file, node->line,
			"`%s` wants a list of paths, one per line behind `- `; write [] for "
			"none, or leave the key out for what is built in",
			table[i].name);
	yaml_foreach (item, node)
		n++;
	list->item = calloc(n ? n : 1, sizeof(*list->item));
	if (!list->item)
		return -ENOMEM;
	yaml_foreach (item, node) {
		int err = read_path(r, table[i].name, item, &list->item[list->n]);

		if (err)
			return err;
		list->n++;
	}
	list->set = true;
	return 0;
}

static int set_listen(struct reader *r, size_t i, const struct yaml_node *node, char **to)
{
	struct config *c = r->config;
	struct span host;
	uint16_t port;

	if (node->kind != YAML_SCALAR || !listen_split(node->text, &host, &port))
		return yaml_error_set(
			r->error, r->file, node->line,
			"`%s` wants ADDRESS:PORT with a port from 1 to 65535, for example "
			"127.0.0.1:8642 or [::1]:8642",
			table[i].name);
	if (!listen_is_loopback(host))
		return yaml_error_set(
			r->error, r->file, node->line,
			"`%s`: `%.*s` is no loopback address, and this version of aicp has no TLS "
			"of its own: API keys would cross the network in clear. Listen on "
			"127.0.0.1, [::1] or localhost, and reach it through ssh or a TLS proxy",
			table[i].name, YAML_SHOW(host));
	*to = join(SPAN_NULL, node->text);
	if (!*to)
		return -ENOMEM;
	memcpy(c->api_host, host.p, host.n);
	c->api_host[host.n] = 0;
	c->api_port = port;
	return 0;
}

/* One of two words: 0 for the first, 1 for the second. */
static int read_choice(struct reader *r, size_t i, const struct yaml_node *node,
		       const char *const word[2], int *ret_choice)
{
	struct nearest near = {0};

	for (int k = 0; node->kind == YAML_SCALAR && k < 2; k++) {
		if (span_eq_str(node->text, word[k])) {
			*ret_choice = k;
			return 0;
		}
		nearest_offer(&near, node->text, span_str(word[k]));
	}
	return yaml_error_set(r->error, r->file, node->line, "`%s` must be %s or %s" NEAREST_FMT,
			      table[i].name, word[0], word[1], NEAREST_ARG(near));
}

static int set_seconds(struct reader *r, size_t i, const struct yaml_node *node, unsigned max,
		       unsigned *to)
{
	uint64_t value = 0;

	if (node->kind != YAML_SCALAR || !decimal_read(node->text, max, &value) || !value)
		return yaml_error_set(r->error, r->file, node->line,
				      "`%s` must be a whole number of seconds from 1 to %u",
				      table[i].name, max);
	*to = (unsigned)value;
	return 0;
}

static int set_uids(struct reader *r, size_t i, const struct yaml_node *node,
		    struct config_uids *to)
{
	size_t n = 0;

	if (node->kind != YAML_SEQUENCE)
		goto bad;
	yaml_foreach (item, node)
		n++;
	to->uid = calloc(n ? n : 1, sizeof(*to->uid));
	if (!to->uid)
		return -ENOMEM;
	yaml_foreach (item, node) {
		uint64_t uid = 0;

		/* The last one means "no user" to the kernel. */
		if (item->kind != YAML_SCALAR || !decimal_read(item->text, UINT32_MAX - 1, &uid)) {
			node = item;
			goto bad;
		}
		to->uid[to->n++] = (uint32_t)uid;
	}
	return 0;
bad:
	return yaml_error_set(r->error, r->file, node->line,
			      "`%s` wants a list of user ids (numbers), one per line behind `- `; "
			      "`id -u NAME` says a user's",
			      table[i].name);
}

bool config_uids_has(const struct config_uids *uids, uint32_t uid)
{
	for (size_t i = 0; i < uids->n; i++)
		if (uids->uid[i] == uid)
			return true;
	return false;
}

static int set_value(struct reader *r, size_t i, const struct yaml_node *node)
{
	static const char *const modes[] = {"enforce", "monitor"};
	static const char *const fails[] = {"closed", "open"};
	void *to = (char *)r->config + place[i].offset;
	int choice, err;

	switch (place[i].kind) {
	case FOLDER:
	case RUNTIME:
		return set_folder(r, i, node, to);
	case LISTEN:
		return set_listen(r, i, node, to);
	case PATHS:
		return set_paths(r, i, node, to);
	case HOLD:
		return set_seconds(r, i, node, AICP_HOLD_S_MAX, to);
	case EXPIRY:
		return set_seconds(r, i, node, AICP_APPROVAL_EXPIRY_S_MAX, to);
	case UIDS:
		return set_uids(r, i, node, to);
	case MODE:
		err = read_choice(r, i, node, modes, &choice);
		if (!err)
			*(enum mode *)to = choice ? MODE_MONITOR : MODE_ENFORCE;
		return err;
	case FAIL:
		err = read_choice(r, i, node, fails, &choice);
		if (!err)
			*(enum config_fail *)to = choice ? CONFIG_FAIL_OPEN : CONFIG_FAIL_CLOSED;
		return err;
	case BOOL:
		if (!yaml_bool(node, to))
			return yaml_error_set(r->error, r->file, node->line,
					      "`%s` must be true or false, without quotes",
					      table[i].name);
		return 0;
	}
	return -EINVAL;
}

static bool is_section(struct span name)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct span key = span_str(table[i].name);

		if (key.n > name.n && key.p[name.n] == '.' && span_starts(key, name))
			return true;
	}
	return false;
}

static int unknown_key(struct reader *r, struct span name, int line)
{
	struct nearest near = {0};

	for (size_t i = 0; i < KEYS; i++)
		nearest_offer(&near, name, span_str(table[i].name));
	return yaml_error_set(r->error, r->file, line, "there is no key `%.*s`" NEAREST_FMT,
			      YAML_SHOW(name), NEAREST_ARG(near));
}

static int read_key(struct reader *r, struct span name, const struct yaml_node *node)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (!span_eq_str(name, table[i].name))
			continue;
		if (r->line[i])
			return yaml_error_set(r->error, r->file, node->key->line,
					      "`%s` is set twice (first in line %d); keep one",
					      table[i].name, r->line[i]);
		r->line[i] = node->key->line;
		return set_value(r, i, node);
	}
	return unknown_key(r, name, node->key->line);
}

/* api: {listen: …} is api.listen. */
static int read_section(struct reader *r, const struct yaml_node *section)
{
	struct buf name = BUF_INIT(2 * AICP_YAML_BYTES_MAX);
	int err = 0;

	if (section->kind != YAML_MAPPING)
		return yaml_error_set(r->error, r->file, section->line,
				      "`%.*s` wants a mapping of its keys; write {} for none",
				      YAML_SHOW(section->key->text));
	yaml_foreach (node, section) {
		buf_clear(&name);
		buf_put(&name, section->key->text);
		buf_put_byte(&name, '.');
		err = buf_put(&name, node->key->text);
		if (!err)
			err = read_key(r, buf_span(&name), node);
		if (err)
			break;
	}
	buf_deinit(&name);
	return err;
}

static int read_root(struct reader *r, const struct yaml_node *root)
{
	if (!root)
		return 0;
	if (root->next)
		return yaml_error_set(r->error, r->file, root->next->line,
				      "a second document; the configuration is one document");
	if (root->kind != YAML_MAPPING)
		return yaml_error_set(r->error, r->file, root->line,
				      "the configuration is a mapping: lines of `key: value`");
	yaml_foreach (node, root) {
		int err = is_section(node->key->text) ? read_section(r, node)
						      : read_key(r, node->key->text, node);

		if (err)
			return err;
	}
	return 0;
}

/* Through the same reader as the file, so that a default cannot be what a file could not say. */
static int read_defaults(struct reader *r)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct yaml_node node = {.kind = YAML_SCALAR, .text = span_str(table[i].initial)};
		int err;

		/* An empty list is what there is before anything is read. */
		if (r->line[i] || !table[i].initial || place[i].kind == PATHS ||
		    place[i].kind == UIDS)
			continue;
		err = set_value(r, i, &node);
		if (err)
			return err;
	}
	return 0;
}

int config_parse(struct span text, const char *file, struct config **ret_config,
		 struct yaml_error *error)
{
	struct config *config CLEANUP(config_freep) = calloc(1, sizeof(*config));
	const char *slash = strrchr(file, '/');
	struct reader r = {.config = config, .file = file, .error = error};
	struct yaml *yaml;
	int err;

	if (!config)
		return -ENOMEM;
	if (slash)
		r.folder = span_of(file, (size_t)(slash - file) + 1);
	err = yaml_parse(text, file, &yaml, error);
	if (err)
		return err;
	err = read_root(&r, yaml_root(yaml));
	yaml_release(yaml);
	if (!err)
		err = read_defaults(&r);
	if (err)
		return err;
	*ret_config = TAKE(config);
	return 0;
}
