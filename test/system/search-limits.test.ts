/** What the command says where a running service ends or cuts a search, by each of its limits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeFolder, startTestService, type TestService, temporaryFolder, upload } from '../logservice/harness.ts';

const folder = temporaryFolder();
let service: TestService;
beforeAll(async () => {
  service = await startTestService(folder, { searchTimeoutMs: 8000 });
  await upload(service, [{ logs: [{ contents: { marker: 'x' } }] }]);
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function query(...words: string[]): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const child = spawn(process.execPath, [resolve('dist/agent/main.js'), 'query', ...words, '--store', folder]);
  child.stdout.resume();
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return { code, stderr };
}

const TOO_MANY_ROWS = '| select range from range(20)';
const TOO_MANY_BYTES = "| select repeat('x', 1000000) || range from range(60)";
const TOO_LONG = '| select count(*) from range(1000000000) a, range(1000000000) b where a.range * b.range % 7 = 3';

test.each([
  ['rows', [TOO_MANY_ROWS, '--limit', '5'], 0, /^5 rows \(limit reached, raise --limit\), \d+ ms\n$/],
  ['bytes', [TOO_MANY_BYTES], 0, /^4\d rows \(limit of bytes reached: narrow the time or the condition, or select/],
  ['time', [TOO_LONG], 65, /: The search was ended after 8 seconds; narrow its time or its condition\.\n$/],
  [
    'memory',
    ['| select length(list(range)) from range(100000000)'],
    65,
    /: The search was ended: it needs more than 256 MB of memory and 500 MB of temporary files; narrow its time, its condition or/,
  ],
] as const)('the limit of %s', async (_limit, words, code, sentence) => {
  expect(await query(...words, '-o', 'table')).toEqual({ code, stderr: expect.stringMatching(sentence) });
});
