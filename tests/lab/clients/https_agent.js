// SPDX-License-Identifier: MIT
// Node's https module, or http for what is in clear, with one keep-alive agent.
"use strict";

const ask = require("./ask.js");
const http = require(ask.clear ? "http" : "https");

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function post(prompt) {
	return new Promise((resolve) => {
		const options = { method: "POST", headers: ask.headers(), agent, timeout: 20000 };
		const request = http.request(ask.url, options, (answer) => {
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
