import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Refusal } from '../../../logservice/model/refusal.ts';
import { SearchProcess } from '../../../logservice/search/search-process.ts';
import { readKeys, search } from '../harness.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-search-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const REQUEST = { topicId: 'flowlog', query: '*', exclude: '', fromMs: 0, toMs: 1, limit: 1, otherKeys: [] };

/** A process that says it is ready, and does this when it is asked to search. */
function processThat(onSearch: string, shell?: string): SearchProcess {
  const worker = join(folder, 'worker.mjs');
  writeFileSync(worker, `process.on('message', () => { ${onSearch} }); process.send({ kind: 'ready' });`);
  return new SearchProcess({
    worker,
    storePath: 'none',
    spillFolder: join(folder, 'spill'),
    ...(shell === undefined ? {} : { shell }),
  });
}

async function outcome(process: SearchProcess): Promise<unknown> {
  await process.ready;
  return await process.search(REQUEST).catch((refusal: unknown) => refusal);
}

describe('a process that searches', () => {
  const EATS = 'const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));';
  const EATS_SLOWLY = 'const all = []; setInterval(() => all.push(Buffer.alloc(64 * 1024 * 1024, 1)), 20);';

  test.each([
    ['the limit of the kernel', EATS, undefined],
    ['a look at it, where there is no shell', EATS_SLOWLY, '/none/sh'],
  ])('gets no more memory than it may have: %s', async (_name, code, shell) => {
    const process = processThat(code, shell);
    const refusal = await outcome(process);
    expect(refusal).toBeInstanceOf(Refusal);
    expect((refusal as Refusal).errormessage).toMatch(
      /^The search (was ended: it needs more than 768 MB of memory|failed: its process ended with)/,
    );
    await process.ended;
    expect(process.isUsable).toBe(false);
  });

  test.each([
    ['exits', 'process.exit(3)', 'The search failed: its process ended with 3; try again.'],
    [
      'is shot',
      "process.kill(process.pid, 'SIGSEGV')",
      'The search failed: its process ended with SIGSEGV; try again.',
    ],
    [
      'answers something else',
      "process.send({ kind: 'opened' })",
      'The search failed: its process answered something else; try again.',
    ],
  ])('that %s is answered for', async (_name, code, sentence) => {
    const process = processThat(code);
    expect(await outcome(process)).toMatchObject({ errorcode: 'QueryError', errormessage: sentence });
    process.end();
    await process.ended;
  });

  test('that cannot be started is answered for', async () => {
    const process = new SearchProcess({ worker: join(folder, 'none.js'), storePath: 'none', spillFolder: folder });
    await expect(process.ready).rejects.toMatchObject({ errorcode: 'QueryError' });
  });
});

test('a log service that is killed leaves no search behind, and the next one finds a store without its rests', async () => {
  const words = ['--store', folder, '--listen', '127.0.0.1:0', '--until-stdin-ends'];
  const service = spawn(process.execPath, [resolve('dist/logservice/main.js'), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: service.stdout }), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  const endless = search(
    { url, keys: readKeys(folder) },
    '| select count(*) from range(1000000000) a, range(1000000000) b where a.range * b.range = 3',
  );
  const lost = expect(endless).rejects.toThrow();
  await expect.poll(() => childrenOf(service.pid!)).toHaveLength(1);
  const [searching] = childrenOf(service.pid!);
  // It is the first to go, too, where memory is short.
  await expect.poll(() => readFileSync(`/proc/${searching}/oom_score_adj`, 'utf8')).toBe('1000\n');
  service.kill('SIGKILL');
  await lost;
  await expect.poll(() => existsSync(`/proc/${searching}`)).toBe(false);
});

function childrenOf(pid: number): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) \S /s, '')
        .startsWith(`${pid} `);
    } catch {
      return false;
    }
  });
}
