import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { probeSinks, probeWebhook } from '../../../agent/commands/sink-check.ts';
import { EMBEDDED_SINK } from '../../../agent/export/cls/kind.ts';
import { EXIT } from '../../../agent/model/operational-error.ts';
import { LINES } from '../../support/lines-sink.ts';

const planFor = (name: string, port: number) => LINES.plan(name, { port, recordsMax: 1 }, () => undefined);
const context = { env: {}, signal: new AbortController().signal };

test('each sink is asked, and has one line that says what works and what does not', async () => {
  const server = createServer((socket) => void socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await probeSinks([planFor('up', port)], context)).toEqual({
    lines: [`sink up, lines to port ${port}: accepts records`],
    exitCode: EXIT.ok,
  });
  server.close();
  const { lines, exitCode } = await probeSinks([EMBEDDED_SINK, planFor('down', port)], context);
  expect(exitCode).toBe(EXIT.unavailable);
  expect(lines).toEqual([
    'sink embedded, the embedded log service: started by the agent',
    expect.stringMatching(/^sink down, lines to port \d+: unreachable: connect ECONNREFUSED/),
  ]);
});

describe('the webhook of findings', () => {
  const probe = (port: number) =>
    probeWebhook(
      {
        url: new URL(`http://127.0.0.1:${port}/hooks/secret`),
        secret: 's',
        ca: undefined,
        proxy: 'none',
        severityMin: 'low',
      },
      'web-1',
      context,
    );

  test('is sent one test message, marked as one and signed like an event', async () => {
    const received: { request: IncomingMessage; body: string }[] = [];
    const server = createHttpServer(async (request, answer) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      received.push({ request, body });
      answer.writeHead(204).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await probe(port)).toEqual({
      lines: [`webhook of findings at http://127.0.0.1:${port}: accepts a test message`],
      exitCode: EXIT.ok,
    });
    const [{ request, body }] = received as [(typeof received)[0]];
    expect([received.length, request.method, request.url]).toEqual([1, 'POST', '/hooks/secret']);
    expect(JSON.parse(body)).toMatchObject({ schema: 'flowlogd.webhook-test.v1', host: 'web-1' });
    const hmac = createHmac('sha256', 's').update(`${request.headers['x-flowlogd-timestamp']}.${body}`).digest('hex');
    expect(request.headers['x-flowlogd-signature']).toBe(`sha256=${hmac}`);
    server.close();
  });

  test.each([
    [401, 'rejects a test message: answer 401'],
    [302, 'rejects a test message: answer 302: redirects are not followed'],
  ])('that answers %d is reported', async (status, text) => {
    const server = createHttpServer((_, answer) => void answer.writeHead(status).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await probe(port)).toEqual({
      lines: [`webhook of findings at http://127.0.0.1:${port}: ${text}`],
      exitCode: EXIT.unavailable,
    });
    server.close();
    await once(server, 'close');
    expect(await probe(port)).toMatchObject({ lines: [expect.stringContaining('unreachable: ')], exitCode: 69 });
  });
});
