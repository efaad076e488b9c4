/** An agent that starts on a spool of tens of thousands of batches: it captures first, and what it writes meanwhile has its place. */
import { linkSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { formatSpoolName, parseSpoolName } from '../../agent/spool/spool-name.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { writeBacklog } from '../support/backlog.ts';
import { ObservedHost, totalPackets } from '../support/observed-host.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`spool-index: ${missing}\n`);

/** Names of one file, fewer than a file may have on ext4. */
const FILES = 50_000;
const WINDOW_SECONDS = 2;

test.skipIf(missing !== undefined)(
  'captures before it reads the index, and loses nothing at a stop amid it',
  async () => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    await host.service.stop();
    const spool = host.agent.sinkFolder();
    const shape = { windows: 1, windowSeconds: 60, flowsPerWindow: 1, recordsPerBatch: 1 };
    writeBacklog(join(host.agent.stateFolder, 'spool'), shape, Date.now() / 1000);
    const [first] = host.agent.spooled;
    for (let sequence = 1; sequence < FILES; sequence++) {
      linkSync(join(spool, first!), join(spool, formatSpoolName({ ...parseSpoolName(first!)!, sequence })));
    }

    const running = await host.agent.start();
    host.sendBurst();
    // Amid the reading, as a rule: it takes longer than the burst.
    expect((await host.agent.stop()).code).toBe(0);
    expect(running.stderr).not.toContain('"level":"error"');

    const again = await host.agent.start();
    await again.until(({ stderr }) => stderr.includes('spool index read'));
    expect(again.stderr.indexOf('"capturing"')).toBeLessThan(again.stderr.indexOf('spool index read'));
    host.sendBurst();
    const { spool: status } = await host.agent.untilStatus();
    expect(status).toMatchObject({ isReadingIndex: false, unmeasuredBatches: 0 });
    expect(status.batches).toBeGreaterThan(FILES);
    await host.agent.stop();

    const written = host.agent.spooled.map((name) => ({ name, ...parseSpoolName(name)! })).filter(isOfThisTest);
    const packets = written.reduce((sum, { name }) => {
      const { totals } = new FlowBatchReader(readFileSync(join(spool, name)).subarray(SPOOL_HEADER_BYTES));
      return sum + totals!.packets;
    }, 0);
    expect(packets).toBe(totalPackets(host.counts));
    expect(host.agent.spooled.length).toBe(FILES + written.length);
  },
);

function isOfThisTest({ sequence }: { readonly sequence: number }): boolean {
  return sequence >= FILES;
}
