# SPDX-License-Identifier: MIT
"""What the providers would answer: bodies, usage, event streams and errors in their own wire formats."""

import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import unquote

JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream; charset=utf-8")
CREATED = 1764000000
TEXT = "The stand-in heard you."


@dataclass
class Reply:
    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""
    events: Optional[list] = None
    counted: Optional[tuple] = None  # tokens of input and output, where the reply tells them

    def counts(self, used, made):
        self.counted = (used, made)
        return self


def reply(host, method, path, body):
    """The Reply to one request; host is the name of the TLS handshake, or what the stand-in is told to be."""
    path, _, query = path.partition("?")
    if host == "api.openai.com":
        return openai(method, path, body)
    if host == "api.anthropic.com":
        return anthropic(method, path, body)
    if host == "generativelanguage.googleapis.com":
        return gemini(method, path, query, body)
    if host == "api.mistral.ai":
        return mistral(method, path, body)
    if host.startswith("bedrock-runtime."):
        return bedrock(method, path, body)
    if host in ("ollama", "ollama.com"):
        return ollama(method, path, body)
    return json_reply(200, {"host": host, "method": method, "path": path, "received_bytes": len(body)})


def json_reply(status, value, *headers):
    return Reply(status, [JSON, *headers], json.dumps(value).encode())


def tokens(value):
    """Roughly what a tokenizer would count: four bytes each."""
    return max(1, len(json.dumps(value)) // 4)


def event(data, name=None):
    text = data if isinstance(data, str) else json.dumps(data)
    return ((("event: %s\n" % name) if name else "") + "data: %s\n\n" % text).encode()


# ---- OpenAI ---------------------------------------------------------------------------------------


def openai_error(status, message):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json_reply(status, {"error": error}, ("x-request-id", "req_lab_error"))


def openai(method, path, body):
    if method in ("GET", "HEAD") and path == "/v1/models":
        return json_reply(200, {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model", "owned_by": "lab"}]})
    if method != "POST":
        return openai_error(405, "Not allowed to %s on %s" % (method, path))
    operations = {"/v1/chat/completions": openai_chat, "/v1/responses": openai_responses}
    if path not in operations:
        return openai_error(404, "Invalid URL (POST %s)" % path)
    try:
        request = json.loads(body)
        return operations[path](request)
    except (ValueError, KeyError, TypeError, AttributeError):
        return openai_error(400, "We could not parse the JSON body of your request.")


def openai_chat(request):
    usage = {"prompt_tokens": tokens(request["messages"]), "completion_tokens": tokens(TEXT)}
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
    usage["completion_tokens_details"] = {"reasoning_tokens": 0, "audio_tokens": 0}
    base = {"id": "chatcmpl-lab", "created": CREATED, "model": request["model"], "service_tier": "default"}
    headers = [("x-request-id", "req_lab"), ("openai-version", "2020-10-01"), ("openai-processing-ms", "1")]
    if request.get("stream"):
        told = (request.get("stream_options") or {}).get("include_usage")
        counted = (usage["prompt_tokens"], usage["completion_tokens"]) if told else None
        return Reply(200, [EVENTS, *headers], events=openai_chat_events(request, base, usage), counted=counted)
    message = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
    return json_reply(200, whole, *headers).counts(usage["prompt_tokens"], usage["completion_tokens"])


def openai_chat_events(request, base, usage):
    base = {**base, "object": "chat.completion.chunk"}
    counted = bool((request.get("stream_options") or {}).get("include_usage"))
    extra = {"usage": None} if counted else {}
    pieces = [{"role": "assistant", "content": ""}] + [{"content": word + " "} for word in TEXT.split()]
    chunks = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **extra} for delta in pieces
    ]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **extra})
    if counted:
        chunks.append({**base, "choices": [], "usage": usage})
    return [event(chunk) for chunk in chunks] + [event("[DONE]")]


def openai_responses(request):
    usage = {
        "input_tokens": tokens(request["input"]),
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens(TEXT),
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    usage["total_tokens"] = usage["input_tokens"] + usage["output_tokens"]
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"id": "msg_lab", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    answer = {"id": "resp_lab", "object": "response", "created_at": CREATED, "model": request["model"]}
    answer |= {"error": None, "incomplete_details": None, "parallel_tool_calls": True, "tools": []}
    done = {**answer, "status": "completed", "output": [item], "usage": usage}
    headers = [("x-request-id", "req_lab")]
    if not request.get("stream"):
        return json_reply(200, done, *headers).counts(usage["input_tokens"], usage["output_tokens"])
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": "msg_lab", "output_index": 0, "content_index": 0}
    steps = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}),
        ("response.content_part.added", {**where, "part": {**part, "text": ""}}),
        *[("response.output_text.delta", {**where, "delta": word + " "}) for word in TEXT.split()],
        ("response.output_text.done", {**where, "text": TEXT}),
        ("response.content_part.done", {**where, "part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": done}),
    ]
    events = [event({"type": name, "sequence_number": n, **data}, name) for n, (name, data) in enumerate(steps)]
    return Reply(200, [EVENTS, *headers], events=events).counts(usage["input_tokens"], usage["output_tokens"])


# ---- Anthropic ------------------------------------------------------------------------------------


def anthropic_error(status, kind, message):
    value = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_lab_error"}
    return json_reply(status, value, ("request-id", "req_lab_error"))


def anthropic(method, path, body):
    if method in ("GET", "HEAD") and path == "/v1/models":
        model = {"type": "model", "id": "claude-sonnet-4-6", "display_name": "Claude Sonnet 4.6"}
        return json_reply(200, {"data": [model], "has_more": False, "first_id": model["id"], "last_id": model["id"]})
    if method != "POST" or path != "/v1/messages":
        return anthropic_error(404, "not_found_error", "Not found: %s %s" % (method, path))
    try:
        return anthropic_messages(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        return anthropic_error(400, "invalid_request_error", "The request body is not valid JSON")


def anthropic_messages(request):
    usage = {
        "input_tokens": tokens(request["messages"]),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens(TEXT),
        "service_tier": "standard",
    }
    message = {"id": "msg_lab", "type": "message", "role": "assistant", "model": request["model"]}
    headers = [("request-id", "req_lab")]
    if not request.get("stream"):
        content = [{"type": "text", "text": TEXT}]
        ended = {"content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        return json_reply(200, {**message, **ended}, *headers).counts(usage["input_tokens"], usage["output_tokens"])
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    steps = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *[
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word + " "}}
            for word in TEXT.split()
        ],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": usage["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    events = [event(step, step["type"]) for step in steps]
    return Reply(200, [EVENTS, *headers], events=events).counts(usage["input_tokens"], usage["output_tokens"])


# ---- Gemini ---------------------------------------------------------------------------------------


def gemini(method, path, query, body):
    model, _, verb = unquote(path).rpartition("/")[2].partition(":")
    verbs = ("generateContent", "streamGenerateContent")
    if method != "POST" or verb not in verbs:
        return json_reply(404, {"error": {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}})
    try:
        used = tokens(json.loads(body)["contents"])
    except (ValueError, KeyError, TypeError):
        return json_reply(400, {"error": {"code": 400, "message": "Invalid JSON.", "status": "INVALID_ARGUMENT"}})
    counted = {"promptTokenCount": used, "candidatesTokenCount": tokens(TEXT), "totalTokenCount": used + tokens(TEXT)}

    def piece(text, usage, **extra):
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **extra}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "lab"}

    if verb == "generateContent":
        return json_reply(200, piece(TEXT, counted, finishReason="STOP")).counts(used, tokens(TEXT))
    first = {"promptTokenCount": used, "totalTokenCount": used}
    pieces = [piece(word + " ", first) for word in TEXT.split()] + [piece("", counted, finishReason="STOP")]
    if "alt=sse" in query.split("&"):
        events = [event(p) for p in pieces]
        return Reply(200, [("content-type", "text/event-stream")], events=events).counts(used, tokens(TEXT))
    return json_reply(200, pieces).counts(used, tokens(TEXT))


# ---- Mistral --------------------------------------------------------------------------------------


def mistral(method, path, body):
    if method != "POST" or path != "/v1/chat/completions":
        return json_reply(404, {"message": "no Route matched with those values"})
    try:
        request = json.loads(body)
        model, used = request["model"], tokens(request["messages"])
    except (ValueError, KeyError, TypeError):
        return json_reply(422, {"detail": [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}]})
    usage = {"prompt_tokens": used, "completion_tokens": tokens(TEXT), "total_tokens": used + tokens(TEXT)}
    base = {"id": "lab", "created": CREATED, "model": model}
    if not request.get("stream"):
        message = {"role": "assistant", "content": TEXT, "tool_calls": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json_reply(200, whole).counts(used, tokens(TEXT))
    base["object"] = "chat.completion.chunk"
    chunks = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": word + " "}, "finish_reason": None}]}
        for word in TEXT.split()
    ]
    # Counts come with the last chunk, asked for or not.
    chunks.append({**base, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}], "usage": usage})
    events = [event(chunk) for chunk in chunks] + [event("[DONE]")]
    return Reply(200, [EVENTS], events=events).counts(used, tokens(TEXT))


# ---- Amazon Bedrock -------------------------------------------------------------------------------


def bedrock_message(kind, value):
    """One message of an Amazon event stream."""
    headers = b""
    for name, text in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(text)) + text.encode()
    payload = json.dumps(value).encode()
    message = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message += struct.pack(">I", zlib.crc32(message)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def bedrock(method, path, body):
    verb = path.rpartition("/")[2]
    if method != "POST" or verb not in ("converse", "converse-stream"):
        return json_reply(404, {"message": "Not found"}, ("x-amzn-errortype", "ResourceNotFoundException"))
    try:
        used = tokens(json.loads(body)["messages"])
    except (ValueError, KeyError, TypeError):
        return json_reply(400, {"message": "Malformed input"}, ("x-amzn-errortype", "ValidationException"))
    usage = {"inputTokens": used, "outputTokens": tokens(TEXT), "totalTokens": used + tokens(TEXT)}
    metrics = {"latencyMs": 1}
    if verb == "converse":
        message = {"role": "assistant", "content": [{"text": TEXT}]}
        answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": metrics}
        return json_reply(200, answer, ("x-amzn-requestid", "lab")).counts(used, tokens(TEXT))
    steps = [("messageStart", {"role": "assistant"})]
    steps += [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word + " "}}) for word in TEXT.split()
    ]
    steps += [("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"})]
    steps.append(("metadata", {"usage": usage, "metrics": metrics}))
    headers = [("content-type", "application/vnd.amazon.eventstream"), ("x-amzn-requestid", "lab")]
    return Reply(200, headers, events=[bedrock_message(*step) for step in steps]).counts(used, tokens(TEXT))


# ---- Ollama ---------------------------------------------------------------------------------------


def ollama(method, path, body):
    if path == "/v1/chat/completions":
        return openai(method, path, body)
    if method != "POST" or path != "/api/chat":
        return json_reply(404, {"error": "not found"})
    try:
        request = json.loads(body)
        base = {"model": request["model"], "created_at": "2026-01-01T00:00:00Z"}
        ended = {"done": True, "done_reason": "stop", "prompt_eval_count": tokens(request.get("messages"))}
    except (ValueError, KeyError, TypeError, AttributeError):
        return json_reply(400, {"error": "invalid request"})
    ended["eval_count"] = tokens(TEXT)
    if request.get("stream") is False:
        whole = {**base, "message": {"role": "assistant", "content": TEXT}, **ended}
        return json_reply(200, whole).counts(ended["prompt_eval_count"], ended["eval_count"])
    lines = [{**base, "message": {"role": "assistant", "content": w + " "}, "done": False} for w in TEXT.split()]
    lines.append({**base, "message": {"role": "assistant", "content": ""}, **ended})
    ndjson = [("content-type", "application/x-ndjson")]
    events = [json.dumps(line).encode() + b"\n" for line in lines]
    return Reply(200, ndjson, events=events).counts(ended["prompt_eval_count"], ended["eval_count"])
