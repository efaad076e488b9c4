/** The built command over the store of a log service that is stopped, was killed, or does not answer. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readKeys, removeFolder, temporaryFolder, upload } from '../logservice/harness.ts';

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

let folder: string;
let url: string;
let service: ChildProcess;
beforeEach(async () => {
  folder = temporaryFolder();
  const words = [built('logservice/main.js'), '--store', folder, '--listen', '127.0.0.1:0'];
  service = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: service.stdout! }), 'line')) as [string];
  ({ url } = JSON.parse(line) as { url: string });
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

test('an answer larger than every pipe arrives whole', async () => {
  const logs = Array.from({ length: 3000 }, (_, index) => ({ contents: { marker: `${'y'.repeat(500)}${index}` } }));
  await upload({ url, keys: readKeys(folder) }, [{ contextFlow: 'BIG-1', logs }]);
  await end('SIGTERM');
  const words = ['marker:y* | select marker', '--limit', '10000', '--format', 'csv'];
  const { code, stdout, stderr } = await command('query', ...words);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.trimEnd().split('\r\n')).toHaveLength(1 + logs.length);
});

/** In place of the database that the service left. */
async function replaceDatabase(...statements: readonly string[]): Promise<void> {
  const path = join(folder, 'logs.duckdb');
  rmSync(path);
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

test('what another user may have put in place of a store is not run', async () => {
  await end('SIGTERM');
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'SECRET');
  await replaceDatabase(
    'CREATE TABLE packages (id BIGINT)',
    `CREATE VIEW logs AS SELECT * FROM read_text('${secret}')`,
    `CREATE VIEW other_keys AS SELECT 'flowlog' AS topic, content AS key FROM read_text('${secret}')`,
    "CREATE MACRO duckdb_tables() AS TABLE SELECT 'main' AS schema_name, 'logs' AS table_name, false AS temporary",
  );
  const { code, stdout, stderr } = await command('query');
  expect([code, stdout]).toEqual([69, '']);
  expect(stderr).toContain('logs.duckdb of the log service failed: it has no table logs, other_keys; move it away');
});

test.each(['logs.duckdb', 'topics.json'])('a pipe named %s is no file of a store', async (name) => {
  await end('SIGTERM');
  rmSync(join(folder, name));
  execFileSync('mkfifo', [join(folder, name)]);
  const { code, stderr } = await command('query');
  expect([code, stderr]).toEqual([69, expect.stringContaining(`${name} of the log service failed: it is no file;`)]);
});

test('an address without a store is said to be that', async () => {
  await end('SIGKILL');
  rmSync(join(folder, 'logs.duckdb'));
  const { code, stderr } = await command('query');
  expect([code, stderr]).toEqual([69, expect.stringContaining(`There is no store in ${folder}: its logs.duckdb is`)]);
});

const ENDLESS = 'select count(*) from range(1000000000) a, range(1000000000) b where a.range * b.range % 7 = 3';

/** The program that searches for the commands. @param temporary where it spills */
function searchProgram(temporary: string, query: string): ChildProcess {
  const env = { ...process.env, TMPDIR: temporary };
  const words = [built('logservice/main.js'), '--store', folder, '--search'];
  const program = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'], env });
  program.stdin!.write(`${JSON.stringify({ topic_id: 'flowlog', query, from: 0 })}\n`);
  return program;
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'the end of its input'])(
  'a search ended by %s leaves nothing',
  async (way) => {
    await end('SIGTERM');
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    const program = searchProgram(temporary, `* | ${ENDLESS}`);
    const ended = once(program, 'exit');
    while (readdirSync(temporary).length === 0) await sleep(5);
    if (way === 'the end of its input') program.stdin!.end();
    else program.kill(way as NodeJS.Signals);
    expect(await ended).toEqual([0, null]);
    expect(readdirSync(temporary)).toEqual([]);
  },
);

test('what a killed search left the next one removes, and nothing that may be in use', async () => {
  await end('SIGTERM');
  const temporary = join(folder, 'temporary');
  for (const name of ['flowlogd-search-old', 'flowlogd-search-new', 'other']) {
    mkdirSync(join(temporary, name, 'search-0.tmp'), { recursive: true });
  }
  for (const name of ['flowlogd-search-old', 'other']) utimesSync(join(temporary, name), 0, 0);
  const program = searchProgram(temporary, '*');
  const [line] = (await once(createInterface({ input: program.stdout! }), 'line')) as [string];
  expect(JSON.parse(line)).toMatchObject({ truncated: false });
  program.stdin!.end();
  await once(program, 'exit');
  expect(readdirSync(temporary).sort()).toEqual(['flowlogd-search-new', 'other']);
});
