// SPDX-License-Identifier: MIT
// Node's https module with one keep-alive agent.
"use strict";

const https = require("https");
const ask = require("./ask.js");

const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });

function post(prompt) {
	return new Promise((resolve) => {
		const options = { host: ask.host, path: ask.path, method: "POST", headers: ask.headers(), agent, timeout: 20000 };
		const request = https.request(options, (answer) => {
			let text = "";
			answer.on("data", (piece) => (text += piece));
			answer.on("end", () => resolve(ask.report(answer.statusCode, text)));
		});
		request.on("timeout", () => request.destroy(new Error("timed out")));
		request.on("error", (error) => resolve(ask.report(null, "", error)));
		request.end(ask.body(prompt));
	});
}

ask.each(post).then(() => agent.destroy());
