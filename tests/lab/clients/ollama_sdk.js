// SPDX-License-Identifier: MIT
// The official ollama package; LAB_STREAM=1 asks for a stream.
"use strict";

const { Ollama } = require("ollama");
const ask = require("./ask.js");

const stream = process.env.LAB_STREAM === "1";
const client = new Ollama();

async function text(answer) {
	if (!stream) return answer.message.content;
	let all = "";
	for await (const part of answer) all += part.message.content;
	return all;
}

ask.each(async (prompt) => {
	try {
		const request = JSON.parse(ask.body(prompt));
		ask.report(200, await text(await client.chat({ ...request, stream })));
	} catch (error) {
		// It has read the error out of the answer's body.
		ask.report(error.status_code, JSON.stringify({ error: error.error ?? error.message }), error);
	}
}).then(() => process.exit(0));
