/**
 * An hour's backlog that drains while the agent is killed again and again, and the log service with it now and then.
 *
 * FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh 60`.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BACKLOG_INTERFACE, storedBatches, writeBacklog } from '../support/backlog.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`backlog: ${missing}\n`);

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 8);
const SERVICE_KILLED_EVERY = 4;
/** Four batches a window: a round delivers some twenty. */
const HOUR = { windows: 360, windowSeconds: 10, flowsPerWindow: 180, recordsPerBatch: 50 };

describe.skipIf(missing !== undefined)('a backlog of an hour', { timeout: 120_000 + ROUNDS * 5_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(60);
  });
  afterEach(() => host.hosts.remove());

  /** Starts the agent and lets it deliver for a random moment. */
  async function launchFor(delayMs: number): Promise<void> {
    await host.agent.launch().until(({ stderr }) => /"delivered"|"capturing"/.test(stderr));
    await sleep(Math.random() * delayMs);
  }

  /** Answers in how many rounds a part of the backlog was delivered, but not all of it. */
  async function drainUnderKills(): Promise<number> {
    let partial = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const before = host.agent.spooled.length;
      await launchFor(300);
      if (round % SERVICE_KILLED_EVERY === 0) {
        await host.service.stop('SIGKILL');
        await sleep(Math.random() * 100);
      }
      await host.agent.stop('SIGKILL');
      if (round % SERVICE_KILLED_EVERY === 0) await host.service.start();
      const after = host.agent.spooled.length;
      if (after < before && after > 0) partial += 1;
    }
    return partial;
  }

  test('arrives exactly once although agent and log service are killed while it drains', async () => {
    const backlog = writeBacklog(join(host.agent.stateFolder, 'spool'), HOUR, Date.now() / 1000);
    expect(backlog.batches.size).toBe(HOUR.windows * 4);
    const partial = await drainUnderKills();
    process.stderr.write(`backlog: ${backlog.batches.size} batches, ${partial} kills while they were delivered\n`);
    expect(partial).toBeGreaterThanOrEqual(4);
    await host.agent.start();
    await host.agent.untilDelivered();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);

    const windows = await host.service.query(
      `interface-id:${BACKLOG_INTERFACE} AND srcaddr:* | ` +
        'select "start", count(*) as flows, sum(packets) as packets, sum(bytes) as bytes group by 1 order by 1',
    );
    expect(windows.map(numbersOf)).toEqual(backlog.windows);
    const expected = [...backlog.batches].map(([id, logs]) => [id, { logs, places: logs }] as const);
    expect(await storedBatches(host.service)).toEqual(new Map(expected));
    await host.service.stop();
  });
});

const numbersOf = (row: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
