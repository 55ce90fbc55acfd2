// SPDX-License-Identifier: MIT
// peer_node.js IN OUT: as peer_h11.py, with Node's HTTP parser (llhttp); "?" for a method that it does not know.
'use strict';
const fs = require('fs');
const http = require('http');
const { Duplex } = require('stream');

function frames(bytes) {
	const list = [];
	for (let at = 0; at < bytes.length;) {
		const n = bytes.readUInt32LE(at);
		list.push(bytes.subarray(at + 4, at + 4 + n));
		at += 4 + n;
	}
	return list;
}

function written(req, body) {
	// Codings are compared without regard to case, as h11 writes them.
	const headers = req.rawHeaders.map((text, i, all) =>
		i % 2 && all[i - 1].toLowerCase() === 'transfer-encoding' ? text.toLowerCase() : text);
	const lines = [req.method, req.url, ...headers, ''].join('\n') + '\n';
	return Buffer.concat([Buffer.from(lines, 'latin1'), ...body]);
}

// One server a request: what it reads before anything is answered.
function answer(bytes) {
	return new Promise((resolve) => {
		const server = http.createServer({ keepAlive: true });
		let result = null;
		let requests = 0;
		let unknown = false;
		const socket = new Duplex({
			read() {},
			write(chunk, encoding, done) { done(); },
			final(done) { done(); },
		});
		socket.setTimeout = socket.setNoDelay = socket.setKeepAlive = () => socket;
		const take = (req) => {
			const body = [];
			requests++;
			req.on('data', (chunk) => body.push(chunk));
			req.on('end', () => { result = written(req, body); });
		};
		server.on('request', take);
		server.on('checkContinue', take);
		server.on('connect', (req, s, rest) => { requests += 1 + rest.length; result = written(req, []); });
		// What stands behind the head is the program's to read: a body, or what it upgrades to.
		server.on('upgrade', (req) => { requests++; result = written(req, []); });
		server.on('clientError', (error) => {
			requests = 2;
			unknown = error.code === 'HPE_INVALID_METHOD';
		});
		server.emit('connection', socket);
		socket.push(bytes);
		setImmediate(() => setImmediate(() => setImmediate(() => {
			resolve(requests === 1 && result ? result : Buffer.from(unknown ? '?' : '-'));
			socket.destroy();
			server.close();
		})));
	});
}

(async () => {
	const out = [];
	for (const bytes of frames(fs.readFileSync(process.argv[2]))) {
		const result = await answer(bytes);
		const head = Buffer.alloc(4);
		head.writeUInt32LE(result.length);
		out.push(head, result);
	}
	fs.writeFileSync(process.argv[3], Buffer.concat(out));
	process.exit(0);
})();
