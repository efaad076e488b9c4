/**
 * A log service in trouble: faulty-service.mjs PORT UPSTREAM-PORT. Each line of standard input is a fault as JSON, which every
 * request meets from then on; without one, requests go on to the log service behind it. Says on standard output, in lines of
 * JSON, that it is ready, that it took a fault, and which fault each request met, and when.
 */
import { createServer, request as forward } from 'node:http';
import { createInterface } from 'node:readline';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
let fault = {};
let met = 0;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const BUSY = { status: 503, body: '' };

/** Beside answers (`status`, `headers`, `body`), what a network or a sick server does. */
const MISBEHAVIOUR = {
  'black-hole': () => undefined,
  reset: (_request, response) => response.socket.resetAndDestroy(),
  truncated: (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{', () => response.socket.destroy());
  },
  drip: (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    const dripping = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(dripping));
  },
};

function pass(request, response, body) {
  const { method, url, headers } = request;
  const onward = forward({ host: '127.0.0.1', port: upstreamPort, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  onward.end(body);
}

function answer(request, response, body) {
  if (fault.name === undefined) return pass(request, response, body);
  met += 1;
  say({ met: fault.name, url: request.url, atMs: performance.now() });
  const present = met <= (fault.times ?? Number.POSITIVE_INFINITY) ? fault : BUSY;
  if (present.misbehaviour !== undefined) return MISBEHAVIOUR[present.misbehaviour](request, response);
  response.writeHead(present.status, present.headers ?? {});
  response.end(present.body);
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)));
  response.on('error', () => undefined);
});
server.listen(port, '127.0.0.1', () => say({ ready: true }));
createInterface(process.stdin)
  .on('line', (line) => {
    fault = JSON.parse(line);
    met = 0;
    say({ took: fault.name ?? 'none' });
  })
  .on('close', () => process.exit(0));
