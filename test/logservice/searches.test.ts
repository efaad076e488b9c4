import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Refusal } from '../../logservice/model/refusal.ts';
import { SEARCH_LIMITS } from '../../logservice/search/search-request.ts';
import { Searches } from '../../logservice/search/searches.ts';
import type { ReadGate } from '../../logservice/store/read-gate.ts';
import type { Topic } from '../../logservice/store/topics.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a search whose asker left frees its place in the queue', async () => {
  const folder = temporaryFolder();
  const worker = join(folder, 'worker.mjs');
  writeFileSync(worker, `process.on('message', () => {}); process.send({ kind: 'ready' });`);
  const never = new Promise<void>(() => undefined);
  const searches = new Searches({
    storePath: join(folder, 'store'),
    gate: {} as ReadGate,
    prepare: () => never,
    exclusive: (work) => work(),
    worker,
  });
  const ask = (signal: AbortSignal) =>
    searches.run({
      topic: { id: 'flowlog', index: true } as unknown as Topic,
      query: '*',
      exclude: '',
      fromMs: 0,
      toMs: 1,
      limit: 1,
      otherKeys: [],
      signal,
    });
  const stays = new AbortController().signal;
  for (let running = 0; running < SEARCH_LIMITS.concurrent; running++) void ask(stays);
  const leaving = Array.from({ length: SEARCH_LIMITS.waiting }, () => new AbortController());
  const waiting = leaving.map(({ signal }) => ask(signal));
  expect(await ask(stays)).toMatchObject({ errorcode: 'SpeedQuotaExceed' });
  for (const asker of leaving) asker.abort();
  for (const answer of await Promise.all(waiting)) expect(answer).toBeInstanceOf(Refusal);
  const admitted = ask(stays);
  expect(await Promise.race([admitted, Promise.resolve('waits')])).toBe('waits');
  expect(await ask(AbortSignal.abort())).toBeInstanceOf(Refusal);
  await searches.stop();
});
