/** From a packet to the answer of a query: what lies between is the end of its window and fixed steps, and no other timer. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GRACE_SECONDS } from '../../agent/meter/rotation.ts';
import { type Observation, observe } from '../support/observation.ts';
import { Burst } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`found-soon: ${missing}\n`);

const WINDOW_SECONDS = 15;

/** When the first package of the store came, by the clock of the service. */
async function firstArrivalMs(folder: string): Promise<number> {
  const instance = await DuckDBInstance.create(join(folder, 'logs.duckdb'), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const found = await connection.runAndReadAll(
    `SELECT min(received_ms) FROM packages WHERE id IN (SELECT package FROM logs WHERE srcaddr IS NOT NULL)`,
  );
  connection.closeSync();
  instance.closeSync();
  return Number(found.getRows()[0]![0]);
}

describe.skipIf(missing !== undefined)('a record', { timeout: 120_000 }, () => {
  let hosts: TwoHosts;
  let observation: Observation;
  beforeEach(async () => {
    hosts = new TwoHosts();
    observation = await observe(hosts.observed, { windowSeconds: WINDOW_SECONDS });
  });
  afterEach(async () => {
    await observation.agent.stop();
    await observation.service.stop();
    hosts.remove();
  });

  test('is found by a query once its window is closed, without the end of the next one', async () => {
    const { agent, service } = observation;
    await agent.start();
    const capturing = (await agent.untilStatus(({ interfaces }) => interfaces[0]?.state === 'capturing'))
      .interfaces[0]!;
    expect(capturing.windowSeconds).toBe(WINDOW_SECONDS);
    hosts.send(new Burst(0).frames);
    const logs = await service.until((found) => found.length > 0, 'srcaddr:192.0.2.1 AND dstport:53');
    // What lies between the end of a window and its records in the store: the grace, and no timer but that.
    const windowStart = Math.floor(Number(logs[0]!['start']) / WINDOW_SECONDS) * WINDOW_SECONDS;
    expect(GRACE_SECONDS).toBe(1);
    await agent.stop();
    await service.stop();
    const seconds = (await firstArrivalMs(service.folder)) / 1000 - windowStart - WINDOW_SECONDS;
    process.stderr.write(`found-soon: stored ${seconds.toFixed(1)} s after the end of its window\n`);
    expect(seconds).toBeGreaterThan(0);
    // The end of the next one, which nothing of this one waits for.
    expect(seconds).toBeLessThan(WINDOW_SECONDS);
  });
});
