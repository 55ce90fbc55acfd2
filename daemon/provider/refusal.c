/* SPDX-License-Identifier: MIT */
/* The answer to a refused request, in the provider's own error shape. */
#include "base/json_write.h"
#include "provider/file.h"

/* A decision id in a header or in JSON: only what needs no escape anywhere. */
static void put_id(struct buf *out, struct span id)
{
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = id.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == '_' || c == '-')
			buf_put_byte(out, c);
	}
}

/* The text of message as it stands inside a JSON string. */
static struct span escaped(struct buf *scratch, struct span message)
{
	json_write_quoted(scratch, message);
	return span_sub(buf_span(scratch), 1, scratch->n - 1);
}

bool provider_refusal_in_array(const struct provider *provider, struct span method,
			       struct span path, struct span query)
{
	const struct operation *o = operation_find(provider->operations, method, path);

	return o && o->array_unless.n && !operation_has_parameter(query, o->array_unless);
}

int provider_refusal(const struct provider *provider, const struct provider_refusal *refusal,
		     struct buf *out)
{
	struct buf id = BUF_INIT(256), text = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX),
		   body = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);
	int r;

	put_id(&id, refusal->decision_id);
	if (refusal->in_array)
		buf_put_byte(&body, '[');
	file_fill(&body, provider->error_body, escaped(&text, refusal->message), buf_span(&id));
	if (refusal->in_array)
		buf_put_byte(&body, ']');
	r = id.err ? id.err : text.err ? text.err : body.err;
	if (!r) {
		buf_printf(out,
			   "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\nx-should-retry: false\r\n"
			   "x-aicp-decision-id: %.*s\r\n",
			   body.n, SPAN_ARG(buf_span(&id)));
		yaml_foreach (header, provider->error_headers) {
			buf_put(out, header->key->text);
			buf_put_str(out, ": ");
			file_fill(out, header->text, SPAN_NULL, buf_span(&id));
			buf_put_str(out, "\r\n");
		}
		buf_put_str(out, "Connection: close\r\n\r\n");
		r = buf_put(out, buf_span(&body));
	}
	buf_deinit(&id);
	buf_deinit(&text);
	buf_deinit(&body);
	return r;
}
