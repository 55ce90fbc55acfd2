// SPDX-License-Identifier: MIT
// What every Node client of the lab asks and how it reports; see ask.py, whose shapes and lines these are.
"use strict";

const CANARY = "sk-lab-canary-7f3c21d09be4";
const HOSTS = {
	chat: ["api.openai.com", "/v1/chat/completions"],
	responses: ["api.openai.com", "/v1/responses"],
	messages: ["api.anthropic.com", "/v1/messages"],
	plain: ["example.org", "/anything"],
	ollama: ["localhost:11434", "/api/chat"],
	local: ["localhost:11435", "/anything"],
};

const [shape, ...prompts] = process.argv.slice(2);

function headers() {
	const fields = { "content-type": "application/json" };
	if (shape === "chat" || shape === "responses") fields.authorization = "Bearer " + CANARY;
	if (shape === "messages") Object.assign(fields, { "x-api-key": CANARY, "anthropic-version": "2023-06-01" });
	return fields;
}

function body(prompt) {
	const messages = [{ role: "user", content: prompt }];
	return JSON.stringify(
		{
			chat: { model: "gpt-4o-mini", messages },
			responses: { model: "gpt-4o-mini", input: prompt },
			messages: { model: "claude-sonnet-4-6", max_tokens: 64, messages },
			plain: { text: prompt },
			ollama: { model: "llama3.2", messages, stream: false },
			local: { text: prompt },
		}[shape],
	);
}

function report(status, text, error, more) {
	console.log(
		JSON.stringify({
			status: status ?? null,
			body: (text ?? "").slice(0, 2000),
			class: error ? error.constructor.name : null,
			message: error ? String(error.message) : null,
			...more,
		}),
	);
}

// Each prompt after the one before, through whatever `ask` keeps open.
async function each(ask) {
	for (const prompt of prompts) await ask(prompt);
}

// A fetch that counts how often an SDK called it.
function counted() {
	const count = (...args) => {
		count.attempts++;
		return fetch(...args);
	};
	count.attempts = 0;
	return count;
}

const clear = shape === "ollama" || shape === "local";
const url = (clear ? "http://" : "https://") + (HOSTS[shape] ?? []).join("");

module.exports = { CANARY, prompts, shape, clear, url, headers, body, report, each, counted };
