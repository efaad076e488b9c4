/**
 * Losses lie in the window that lost. The agent stands still while a flood runs over its packet ring; the oracle is what the
 * sender's kernel took, and when it was sent.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProgram } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`losses: ${missing}\n`);

const WINDOW_SECONDS = 5;
/** Enough for the ring to run over on a slow machine, too. */
const FLOOD_SECONDS = 2;

describe.skipIf(missing !== undefined)('packets for which the ring had no room', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    await host.agent.start();
  });
  afterEach(() => host.hosts.remove());

  /** Answers how many packets left, of which the agent saw none go by. */
  async function floodWhileStopped(): Promise<number> {
    process.kill(host.agent.pid, 'SIGSTOP');
    const sender = startProgram([compiled('send-flood.c'), 'peer0', String(FLOOD_SECONDS)], {
      namespace: host.hosts.peer,
    });
    const { code, stdout } = await sender.ended;
    process.kill(host.agent.pid, 'SIGCONT');
    expect(code).toBe(0);
    return Number(stdout);
  }

  /** The ledgers of the windows, when the agent has ended; every packet is in one of them. */
  async function ledgersOf(sent: number): Promise<readonly StoredLog[]> {
    expect((await host.agent.stop()).code).toBe(0);
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    await host.service.stop();
    const metered = ledgerSum(ledgers, 'ledger-metered-packets');
    const dropped = ledgerSum(ledgers, 'ledger-dropped-by-kernel-packets');
    expect(dropped).toBeGreaterThan(0);
    expect(metered + dropped).toBe(sent);
    return ledgers;
  }
  const statusOf = (ledgers: readonly StoredLog[], start: number) =>
    ledgers.filter((ledger) => Number(ledger['start']) === start).map((ledger) => ledger['ledger-status']);

  test('are counted in their window, where the agent stood still just after its border', async () => {
    await host.windowBegin();
    const start = Math.floor(Date.now() / 1000 / WINDOW_SECONDS) * WINDOW_SECONDS;
    const ledgers = await ledgersOf(await floodWhileStopped());
    const lossy = ledgers.filter((ledger) => ledger['ledger-status'] === 'SKIPDATA');
    expect(lossy.map((ledger) => Number(ledger['start']))).toEqual([start]);
    expect(statusOf(ledgers, start - WINDOW_SECONDS)).toEqual(['NODATA']);
    expect(Number(lossy[0]!['ledger-dropped-by-kernel-packets'])).toBeGreaterThan(0);
    expect(lossy[0]!['ledger-gap-reasons']).toBeUndefined();
  });

  test('mark both windows, where the agent stood still across their border', async () => {
    await host.windowBegin();
    await sleep(WINDOW_SECONDS * 1000 - (Date.now() % (WINDOW_SECONDS * 1000)) - 400);
    const start = Math.ceil(Date.now() / 1000 / WINDOW_SECONDS) * WINDOW_SECONDS;
    const ledgers = await ledgersOf(await floodWhileStopped());
    const marked = ledgers.filter((ledger) => String(ledger['ledger-gap-reasons']) === 'drops-undated');
    expect(marked.map((ledger) => Number(ledger['start'])).sort()).toEqual([start - WINDOW_SECONDS, start]);
    expect([statusOf(ledgers, start - WINDOW_SECONDS), statusOf(ledgers, start)]).toEqual([['SKIPDATA'], ['SKIPDATA']]);
  });
});
