/**
 * A log service that takes everything: `node sink.js` listens on a free port of the loopback interface, prints it, and
 * answers 200 to whatever it is sent. It stands where a real service would, in a process of its own, so that its cost and a
 * store's are not measured. Ends with its standard input.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => response.writeHead(200, { 'x-cls-requestid': 'bench', 'content-length': 0 }).end());
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.stdin.resume().once('end', () => process.exit(0));
