// SPDX-License-Identifier: MIT
// The official openai package; LAB_STREAM=1 asks for a stream, LAB_TIMEOUT_MS says how long a
// request waits, which the SDK tells in a header. attempts counts its HTTP requests for the prompt.
"use strict";

const { OpenAI } = require("openai");
const ask = require("./ask.js");

const stream = process.env.LAB_STREAM === "1";
const timing = process.env.LAB_TIMEOUT_MS ? { timeout: Number(process.env.LAB_TIMEOUT_MS) } : {};

async function create(client, prompt) {
	const messages = [{ role: "user", content: prompt }];
	const options = stream ? { stream: true, stream_options: { include_usage: true } } : {};
	if (ask.shape === "responses") return client.responses.create({ model: "gpt-4o-mini", input: prompt, stream }, timing);
	return client.chat.completions.create({ model: "gpt-4o-mini", messages, ...options }, timing);
}

async function text(answer) {
	if (!stream) return answer.output_text ?? answer.choices[0].message.content;
	let all = "";
	for await (const part of answer) all += part.delta ?? part.choices?.[0]?.delta?.content ?? "";
	return all;
}

const count = ask.counted();
const client = new OpenAI({ apiKey: ask.CANARY, fetch: count, timeout: 20000 });
ask.each(async (prompt) => {
	count.attempts = 0;
	try {
		ask.report(200, await text(await create(client, prompt)), null, { attempts: count.attempts });
	} catch (error) {
		const more = { attempts: count.attempts, type: error.type ?? null };
		ask.report(error.status, JSON.stringify(error.error), error, more);
	}
}).then(() => process.exit(0));
