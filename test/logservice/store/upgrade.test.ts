import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { goldenStore, goldenTopics } from '../../support/golden.ts';
import { removeFolder, search, startTestService, temporaryFolder } from '../harness.ts';

/** Two commits that wrote a store (test/golden/README.md): each had one window with one flow. */
test.each(['c11c7ec', '821045e'])('the store that %s left is searched, and takes new logs', async (commit) => {
  const folder = temporaryFolder();
  try {
    writeFileSync(join(folder, 'logs.duckdb'), goldenStore(commit));
    copyFileSync(goldenTopics(commit), join(folder, 'topics.json'));
    const service = await startTestService(folder, { retentionMs: 100 * 365 * 86_400_000 });
    const sum = 'srcport:40001 | select sum(packets) as packets, sum(bytes) as bytes, count(*) as logs';
    expect((await search(service, sum)).rows).toEqual([[3, 684, 1]]);
    await service.stop();
    const again = await startTestService(folder, { retentionMs: 100 * 365 * 86_400_000 });
    expect((await search(again, sum)).rows).toEqual([[3, 684, 1]]);
    await again.stop();
  } finally {
    removeFolder(folder);
  }
});
