/**
 * A host that records are uploaded to: upload-peer.mjs JSON, with `services` (host, port, key and cert for TLS) and `names`
 * (address, answers: name to address; without answers it is silent). Says each request, and where its connection came from, in lines of JSON.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

const { services = [], names = [] } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const listener = (request, response) => {
  const { url, method, headers, socket } = request;
  request.resume().on('end', () => {
    say({
      request: `${method} ${url}`,
      host: headers.host,
      from: socket.remoteAddress,
      authorization: headers['proxy-authorization'],
    });
    response.writeHead(200, { 'x-cls-requestid': 'r-1', 'content-length': 0 }).end();
  });
};

for (const { host, port, key, cert } of services) {
  const server = key === undefined ? createServer(listener) : createSecureServer({ key, cert }, listener);
  server.listen(port, host, () => say({ listening: port }));
}

const TYPE_A = 1;
for (const { address, answers } of names) {
  const socket = createSocket('udp4');
  socket.on('message', (query, asker) => {
    if (answers === undefined) return;
    const labels = [];
    let at = 12;
    for (; query[at] !== 0; at += 1 + query[at]) labels.push(query.subarray(at + 1, at + 1 + query[at]).toString());
    const answer = query.readUInt16BE(at + 1) === TYPE_A ? answers[labels.join('.')] : undefined;
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...(answer ?? '').split('.').map(Number)]);
    const header = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, answer === undefined ? 0 : 1, 0, 0, 0, 0]);
    const question = query.subarray(12, at + 5);
    socket.send(
      Buffer.concat(answer === undefined ? [header, question] : [header, question, record]),
      asker.port,
      asker.address,
    );
  });
  socket.bind(53, address, () => say({ listening: 53 }));
}
process.stdin.resume().on('end', () => process.exit(0));
