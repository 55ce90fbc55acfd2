/* SPDX-License-Identifier: MIT */
#include "provider/operation.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdlib.h>

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = span_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that path[at] begins, decoded; *ret_n: how many bytes it takes. */
static uint8_t byte_at(struct span path, size_t at, size_t *ret_n)
{
	*ret_n = 1;
	if (path.p[at] == '%' && path.n - at > 2 && hex_value(path.p[at + 1]) >= 0 &&
	    hex_value(path.p[at + 2]) >= 0) {
		*ret_n = 3;
		return (uint8_t)(hex_value(path.p[at + 1]) << 4 | hex_value(path.p[at + 2]));
	}
	return path.p[at];
}

/* Where the separator before end stands, and its length; 0 when there is none (then *ret_at is 0).
 */
static size_t separator_before(struct span path, size_t end, size_t *ret_at)
{
	for (size_t i = end; i-- > 0;) {
		size_t n;

		if (byte_at(span_sub(path, 0, end), i, &n) == '/') {
			*ret_at = i;
			return n;
		}
	}
	*ret_at = 0;
	return 0;
}

/* Decodes one segment behind what uri holds. False when it does not fit. */
static bool decode(struct uri *uri, struct span raw, struct span *ret_part)
{
	size_t begin = uri->used, to = begin, n;

	for (size_t i = 0; i < raw.n; i += n) {
		if (to == sizeof(uri->bytes))
			return false;
		uri->exact[to] = byte_at(raw, i, &n);
		uri->bytes[to] = span_ascii_lower(uri->exact[to]);
		to++;
	}
	*ret_part = span_of(uri->bytes + begin, to - begin);
	return true;
}

bool uri_read(struct span path, struct uri *ret_uri)
{
	struct uri *uri = ret_uri;
	size_t end = path.n, dropped = 0, at, n;

	uri->n = 0;
	uri->used = 0;
	/* From the end, where a ".." is seen before what it takes away: no depth needs to be
	 * remembered. */
	do {
		struct span part = SPAN_NULL;
		bool whole;

		n = separator_before(path, end, &at);
		whole = decode(uri, span_sub(path, at + n, end), &part);
		end = at;
		if (whole && (!part.n || span_eq_str(part, ".")))
			continue;
		if (whole && span_eq_str(part, "..")) {
			dropped++;
		} else if (dropped) {
			dropped--;
		} else {
			if (!whole || uri->n == AICP_PROVIDER_URI_PARTS_MAX)
				return false;
			uri->part[uri->n++] = part;
			uri->used += part.n;
		}
	} while (n);
	return true;
}

/* A segment of a pattern that stands for others. */
struct wild {
	struct span name;
	bool greedy; /* one or more segments */
	struct span rest; /* that the segment ends with */
};

static bool is_wild(struct span part, struct wild *ret_wild)
{
	size_t end = span_find(part, '}');
	struct wild w = {.name = span_sub(part, 1, end), .rest = span_sub(part, end + 1, part.n)};

	if (!part.n || part.p[0] != '{' || end == part.n)
		return false;
	w.greedy = w.name.n && w.name.p[w.name.n - 1] == '+';
	w.name.n -= w.greedy;
	*ret_wild = w;
	return w.name.n > 0;
}

/* What a pattern costs: the least is the best fit. A `{...}` more outweighs whether one has a rest.
 */
#define COST_WILD	  (2 * AICP_PROVIDER_URI_PARTS_MAX)
#define COST_WITHOUT_REST 1
#define COST_GREEDY	  (COST_WILD * 2 * AICP_PROVIDER_URI_PARTS_MAX)

static int match_part(struct span pattern, struct span part)
{
	struct wild w;

	if (!is_wild(pattern, &w))
		return span_eq(pattern, part) ? 0 : -1;
	if (w.greedy)
		return COST_GREEDY;
	if (part.n <= w.rest.n || !span_eq(span_sub(part, part.n - w.rest.n, part.n), w.rest))
		return -1;
	return w.rest.n ? COST_WILD : COST_WILD + COST_WITHOUT_REST;
}

/* Index of the greedy segment, or pattern->n. */
static unsigned greedy_at(const struct uri *pattern)
{
	struct wild w;
	unsigned i = 0;

	while (i < pattern->n && !(is_wild(pattern->part[i], &w) && w.greedy))
		i++;
	return i;
}

/* What it costs to take uri for the pattern; -1 when it does not fit. */
static int match(const struct uri *pattern, const struct uri *uri)
{
	unsigned greedy = greedy_at(pattern), more;
	int cost;

	if (uri->n < pattern->n || (uri->n > pattern->n && greedy == pattern->n))
		return -1;
	more = uri->n - pattern->n;
	cost = (int)more;
	for (unsigned i = 0; i < pattern->n; i++) {
		int c = match_part(pattern->part[i], uri->part[i > greedy ? i + more : i]);

		if (c < 0)
			return -1;
		cost += c;
	}
	return cost;
}

const struct operation *operation_find(const struct operation *list, struct span method,
				       struct span path)
{
	const struct operation *best = NULL;
	int best_cost = INT32_MAX;
	struct uri uri;

	if (!uri_read(path, &uri))
		return NULL;
	for (const struct operation *o = list; o; o = o->next) {
		int cost = span_ieq(o->method, method) ? match(&o->pattern, &uri) : -1;

		if (cost >= 0 && cost < best_cost) {
			best = o;
			best_cost = cost;
		}
	}
	return best;
}

int operation_model(const struct operation *operation, struct span path, struct buf *out)
{
	const struct uri *pattern = &operation->pattern;
	unsigned greedy = greedy_at(pattern), more;
	struct uri uri;

	if (!uri_read(path, &uri) || match(pattern, &uri) < 0)
		return 0;
	more = uri.n - pattern->n;
	for (unsigned i = 0; i < pattern->n; i++) {
		unsigned first = i > greedy ? i + more : i, last = i == greedy ? i + more : first;
		struct wild w;

		if (!is_wild(pattern->part[i], &w) || !span_eq_str(w.name, "model"))
			continue;
		/* Parts are last first. */
		for (unsigned k = last + 1; k-- > first;) {
			size_t at = (size_t)(uri.part[k].p - uri.bytes);

			buf_put(out, span_of(uri.exact + at, uri.part[k].n - w.rest.n));
			if (k > first)
				buf_put_byte(out, '/');
		}
	}
	return out->err;
}

bool operation_has_parameter(struct span query, struct span parameter)
{
	while (query.n) {
		size_t n = span_find(query, '&');

		if (span_eq(span_sub(query, 0, n), parameter))
			return true;
		query = span_sub(query, n + 1, query.n);
	}
	return false;
}

/* Could a request fit both as well? Then it would be up to the order in the file. */
static bool collides(const struct operation *a, const struct operation *b)
{
	if (!span_ieq(a->method, b->method) || a->pattern.n != b->pattern.n)
		return false;
	for (unsigned i = 0; i < a->pattern.n; i++) {
		struct span p = a->pattern.part[i], q = b->pattern.part[i];
		struct wild v, w;

		if (is_wild(p, &v) != is_wild(q, &w))
			return false;
		if (is_wild(p, &v) ? v.greedy != w.greedy || !span_eq(v.rest, w.rest)
				   : !span_eq(p, q))
			return false;
	}
	return true;
}

/* What an entry of `operations:` may hold. */
struct entry {
	const struct yaml_node *method, *path, *name, *shape, *under, *stream, *array_unless;
};

static int read_entry(const struct yaml_node *node, const char *file, struct entry *ret_entry,
		      struct yaml_error *error)
{
	struct entry e = {0};
	const struct {
		const char *name;
		const struct yaml_node **to;
	} keys[] = {{"method", &e.method},
		    {"path", &e.path},
		    {"name", &e.name},
		    {"shape", &e.shape},
		    {"under", &e.under},
		    {"stream", &e.stream},
		    {"refusal_in_array_unless", &e.array_unless}};

	if (node->kind != YAML_MAPPING)
		return yaml_error_set(error, file, node->line,
				      "an operation with method, path and name is expected here");
	yaml_foreach (value, node) {
		const struct yaml_node **to = NULL;
		struct nearest near = {0};

		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			if (span_eq_str(value->key->text, keys[i].name))
				to = keys[i].to;
			nearest_offer(&near, value->key->text, span_str(keys[i].name));
		}
		if (!to)
			return yaml_error_set(error, file, value->key->line,
					      "unknown key `%.*s`" NEAREST_FMT,
					      YAML_SHOW(value->key->text), NEAREST_ARG(near));
		if (value->kind != YAML_SCALAR || !value->text.n)
			return yaml_error_set(error, file, value->line,
					      "`%.*s` has to be a string that is not empty",
					      YAML_SHOW(value->key->text));
		*to = value;
	}
	if (!e.method || !e.path || !e.name)
		return yaml_error_set(error, file, node->line,
				      "an operation needs method, path and name");
	*ret_entry = e;
	return PARSE_DONE;
}

static int load_shape(const struct entry *entry, const struct yaml_node *shapes, const char *file,
		      struct operation *o, struct yaml_error *error)
{
	struct span under = entry->under ? entry->under->text : SPAN_NULL;
	struct nearest near = {0};

	if (!entry->shape && !entry->under)
		return PARSE_DONE;
	if (!entry->shape)
		return yaml_error_set(error, file, entry->under->line, "`under` needs a `shape`");
	yaml_foreach (shape, shapes) {
		if (span_eq(shape->key->text, entry->shape->text))
			return shape_load(shape, under, file, &o->shape, error);
		nearest_offer(&near, entry->shape->text, shape->key->text);
	}
	return yaml_error_set(error, file, entry->shape->line,
			      "no shape `%.*s` in `shapes`" NEAREST_FMT,
			      YAML_SHOW(entry->shape->text), NEAREST_ARG(near));
}

static int load_path(const struct yaml_node *node, const char *file, struct operation *o,
		     struct yaml_error *error)
{
	unsigned greedy = 0;

	if (node->text.p[0] != '/' || !uri_read(node->text, &o->pattern))
		return yaml_error_set(error, file, node->line,
				      "a path begins with `/` and has at most %u segments",
				      AICP_PROVIDER_URI_PARTS_MAX);
	for (unsigned i = 0; i < o->pattern.n; i++) {
		struct wild w;

		if (!is_wild(o->pattern.part[i], &w) || !w.greedy)
			continue;
		if (w.rest.n || ++greedy > 1)
			return yaml_error_set(error, file, node->line,
					      "a path has one `{...+}` at most, and nothing stands "
					      "behind it in its segment");
	}
	return PARSE_DONE;
}

static int load_stream(const struct entry *entry, const char *file, struct operation *o,
		       struct yaml_error *error)
{
	if (!entry->stream)
		return PARSE_DONE;
	o->stream = span_eq_str(entry->stream->text, "true");
	o->stream_known = true;
	if (!entry->shape || (!o->stream && !span_eq_str(entry->stream->text, "false")))
		return yaml_error_set(error, file, entry->stream->line,
				      "`stream` has to be true or false, and needs a `shape`");
	return PARSE_DONE;
}

int operation_load(const struct yaml_node *node, const struct yaml_node *shapes, const char *file,
		   struct operation **list, struct yaml_error *error)
{
	struct operation **tail = list, *o;
	struct entry entry = {0};
	int r = read_entry(node, file, &entry, error);

	if (r)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->name = entry.name->text;
	o->method = entry.method->text;
	if (entry.array_unless)
		o->array_unless = entry.array_unless->text;
	r = load_path(entry.path, file, o, error);
	for (; *tail && !r; tail = &(*tail)->next)
		if (collides(*tail, o))
			r = yaml_error_set(error, file, node->line,
					   "operation `%.*s` has this method and path already",
					   SPAN_ARG((*tail)->name));
	if (!r)
		r = load_stream(&entry, file, o, error);
	if (!r)
		r = load_shape(&entry, shapes, file, o, error);
	if (r)
		operation_free(o);
	else
		*tail = o;
	return r;
}

void operation_free(struct operation *list)
{
	for (struct operation *o = list, *next; o; o = next) {
		next = o->next;
		shape_free(o->shape);
		free(o);
	}
}
