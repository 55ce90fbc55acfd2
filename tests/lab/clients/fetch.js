// SPDX-License-Identifier: MIT
// Node's own fetch (undici), which keeps its connections alive.
"use strict";

const ask = require("./ask.js");

ask.each(async (prompt) => {
	try {
		const signal = AbortSignal.timeout(20000);
		const options = { method: "POST", headers: ask.headers(), body: ask.body(prompt), signal };
		const answer = await fetch(ask.url, options);
		ask.report(answer.status, await answer.text());
	} catch (error) {
		ask.report(null, "", error.cause ?? error);
	}
}).then(() => process.exit(0));
