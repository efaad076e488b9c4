/**
 * A log service whose key is taken away: rotating-service.mjs PORT. Each line of standard input is a key as JSON (`secretId`,
 * `secretKey`), the only one that is accepted from then on. Says on standard output, in lines of JSON, that it is ready, that it took a
 * key, what it refused, and each body that it accepted.
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { checkSignature } from '../../dist/modules/logservice/http/signature.js';

let key = { secretId: '', secretKey: '' };
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function refusalOf({ method, url, headers }) {
  const { pathname, searchParams } = new URL(url, 'http://service');
  return checkSignature({ method, path: pathname, parameters: searchParams, headers }, key, Date.now());
}

function answer(request, response, body) {
  const refusal = refusalOf(request);
  say(refusal === undefined ? { accepted: body.toString('base64') } : { refused: refusal.errorcode });
  response.writeHead(refusal?.status ?? 200, { 'x-cls-requestid': 'r' });
  response.end(refusal === undefined ? '' : JSON.stringify(refusal));
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)));
  response.on('error', () => undefined);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => say({ ready: true }));
createInterface(process.stdin)
  .on('line', (line) => {
    key = JSON.parse(line);
    say({ took: true });
  })
  .on('close', () => process.exit(0));
