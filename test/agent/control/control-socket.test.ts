import { existsSync, lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  controlSocketPath,
  type Endpoint,
  openControlSocket,
  openEndpoints,
  openListener,
} from '../../../agent/control/control-socket.ts';
import { CONTROL_PATHS, ENDPOINT_LIMITS, LOCAL_ROUTES } from '../../../agent/control/endpoint-server.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { withFormerNames } from '../../../agent/telemetry/former-names.ts';
import type { Log } from '../../../agent/telemetry/log.ts';
import { ETH0, plainLedger, StatusWorld } from '../../support/agent-status.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(
  at: { socketPath: string } | { host: string; port: number },
  path: string,
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ ...at, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, body }));
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** Everything that comes until the other side ends. */
function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    text += data;
  });
  socket.on('error', () => undefined);
  return new Promise((resolve) => socket.once('close', () => resolve(text)));
}

const connected = (socket: Socket) => new Promise<void>((resolve) => socket.once('connect', resolve));

let world: StatusWorld;
let path: string;
const open: Endpoint[] = [];
const started = async (opening: Promise<Endpoint>) => {
  const endpoint = await opening;
  open.push(endpoint);
  return endpoint;
};
const read = () => world.collector.read();

beforeEach(() => {
  world = new StatusWorld();
  path = join(temporaryFolder(), 'control.sock');
});
afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.stop();
});

describe('the control socket', () => {
  test('answers status, metrics and health', async () => {
    await started(openControlSocket(path, read));
    world.close(0, plainLedger(5));
    const status = await ask({ socketPath: path }, '/status');
    expect(status).toMatchObject({ code: 200, headers: { 'content-type': 'application/json', connection: 'close' } });
    expect(JSON.parse(status.body)).toEqual(withFormerNames(read()));
    const metrics = await ask({ socketPath: path }, '/metrics?query=ignored');
    expect(metrics).toMatchObject({
      code: 200,
      headers: { 'content-type': expect.stringMatching(/^text\/plain; version=0\.0\.4/) },
    });
    expect(metrics.body).toContain('flowlogd_packets_total{interface="eth0",outcome="metered"} 5\n');
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200, body: 'ok\n' });
    expect(await ask({ socketPath: path }, '/health', 'HEAD')).toMatchObject({ code: 200, body: '' });
  });

  test('says 503 with the reasons while something is wrong, and 200 again', async () => {
    await started(openControlSocket(path, read));
    world.collector.captured(ETH0, { kind: 'detached', reason: 'it went away' });
    Object.assign(world.exporter, { state: 'blocked', lastError: 'a warning' });
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({
      code: 503,
      body: 'interface-detached: eth0 not captured: it went away.\n',
    });
    world.collector.captured(ETH0, { kind: 're-attached' });
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200, body: 'ok\n' });
  });

  test('refuses other paths and other methods', async () => {
    await started(openControlSocket(path, read));
    expect(await ask({ socketPath: path }, '/')).toMatchObject({
      code: 404,
      body: 'Not found. Endpoints: /metrics, /health, /status, /flow-logs, /spool, /findings, /finding, /observe\n',
    });
    expect(await ask({ socketPath: path }, '/__proto__')).toMatchObject({ code: 404 });
    expect(await ask({ socketPath: path }, '/status', 'DELETE')).toMatchObject({
      code: 405,
      headers: { allow: 'GET, HEAD' },
    });
  });

  test('is for its owner alone, whatever the umask, and leaves the umask as it was', async () => {
    const before = process.umask(0);
    try {
      await started(openControlSocket(path, read));
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  test('is gone after the stop, with every connection', async () => {
    const endpoint = await openControlSocket(path, read);
    const waiting = connect({ path });
    await connected(waiting);
    const ended = untilClosed(waiting);
    await endpoint.stop();
    expect(await ended).toBe('');
    expect(existsSync(path)).toBe(false);
  });

  test('replaces the one that a killed agent left behind', async () => {
    await leaveStale(path);
    await expect(ask({ socketPath: path }, '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await started(openControlSocket(path, read));
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200 });
  });

  test('does not take the place of an agent that lives, nor of a file', async () => {
    await started(openControlSocket(path, read));
    await expect(openControlSocket(path, read)).rejects.toThrow(/another agent listens on it/);
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200 });
    const file = `${path}.file`;
    writeFileSync(file, 'mine');
    await expect(openControlSocket(file, read)).rejects.toThrow(/not a socket/);
    expect(statSync(file).size).toBe(4);
  });

  test('says that a path is too long, instead of listening at half of it', async () => {
    const long = join(temporaryFolder(), 'x'.repeat(100));
    await expect(openControlSocket(long, read)).rejects.toBeInstanceOf(OperationalError);
  });

  test('closes the connections that are too many, and serves the others', async () => {
    await started(openControlSocket(path, read, { limits: { ...ENDPOINT_LIMITS, connectionsMax: 3 } }));
    const three = [1, 2, 3].map(() => connect({ path }));
    await Promise.all(three.map(connected));
    // The fourth is accepted by the kernel, and closed by the server without a word.
    expect(await untilClosed(connect({ path }))).toBe('');
    const first = untilClosed(three[0]!);
    three[0]!.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await first).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of three) socket.destroy();
  });

  test('ends a client that says nothing, that never finishes, and that sends too much', async () => {
    await started(openControlSocket(path, read, { limits: { ...ENDPOINT_LIMITS, timeoutMs: 100 } }));
    const silent = untilClosed(connect({ path }));
    const half = connect({ path });
    const never = untilClosed(half);
    half.write('GET /status HTTP/1.1\r\nHost: x\r\n');
    const large = connect({ path });
    const tooMuch = untilClosed(large);
    large.write(`GET /status HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(ENDPOINT_LIMITS.headerBytesMax)}\r\n\r\n`);
    expect(await silent).not.toContain('200');
    expect(await never).not.toContain('200');
    expect(await tooMuch).toMatch(/^HTTP\/1\.1 431 /);
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200 });
  });
});

test('docs/operations.md has the paths of the control socket, and what is also served over TCP', () => {
  const rows = readFileSync('docs/operations.md', 'utf8').matchAll(/^\| `(\/[a-z-]+)` \| .* \| (yes|no)\b.*\|$/gm);
  const listed = [...rows].map(([, path, isOverTcp]) => ({ path, isOverTcp: isOverTcp === 'yes' }));
  const served = CONTROL_PATHS.map((path) => ({ path, isOverTcp: Object.hasOwn(LOCAL_ROUTES, path) }));
  const byPath = <One extends { readonly path: string | undefined }>(one: One, other: One) =>
    one.path!.localeCompare(other.path!);
  expect(listed.sort(byPath)).toEqual(served.sort(byPath));
});

describe('the endpoint over TCP', () => {
  test('answers metrics and health, and keeps the status to itself', async () => {
    const { address } = await started(openListener({ host: '127.0.0.1', port: 0 }, read));
    const [host = '', port] = address.split(':');
    const at = { host, port: Number(port) };
    expect(await ask(at, '/health')).toMatchObject({ code: 200 });
    expect((await ask(at, '/metrics')).body).toContain('flowlogd_healthy 1\n');
    expect(await ask(at, '/status')).toMatchObject({ code: 404 });
  });
});

describe('the endpoint over TCP, when its connections are taken', () => {
  test('closes the oldest for a new one, and answers that', async () => {
    const limits = { ...ENDPOINT_LIMITS, connectionsMax: 3 };
    const { address } = await started(openListener({ host: '127.0.0.1', port: 0 }, read, limits));
    const [host = '', text] = address.split(':');
    const port = Number(text);
    const held = Array.from({ length: 3 }, () => connect({ host, port }));
    await Promise.all(held.map(connected));
    const closed = untilClosed(held[0]!);
    expect(await ask({ host, port }, '/health')).toMatchObject({ code: 200 });
    expect(await closed).toBe('');
    const second = untilClosed(held[1]!);
    held[1]!.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await second).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of held) socket.destroy();
  });
});

describe('the endpoints of an agent', () => {
  function collectedLog() {
    const warnings: string[] = [];
    const nothing = () => undefined;
    const log: Log = { error: nothing, info: nothing, debug: nothing, warn: (message) => void warnings.push(message) };
    return { log, warnings };
  }

  test('that cannot be opened are a warning each, and hold nothing up', async () => {
    const { log, warnings } = collectedLog();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const socketPath = join(path, 'not', 'there', 'control.sock');
    const endpoints = await openEndpoints({ socketPath, listen: { host: '127.0.0.1', port } }, world.collector, log);
    await endpoints.stop();
    taken.close();
    expect(warnings).toEqual([
      expect.stringMatching(/control\.sock.*ENOENT.*flowlogd status/),
      expect.stringMatching(/^Listening on 127\.0\.0\.1:\d+ .*EADDRINUSE/),
    ]);
  });

  test('are the socket alone when no address is configured', async () => {
    const { log, warnings } = collectedLog();
    const endpoints = await openEndpoints({ socketPath: path, listen: undefined }, world.collector, log);
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200 });
    await endpoints.stop();
    expect(existsSync(path)).toBe(false);
    expect(warnings).toEqual([]);
  });

  test('a control socket that was deleted is missed, and answers again at its path', async () => {
    const { log } = collectedLog();
    const endpoints = await openEndpoints({ socketPath: path, listen: undefined }, world.collector, log);
    expect(endpoints.isInPlace()).toBe(true);
    rmSync(path);
    expect(endpoints.isInPlace()).toBe(false);
    await endpoints.reopen();
    expect(endpoints.isInPlace()).toBe(true);
    expect(await ask({ socketPath: path }, '/health')).toMatchObject({ code: 200 });
    await endpoints.stop();
    expect(existsSync(path)).toBe(false);
  });

  test('have the socket where systemd made a folder for it, else beside the state', () => {
    expect(controlSocketPath('/state', {})).toBe('/state/control.sock');
    expect(controlSocketPath('/state', { RUNTIME_DIRECTORY: '' })).toBe('/state/control.sock');
    expect(controlSocketPath('/state', { RUNTIME_DIRECTORY: '/run/a:/run/b' })).toBe('/run/a/control.sock');
  });
});

/** A socket file on which nobody listens, as after SIGKILL. */
async function leaveStale(at: string): Promise<void> {
  const { spawnSync } = await import('node:child_process');
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, at]);
  expect(lstatSync(at).isSocket()).toBe(true);
}
