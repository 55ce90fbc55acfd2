// SPDX-License-Identifier: MIT
// fetch, all prompts at once, each with 500 KB behind it; reports as ask.js, in the order of the prompts,
// without the bodies.
"use strict";

const ask = require("./ask.js");

const PADDING = " " + "x".repeat(500000);

async function one(prompt) {
	try {
		const answer = await fetch(ask.url, {
			method: "POST",
			headers: ask.headers(),
			body: ask.body(prompt + PADDING),
		});
		await answer.text();
		return [answer.status, "", null];
	} catch (error) {
		return [null, "", error];
	}
}

Promise.all(ask.prompts.map(one)).then((all) => {
	for (const report of all) ask.report(...report);
	process.exit(0);
});
