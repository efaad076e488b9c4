import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Endpoint, openControlSocket } from '../../../agent/control/control-socket.ts';
import { ENDPOINT_LIMITS } from '../../../agent/control/endpoint-server.ts';
import { findingsRoutes } from '../../../agent/control/findings-routes.ts';
import { FOLLOWERS_MAX, LiveFollowers, PENDING_BYTES_MAX } from '../../../agent/control/live-followers.ts';
import { AgentFindings, FOLLOWERS_MAX as FINDINGS_FOLLOWERS_MAX } from '../../../agent/findings/agent-findings.ts';
import { FindingsFile } from '../../../agent/findings/findings-file.ts';
import type { LiveStep } from '../../../agent/model/live-feed.ts';
import type { Log } from '../../../agent/telemetry/log.ts';
import { StatusWorld } from '../../support/agent-status.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const nothing = () => undefined;
const NO_LOG: Log = { error: nothing, warn: nothing, info: nothing, debug: nothing };

let followers: LiveFollowers;
let endpoint: Endpoint;
let recorder: MessagePort;
let asked: string[];
let path: string;

beforeEach(async () => {
  const { port1, port2 } = new MessageChannel();
  const world = new StatusWorld();
  path = join(temporaryFolder(), 'control.sock');
  asked = [];
  recorder = port1;
  recorder.on('message', ({ kind }: { kind: string }) => void asked.push(kind));
  followers = new LiveFollowers(port2, () => [{ interface: 'eth0', interfaceId: 'eni-1', flowLogId: 'fl-1' }]);
  const findings = new AgentFindings(new FindingsFile(temporaryFolder(), NO_LOG), [], () => 0);
  const operate = findingsRoutes(findings);
  endpoint = await openControlSocket(path, () => world.collector.read(), { followers, operate });
});
afterEach(async () => {
  await endpoint.stop();
  followers.close();
  recorder.close();
});

class Client {
  readonly socket: Socket;
  text = '';

  constructor(request = 'GET /observe') {
    this.socket = connect(path);
    this.socket.write(`${request} HTTP/1.1\r\nHost: flowlogd\r\n\r\n`);
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
    this.socket.on('error', () => undefined);
  }

  /** The objects that came, by their kind, those of flows as `flow`. */
  get kinds(): string[] {
    const objects = this.text.split(/\r?\n/).filter((line) => line.startsWith('{'));
    return objects.map((line) => (JSON.parse(line) as { kind?: string }).kind ?? 'flow');
  }
}

function emit(rows: string, flows: number): void {
  const numbers = { flows, deferred: 0, omittedFlows: 0, omittedPackets: 0, unsettled: 0, unreadWindows: 0 };
  recorder.postMessage({ rows: Buffer.from(rows), numbers: { ...numbers, milliseconds: 1 } } satisfies LiveStep);
}

describe('those who follow', () => {
  test('share one reading, from the first of them to the last', async () => {
    const [one, other] = [new Client(), new Client()];
    await expect.poll(() => followers.size).toBe(2);
    emit('{"srcaddr":"10.0.0.1"}\n', 1);
    for (const client of [one, other]) await expect.poll(() => client.kinds).toEqual(['begin', 'flow', 'step']);
    expect(asked).toEqual(['begin']);
    one.socket.destroy();
    await expect.poll(() => followers.size).toBe(1);
    expect(asked).toEqual(['begin']);
    other.socket.destroy();
    await expect.poll(() => asked).toEqual(['begin', 'end']);
  });

  test('get no more than they read: steps are dropped, counted and told', async () => {
    const slow = new Client();
    const fast = new Client();
    await expect.poll(() => followers.size).toBe(2);
    slow.socket.pause();
    const row = `{"text":"${'x'.repeat(PENDING_BYTES_MAX)}"}\n`;
    const steps = 12;
    for (let step = 1; step <= steps; step++) {
      emit(row, 3);
      await expect.poll(() => fast.kinds.filter((kind) => kind === 'step').length, { timeout: 20_000 }).toBe(step);
    }
    slow.socket.resume();
    await expect
      .poll(
        () => {
          emit('', 0);
          return slow.kinds.includes('dropped');
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    const dropped = JSON.parse(/\{"kind":"dropped".*\}/.exec(slow.text)![0]) as { steps: number; flows: number };
    const got = slow.kinds.filter((kind) => kind === 'flow').length;
    expect(got).toBeLessThan(steps);
    expect(dropped.flows).toBe(3 * (steps - got));
    expect(fast.kinds).not.toContain('dropped');
    slow.socket.destroy();
    fast.socket.destroy();
  }, 60_000);

  test('have a limit, beyond which one is refused', async () => {
    const clients = Array.from({ length: FOLLOWERS_MAX }, () => new Client());
    await expect.poll(() => followers.size).toBe(FOLLOWERS_MAX);
    const refused = new Client();
    await expect.poll(() => refused.text).toContain('503');
    expect(refused.text).toContain('places of followers are taken');
    for (const { socket } of clients) socket.destroy();
    await expect.poll(() => followers.size).toBe(0);
  });

  test('and those who wait for findings leave room for who asks', async () => {
    const clients = [
      ...Array.from({ length: FOLLOWERS_MAX }, () => new Client()),
      ...Array.from({ length: FINDINGS_FOLLOWERS_MAX }, () => new Client('GET /findings/events?wait=20')),
    ];
    await expect.poll(() => followers.size).toBe(FOLLOWERS_MAX);
    const asking = Array.from({ length: ENDPOINT_LIMITS.connectionsMax }, () => new Client('GET /health'));
    for (const client of asking) await expect.poll(() => client.text).toContain('200 OK');
    expect(clients.filter(({ socket }) => socket.destroyed)).toEqual([]);
    for (const { socket } of clients) socket.destroy();
    await expect.poll(() => followers.size).toBe(0);
  });

  test.each(['HEAD', 'POST', 'DELETE'])('do so with GET: %s takes no place', async (method) => {
    const client = new Client(`${method} /observe`);
    await expect.poll(() => client.text).toContain('405 Method Not Allowed');
    expect(client.text).toContain('Allow: GET\r\n');
    expect(followers.size).toBe(0);
  });
});
