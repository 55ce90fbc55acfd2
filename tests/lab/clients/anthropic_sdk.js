// SPDX-License-Identifier: MIT
// The official @anthropic-ai/sdk package; LAB_STREAM=1 asks for a stream. attempts counts its HTTP requests for the prompt.
"use strict";

const { Anthropic } = require("@anthropic-ai/sdk");
const ask = require("./ask.js");

const stream = process.env.LAB_STREAM === "1";

async function text(answer) {
	if (!stream) return answer.content[0].text;
	let all = "";
	for await (const part of answer) all += part.delta?.text ?? "";
	return all;
}

const count = ask.counted();
const client = new Anthropic({ apiKey: ask.CANARY, fetch: count, timeout: 20000 });
ask.each(async (prompt) => {
	count.attempts = 0;
	try {
		const messages = [{ role: "user", content: prompt }];
		const answer = await client.messages.create({ model: "claude-sonnet-4-6", max_tokens: 64, messages, stream });
		ask.report(200, await text(answer), null, { attempts: count.attempts });
	} catch (error) {
		const more = { attempts: count.attempts, type: error.error?.error?.type ?? null };
		ask.report(error.status, JSON.stringify(error.error), error, more);
	}
}).then(() => process.exit(0));
