import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { removeFolder, temporaryFolder } from './harness.ts';

/** What is there when the start has come so far. */
const MOMENTS = { 'it has begun': '', 'it has the store': 'logs.duckdb', 'it listens': 'service.json' } as const;
type Moment = keyof typeof MOMENTS;

const WAYS = ['SIGTERM', 'SIGINT', 'the end of its standard input'] as const;

/** Stops a service that nobody listens to: its output has no reader from the beginning. */
async function stopped(moment: Moment, way: (typeof WAYS)[number]): Promise<unknown> {
  const folder = temporaryFolder();
  const words = ['--store', folder, '--listen', '127.0.0.1:0', '--until-stdin-ends'];
  const service = spawn(process.execPath, [resolve('dist/logservice/main.js'), ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  service.stdout.destroy();
  let stderr = '';
  service.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(service, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  while (!existsSync(join(folder, MOMENTS[moment])) && service.exitCode === null) await sleep(2);
  // Its last line on standard output comes after its last file.
  if (moment === 'it listens') await sleep(50);
  if (way === 'the end of its standard input') service.stdin.end();
  else service.kill(way);
  const [code, signal] = await ended;
  removeFolder(folder);
  return { code, signal, stderr };
}

describe('a log service without a reader of its output ends in good order by', () => {
  const cases = WAYS.flatMap((way) => (Object.keys(MOMENTS) as Moment[]).map((moment) => [way, moment] as const));

  test.concurrent.for(cases)('%s when %s', async ([way, moment], { expect }) => {
    const end = await stopped(moment, way);
    // A signal before the first line of the program ends it as every program.
    const early = { code: null, signal: way, stderr: '' };
    const good = { code: 0, signal: null, stderr: '' };
    if (moment === 'it has begun') expect([good, early]).toContainEqual(end);
    else expect(end).toEqual(good);
  });
});

test('a usage error without a reader says nothing else', async () => {
  const service = spawn(process.execPath, [resolve('dist/logservice/main.js'), '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  service.stdout.destroy();
  let stderr = '';
  service.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  expect(await once(service, 'close')).toEqual([0, null]);
  expect(stderr).toBe('');
});
