// SPDX-License-Identifier: MIT
// loop_gap.js URL BODY SECONDS: one POST with fetch beside a loop that ticks, for SECONDS at least; prints status and the
// longest gap between ticks in ms.
"use strict";

const [url, body, seconds] = process.argv.slice(2);
const post = (text) => fetch(url, { method: "POST", body: text, headers: { "content-type": "application/json" } });

async function main() {
	// Connections, modules and certificates have their own cost: not of the request at hand.
	await (await post(body.replace("bench-hold", "hello"))).text();
	const begin = performance.now();
	let last = begin;
	let longest = 0;
	const timer = setInterval(() => {
		const now = performance.now();
		longest = Math.max(longest, now - last);
		last = now;
	}, 2);
	const answer = await post(body);
	await answer.text();
	await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + seconds * 1000 - performance.now())));
	clearInterval(timer);
	console.log(answer.status, longest);
}

main().then(() => process.exit(0));
