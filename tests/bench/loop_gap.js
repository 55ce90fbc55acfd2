// SPDX-License-Identifier: MIT
// loop_gap.js URL BODY: one POST with fetch beside a loop that ticks; prints status and the longest gap between ticks in ms.
"use strict";

const [url, body] = process.argv.slice(2);
const post = (text) => fetch(url, { method: "POST", body: text, headers: { "content-type": "application/json" } });

async function main() {
	// Connections, modules and certificates have their own cost: not of the request at hand.
	await (await post(body.replace("bench-hold", "hello"))).text();
	let last = performance.now();
	let longest = 0;
	const timer = setInterval(() => {
		const now = performance.now();
		longest = Math.max(longest, now - last);
		last = now;
	}, 2);
	const answer = await post(body);
	await answer.text();
	clearInterval(timer);
	console.log(answer.status, longest);
}

main().then(() => process.exit(0));
