import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { probeSinks } from '../../../agent/commands/sink-check.ts';
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
