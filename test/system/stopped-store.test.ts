/** The built command over the store of a log service that is stopped, was killed, or does not answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readKeys, removeFolder, temporaryFolder, upload } from '../logservice/harness.ts';

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

let folder: string;
let service: ChildProcess;
beforeEach(async () => {
  folder = temporaryFolder();
  const words = [built('logservice/main.js'), '--store', folder, '--listen', '127.0.0.1:0'];
  service = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: service.stdout! }), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  const contents = { srcaddr: '10.0.0.1', dstaddr: '10.0.0.2', bytes: '400', 'log-status': 'OK', marker: 'x' };
  await upload({ url, keys: readKeys(folder) }, [{ contextFlow: 'AB-1', logs: [{ contents }] }]);
});
afterEach(async () => {
  await end('SIGKILL');
  removeFolder(folder);
});

async function end(signal: NodeJS.Signals): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null) return;
  service.kill(signal);
  await once(service, 'exit');
}

async function command(...words: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [built('agent/main.js'), ...words, '--store', folder]);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

const STOPPED = (): string => `Read the store ${folder} itself: its log service is stopped.`;

/** Every file of the store, and what is in it. */
function contentsOf(): readonly string[] {
  const digest = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return readdirSync(folder)
    .filter((name) => !name.endsWith('.sock'))
    .map((name) => `${name} ${digest(name)}`);
}

test.each(['SIGTERM', 'SIGKILL'] as const)('after %s of its service a store is searched as it is', async (signal) => {
  await end(signal);
  const before = contentsOf();
  const found = await command('query', 'srcaddr:10.0.0.1 | select dstaddr, bytes, marker', '--format', 'csv');
  expect(found).toEqual({ code: 0, stdout: 'dstaddr,bytes,marker\r\n10.0.0.2,400,x\r\n', stderr: '' });
  expect((await command('query', 'srcaddr:10.0.0.1', '-o', 'table')).stderr).toContain(STOPPED());
  expect(contentsOf()).toEqual(before);
});

test('a killed service leaves its analyses and the look back to the command, too', async () => {
  await end('SIGKILL');
  const analysed = await command('analyse', 'top-talkers', '--last', '1h');
  expect([analysed.code, analysed.stdout]).toEqual([0, expect.stringContaining('10.0.0.2')]);
  expect(analysed.stdout + analysed.stderr).toContain(STOPPED());
  const observed = await command('observe', '--last', '1h');
  expect([observed.code, observed.stderr]).toEqual([0, expect.stringContaining(STOPPED())]);
});

test('what a service refuses is refused without it', async () => {
  await end('SIGTERM');
  const reading = await command('query', "* | select * from read_csv('/etc/passwd')");
  expect([reading.code, reading.stderr]).toEqual([65, expect.stringContaining('The SQL after the bar is refused')]);
  const topic = await command('query', '--topic', 'none');
  expect([topic.code, topic.stderr]).toEqual([
    65,
    expect.stringContaining(`The store ${folder} has no topic 'none'; it has flowlog.`),
  ]);
});

test('a store whose service does not answer is said to be in use', async () => {
  for (const name of ['service.json', 'service.sock']) rmSync(join(folder, name));
  const { code, stdout, stderr } = await command('query');
  expect([code, stdout]).toEqual([65, '']);
  expect(stderr).toContain(`in use by process ${service.pid}, a log service that does not answer.`);
});
