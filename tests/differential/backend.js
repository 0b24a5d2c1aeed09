// A target on Node's http server, its parser set to be lenient ("insecure").
//
// usage: node backend.js LOG
//
// Answers each request with what it understood, as JSON in X-Seen and in the body, and adds that to LOG.
// Prints its port when it is ready.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

const log = fs.openSync(process.argv[2], 'a');
const record = (line) => fs.writeSync(log, JSON.stringify(line) + '\n');

let connections = 0;
const numbers = new WeakMap();

const options = {
  insecureHTTPParser: true, maxHeaderSize: 65536, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0,
};

const framing = (headers) => {
  if ('transfer-encoding' in headers) return 'chunked';
  return 'content-length' in headers ? 'length' : 'none';
};

const server = http.createServer(options, (request, response) => {
  const socket = numbers.get(request.socket);
  socket.sequence += 1;
  const sequence = socket.sequence;
  const hash = crypto.createHash('sha256');
  let length = 0;
  let complete = false;
  const seen = () => ({
    method: request.method, target: request.url, host: request.headers.host ?? '', framing: framing(request.headers),
    length, sha256: hash.digest('hex'), connection: socket.number, sequence,
  });
  request.on('data', (data) => {
    hash.update(data);
    length += data.length;
  });
  request.on('error', () => {});  // "close" tells
  request.on('end', () => {
    complete = true;
    const line = seen();
    record({ kind: 'request', complete, ...line });
    const text = JSON.stringify(line);
    response.sendDate = false;
    response.writeHead(200, { 'X-Seen': text, 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  });
  request.on('close', () => {
    if (!complete) record({ kind: 'request', complete, ...seen() });
  });
});

server.on('connection', (socket) => {
  connections += 1;
  numbers.set(socket, { number: connections, sequence: 0 });
});

server.on('clientError', (error, socket) => {
  // A connection that ends within a request is no parser's complaint.
  const cut = error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'HPE_INVALID_EOF_STATE';
  if (!cut) {
    const bytes = JSON.stringify(error.rawPacket?.toString('latin1'));
    record({ kind: 'malformed', detail: `${error.code} ${error.message} in ${bytes}` });
  }
  socket.destroy();
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
