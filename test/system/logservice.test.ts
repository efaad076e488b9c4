/** The built log service as a process: what survives its death, and how it starts and ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HTTP_LIMITS } from '../../logservice/http/http-server.ts';
import { tcpClients } from '../../logservice/http/tcp-clients.ts';
import {
  call,
  column,
  type Keys,
  readKeys,
  removeFolder,
  search,
  temporaryFolder,
  upload,
} from '../logservice/harness.ts';

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));
const MAIN = built('logservice/main.js');
const COMMAND = built('agent/main.js');

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  removeFolder(folder);
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly keys: Keys;
  readonly ready: Record<string, unknown>;
}

function launch(words: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function ready(child: ChildProcess): Promise<Started> {
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const parsed = JSON.parse(line) as Record<string, unknown>;
  return { child, url: String(parsed['url']), keys: readKeys(folder), ready: parsed };
}

const start = (...words: string[]) => ready(launch([MAIN, '--store', folder, '--listen', '127.0.0.1:0', ...words]));

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; err: string }> {
  let err = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, err };
}

test('what was answered 200 is there after kill -9, once, though it is sent again', async () => {
  const rounds = 4;
  const answered = new Set<string>();
  const sent = (round: number, index: number) => `DEAD-${(round * 100 + index).toString(16)}`;
  for (let round = 0; round < rounds; round++) {
    const service = await start();
    const uploads = Array.from({ length: 24 }, async (_, index) => {
      const contextFlow = sent(round, index);
      const logs = Array.from({ length: 50 }, (_log, n) => ({ contents: { bytes: String(n) } }));
      const reply = await upload(service, [{ contextFlow, logs }]).catch(() => undefined);
      if (reply?.status === 200) answered.add(contextFlow);
    });
    // Amid the uploads, each time a little later.
    while (answered.size < round * 12 + 1) await sleep(1);
    const gone = ended(service.child);
    service.child.kill('SIGKILL');
    await gone;
    await Promise.all(uploads);
  }
  const service = await start();
  const count = async () => {
    const found = await search(service, '| select __PKGID__ as id, count(*) as n group by 1', { limit: 10_000 });
    return new Map(column(found, 'id').map((id, row) => [String(id), column(found, 'n')[row]]));
  };
  const kept = await count();
  expect([...answered].filter((id) => !kept.has(id))).toEqual([]);
  // No batch is there in part.
  expect(new Set(kept.values())).toEqual(new Set([50]));
  for (const contextFlow of answered) {
    await upload(service, [{ contextFlow, logs: [{ contents: { bytes: '1' } }] }]);
  }
  expect(await count()).toEqual(kept);
});

test('a signal ends it in good order, with everything in the database file', async () => {
  const service = await start('--topic', 'a,index=off', '--topic', 'b');
  expect(service.ready).toMatchObject({
    event: 'ready',
    store: folder,
    topics: [
      { id: 'a', index: false, closed: false },
      { id: 'b', index: true, closed: false },
    ],
  });
  await upload(service, [{ logs: [{ contents: { a: '1' } }] }], 'b');
  const end = ended(service.child);
  service.child.kill('SIGTERM');
  service.child.kill('SIGINT');
  expect(await end).toEqual({ code: 0, signal: null, err: '' });
  expect(existsSync(join(folder, 'service.json'))).toBe(false);
  expect(existsSync(join(folder, 'logs.duckdb.wal'))).toBe(false);
});

test('it ends with its parent’s pipe when it is asked to', async () => {
  const service = await start('--until-stdin-ends');
  const end = ended(service.child);
  service.child.stdin!.end();
  expect(await end).toMatchObject({ code: 0 });
});

test('a second one on the same store ends with 69, and the first goes on', async () => {
  const first = await start();
  const second = await ended(launch([MAIN, '--store', folder, '--listen', '127.0.0.1:0']));
  expect(second.code).toBe(69);
  expect(second.err).toMatch(
    /^flowlogd logservice: Opening the store .*: another log service has it \(.*\); stop that one, .*\n$/,
  );
  expect((await call(first.url, '/health')).status).toBe(200);
  expect(JSON.parse(readFileSync(join(folder, 'service.json'), 'utf8'))).toMatchObject({ url: first.url });
});

/** Opens connections and sends nothing; prints a line when all came about. */
const HOLD = `
const { connect } = require('node:net');
const [port, count] = process.argv.slice(1).map(Number);
let open = 0;
for (let index = 0; index < count; index++) {
  const socket = connect(port, '127.0.0.1', () => { if (++open === count) console.log('open'); });
  socket.resume().on('error', () => undefined);
}
setInterval(() => undefined, 1000);
`;

test.skipIf(process.getuid?.() !== 0)('another user that opens 300 connections keeps nobody out', async () => {
  const service = await start();
  const socketPath = String(service.ready['socketPath']);
  const port = Number(new URL(service.url).port);
  const words = ['--reuid=65534', '--clear-groups', process.execPath, '-e', HOLD, String(port), '300'];
  const other = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(other);
  await once(other.stdout, 'data');
  for (const through of [{}, { socketPath }]) {
    const replies = await Promise.all(Array.from({ length: 20 }, () => call(service.url, '/health', through)));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
  }
  expect((await upload(service, [{ logs: [{ contents: { a: '1' } }] }])).status).toBe(200);
  const ofOther = async () => [...(await tcpClients(port)).values()].filter((user) => user === 65_534).length;
  while ((await ofOther()) !== HTTP_LIMITS.connectionsPerPeerMax) await sleep(10);
});

test('flowlogd logservice that is killed leaves no process behind, and store and port free', async () => {
  const words = [COMMAND, 'logservice', '--store', folder, '--listen'];
  const first = await ready(launch([...words, '127.0.0.1:0']));
  const { pid } = JSON.parse(readFileSync(join(folder, 'service.json'), 'utf8')) as { pid: number };
  expect(pid).not.toBe(first.child.pid);
  first.child.kill('SIGKILL');
  while (existsSync(`/proc/${pid}`)) await sleep(10);
  const second = await ready(launch([...words, new URL(first.url).host]));
  expect(second.url).toBe(first.url);
});

test.each([
  ['--listen=9514', 64],
  ['--listen=127.0.0.1:99999', 64],
  ['--topic=a,b', 64],
  ['--topic=-', 64],
  ['--retention-days=0', 64],
  ['--store-bytes-max=1', 64],
  ['--rules=scan-ports,scan', 64],
  ['--nonsense', 64],
  ['--store=/dev/null/nowhere', 73],
])('with %s it ends with %d and one line', async (word, code) => {
  const result = await ended(launch([MAIN, '--listen=127.0.0.1:0', word]));
  expect(result.code).toBe(code);
  expect(result.err.trimEnd().split('\n')).toHaveLength(1);
});

test('flowlogd logservice runs it, and flowlogd query finds what is in it', async () => {
  const service = await ready(launch([COMMAND, 'logservice', '--store', folder, '--listen', '127.0.0.1:0']));
  await upload(service, [{ logs: [{ contents: { srcaddr: '10.0.0.1', bytes: '7' } }] }]);
  const query = launch([COMMAND, 'query', 'srcaddr:10.0.0.0/8 | select sum(bytes) as total', '--store', folder]);
  let out = '';
  query.stdout!.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  expect(await ended(query)).toMatchObject({ code: 0, err: '' });
  expect(out).toBe('{"total":7}\n');
  const end = ended(service.child);
  service.child.kill('SIGINT');
  expect(await end).toMatchObject({ code: 0 });
  expect(existsSync(join(folder, 'service.json'))).toBe(false);
});
