/**
 * SYNs of millions of sources, as fast as this machine can send them. The oracle is what the sender's kernel took and what the
 * observed interface's counter says; all SYNs are equally long, so their bytes follow.
 *
 * FLOWLOGD_SOAK_ROUNDS makes it longer, a second each: `scripts/soak.sh 60`.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { startProgram } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`flood: ${missing}\n`);

const FLOOD_SECONDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 4);
const WINDOW_SECONDS = 2;
const SYN_IP_BYTES = 40;
const MEBIBYTE = 1024 ** 2;

const FLOWS_MAX = 20_000;
/** The power of two of which two thirds are enough for FLOWS_MAX; coarsened records may take an eighth of it on top. */
const SLOTS = 32_768;
const RECORDS_MAX = FLOWS_MAX + SLOTS / 8;
const SPOOL_BYTES_MAX = 16 * MEBIBYTE;
/**
 * Node with the agent's code and the heaps of its threads takes 120 MiB, the packet ring 8; of tables, 1 MiB each, there are at
 * most four open windows and, each mapped twice, those that the recorder has not written yet. The rest of 200 MiB is air for Node's
 * collector. What looks for findings takes up to 32 MB (`docs/findings.md`), and its share of that air.
 */
const RESIDENT_BYTES_MAX = (200 + 40) * MEBIBYTE;

const configuration = `
table: { flowsMax: ${FLOWS_MAX} }
spool: { bytesMax: ${SPOOL_BYTES_MAX} }
`;

interface Compared {
  readonly ledgers: readonly StoredLog[];
  readonly dropped: number;
}

/** Bytes of the files in a folder; those that go meanwhile do not count. */
function bytesIn(folder: string): number {
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

describe.skipIf(missing !== undefined)('a SYN flood', { timeout: 120_000 + FLOOD_SECONDS * 3000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  /** Answers how many SYNs left, and the most that the spool held meanwhile. */
  async function flood(): Promise<{ sent: number; spoolBytes: number }> {
    const program = compiled('send-flood.c');
    const sender = startProgram([program, 'peer0', String(FLOOD_SECONDS)], { namespace: host.hosts.peer });
    let spoolBytes = 0;
    let isOver = false;
    void sender.ended.then(() => {
      isOver = true;
    });
    for (; !isOver; await sleep(100)) {
      spoolBytes = Math.max(spoolBytes, bytesIn(join(host.agent.stateFolder, 'spool')));
    }
    const { code, stdout, stderr } = await sender.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return { sent: Number(stdout), spoolBytes };
  }

  /** Stops the agent, compares what there is with what was sent, and answers the ledgers. */
  async function compare(sent: number): Promise<Compared> {
    expect(host.hosts.counters().rx.packets).toBe(sent);
    await host.agent.untilDelivered();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    const windows = await host.service.query(
      'srcaddr:* | select "start", count(*) as records, sum(packets) as packets, sum(bytes) as bytes group by 1 limit 10000',
    );
    const sum = (field: string) => windows.reduce((total, row) => total + Number(row[field]), 0);
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    const dropped = ledgerSum(ledgers, 'ledger-dropped-by-kernel-packets');
    // One SYN in 65,536 goes to the port of licence activation.
    const excluded = ledgerSum(ledgers, 'ledger-excluded-windows-activation-packets');
    expect(sum('packets') + excluded + dropped).toBe(sent);
    expect(sum('bytes')).toBe(sum('packets') * SYN_IP_BYTES);
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(sum('packets'));
    expect(ledgerSum(ledgers, 'ledger-offered-packets')).toBe(sent);
    expect(ledgerSum(ledgers, 'ledger-overflowed-packets')).toBe(0);
    for (const { records } of windows) expect(Number(records)).toBeLessThanOrEqual(RECORDS_MAX);
    return { ledgers, dropped };
  }

  test('is counted to the last packet within the bounds of memory, table and spool', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS, configuration);
    await host.agent.start();
    const { sent, spoolBytes } = await flood();
    const status = readFileSync(`/proc/${host.agent.pid}/status`, 'utf8');
    const residentBytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
    const { ledgers, dropped } = await compare(sent);
    process.stderr.write(
      `flood: ${sent} SYNs in ${FLOOD_SECONDS} s, ${dropped} dropped by the kernel, ${Math.round(residentBytes / MEBIBYTE)} MiB ` +
        `resident, ${(spoolBytes / MEBIBYTE).toFixed(1)} MiB of spool\n`,
    );
    const flooded = ledgers.filter((ledger) => Number(ledger['ledger-offered-packets']) > FLOWS_MAX);
    expect(flooded.length).toBeGreaterThanOrEqual(Math.floor(FLOOD_SECONDS / WINDOW_SECONDS));
    for (const ledger of flooded) {
      expect(ledger['ledger-status']).toBe('SKIPDATA');
      expect(Number(ledger['ledger-coarsened-packets'])).toBeGreaterThan(0);
    }
    const skipped = await host.service.query('log-status:SKIPDATA');
    const starts = new Set(skipped.map((row) => row['start']));
    for (const ledger of flooded) expect(starts).toContain(ledger['start']);
    // Every SYN is a flow of its own.
    const coarsened = ledgerSum(ledgers, 'ledger-coarsened-packets');
    expect(Math.abs(ledgerSum(ledgers, 'ledger-coarsened-keys') / coarsened - 1)).toBeLessThan(0.1);
    expect(residentBytes).toBeLessThan(RESIDENT_BYTES_MAX);
    expect(spoolBytes).toBeLessThan(SPOOL_BYTES_MAX);
    await host.service.stop();
  });

  test('is in the ledger where the agent stood still and the packet ring ran over', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS, configuration);
    await host.agent.start();
    const flooding = flood();
    await sleep(1000);
    process.kill(host.agent.pid, 'SIGSTOP');
    await sleep(2000);
    process.kill(host.agent.pid, 'SIGCONT');
    const { sent } = await flooding;
    const { dropped } = await compare(sent);
    expect(dropped).toBeGreaterThan(0);
    await host.service.stop();
  });
});
