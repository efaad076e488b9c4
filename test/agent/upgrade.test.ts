/** Every layout that there has been, read from files that the commits of that time wrote: test/golden/README.md. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reconcile } from '../../agent/flow-logs/registry.ts';
import { readRegistry } from '../../agent/flow-logs/registry-file.ts';
import { decodeHeader } from '../../agent/meter/header-block.ts';
import { LAYOUT_3 } from '../../agent/meter/layout-3.ts';
import { absentSince } from '../../agent/meter/observed-until.ts';
import { FLOW_LOG_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord, type RecordCursor } from '../../agent/model/flow-record.ts';
import { offeredPackets } from '../../agent/model/ledger.ts';
import { nodeDisk } from '../../agent/spool/disk.ts';
import type { Spool } from '../../agent/spool/spool.ts';
import { withFormerNames } from '../../agent/telemetry/former-names.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { plainLedger, StatusWorld } from '../support/agent-status.ts';
import { freeLock } from '../support/free-lock.ts';
import { copyGoldenState, GOLDEN_FLOW_LOG, GOLDEN_FLOWS, GOLDENS, goldenStatus } from '../support/golden.ts';
import { openSpool } from '../support/open-spool.ts';
import { findLeftWindows } from '../support/persisted-windows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let folder: string;
beforeEach(() => {
  folder = join(temporaryFolder(), 'state');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openGolden(): Spool {
  return openSpool({
    disk: nodeDisk,
    folder: join(folder, 'spool'),
    sinks: ['cls'],
    bytesMax: 1024 ** 3,
    quarantineBytesMax: 1024 ** 2,
    now: Date.now,
    lock: freeLock,
    events: { onEvicting: () => {}, onEvicted: () => {}, onQuarantined: () => {} },
  });
}

interface Counted {
  readonly source: number;
  readonly destination: number;
  readonly packets: number;
  readonly bytes: number;
}

function flowsIn(records: RecordCursor): Counted[] {
  const flows: Counted[] = [];
  for (const record = createFlowRecord(); records.next(record); ) {
    const { sourcePort: source, destinationPort: destination, packets, bytes } = record;
    flows.push({ source, destination, packets, bytes });
  }
  return flows;
}

const packetsOf = (flows: readonly Counted[]) => flows.reduce((sum, { packets }) => sum + packets, 0);

describe.each(GOLDENS)('what $commit left (spool $spoolVersion, tables $tablesLayout)', (golden) => {
  beforeEach(() => copyGoldenState(golden.commit, folder));

  test('its batches are read to the packet, and their ledgers add up', async () => {
    const batches = join(folder, golden.batches);
    const [file] = readdirSync(batches).filter((name) => name.endsWith('.flows'));
    expect(readFileSync(join(batches, file!)).readUInt32LE(8)).toBe(golden.spoolVersion);
    const spool = openGolden();
    const flows: Counted[] = [];
    for (const name of spool.queue('cls').oldest(99)) {
      const batch = new FlowBatchReader((await spool.queue('cls').read(name))!);
      expect(batch.header).toMatchObject({ hostId: 'golden-host', interfaceId: 'eni-golden', windowSeconds: 5 });
      expect(batch.header).toMatchObject({ resourceType: 'NETWORKINTERFACE', fields: [], constants: {} });
      const found = flowsIn(batch);
      expect(packetsOf(found)).toBe(batch.ledger!.metered.packets);
      expect(offeredPackets(batch.ledger!)).toBe(batch.ledger!.metered.packets);
      flows.push(...found);
    }
    expect(flows.filter(({ source }) => source === GOLDEN_FLOWS.spooled.source)).toEqual([GOLDEN_FLOWS.spooled]);
    expect([spool.newer, spool.counters.damaged, spool.quarantinedFiles]).toEqual([0, 0, 1]);
  });

  test('its open window is recovered to the packet, or set aside where its layout is an earlier one', () => {
    const { id, interfaceId, interfaceName, windowSeconds } = GOLDEN_FLOW_LOG;
    const flowLog = { ...FLOW_LOG_DEFAULTS, id, accountId: '-', windowSeconds };
    const { windows, quarantined, newer } = findLeftWindows(join(folder, 'tables'), nodeDisk, [
      { flowLog, interfaceId, interfaceName },
    ]);
    expect(newer).toEqual([]);
    const flows = windows.flatMap((window) => flowsIn(window.records()));
    if (golden.tablesLayout >= LAYOUT_3) {
      expect(quarantined).toEqual([]);
      expect(flows.filter(({ source }) => source === GOLDEN_FLOWS.open.source)).toEqual([GOLDEN_FLOWS.open]);
      expect(windows.reduce((sum, { ledger }) => sum + ledger.metered.packets, 0)).toBe(packetsOf(flows));
    } else {
      for (const line of quarantined)
        expect(line).toContain(`an earlier flowlogd wrote it (layout ${golden.tablesLayout})`);
      expect(flows).toEqual([]);
      expect(windows.map(({ ledger }) => ledger.gaps.map(({ reason }) => reason))).toEqual([['table-damaged']]);
    }
  });

  test('since when its interface is not observed is known', () => {
    const [name] = readdirSync(join(folder, 'tables')).filter((each) => each.endsWith('.seen'));
    const file = readFileSync(join(folder, 'tables', name!));
    const header = decodeHeader(file);
    if (header.kind !== 'header') throw new Error(header.kind);
    // Layout 4 left this file as it was.
    expect(header.layout).toBe(Math.min(golden.tablesLayout, LAYOUT_3));
    const { bootId } = header.value as { bootId: string };
    const windowStart = Number(
      /^(\d+)-/.exec(readdirSync(join(folder, 'tables')).find((each) => each.endsWith('.window'))!)![1],
    );
    const since = absentSince(file, name!.replace('.seen', ''), bootId)!;
    expect(since).toBeGreaterThan(windowStart);
    expect(since).toBeLessThan(windowStart + 20);
  });

  test('every member of its status is in that of today, of the same kind', () => {
    const world = new StatusWorld();
    world.close(0, plainLedger(1));
    const missing = missingFrom(withFormerNames(world.collector.read()), goldenStatus(golden.commit));
    expect(missing.filter((member) => !GONE_BEFORE_RELEASE.includes(member))).toEqual([]);
  });
});

describe.each(GOLDENS.filter(({ hasRegistry }) => hasRegistry))('what $commit left with a registry', (golden) => {
  beforeEach(() => copyGoldenState(golden.commit, folder));

  test('its loss report is summed up further and is sent', async () => {
    const spool = openGolden();
    const [first] = spool.queue('cls').oldest(1);
    const batch = new FlowBatchReader((await spool.queue('cls').read(first!))!);
    await spool.queue('cls').quarantine(first!, 'test');
    await spool.queue('cls').remove(spool.queue('cls').oldest(1)[0]!);
    const [report] = spool.queue('cls').oldest(1);
    expect(report).toMatch(/\.lost$/);
    const lost = new FlowBatchReader((await spool.queue('cls').read(report!))!);
    expect(lost.header).toMatchObject({ flowLogId: batch.header.flowLogId, split: 'lost-000000000000' });
    expect(lost.ledger!.evicted.packets).toBe(batch.ledger!.metered.packets);
    expect(lost.ledger!.metered.packets).toBe(batch.ledger!.metered.packets);
  });

  test('its flow log is the same one, and what the file says anew of it counts', () => {
    const read = readRegistry(nodeDisk, folder);
    if (read.kind !== 'entries') throw new Error(read.reason);
    const [entry] = read.entries;
    expect(entry).toMatchObject({ id: GOLDEN_FLOW_LOG.id, origin: 'file', attributes: { name: 'default', tags: {} } });
    const attributes = { ...entry!.attributes, description: 'the same one' };
    const wanted = {
      storages: { cls: { service: '127.0.0.1:9514', topicId: 'flowlog' } },
      nowSeconds: 1,
      suggestId: () => 'fl-x',
    };
    const after = reconcile(read.entries, [{ id: entry!.id, attributes, definition: entry!.definition }], wanted);
    expect(after).toMatchObject({ created: [], removed: [], refusals: [] });
    expect(after.entries).toMatchObject([{ attributes, createdSeconds: entry!.createdSeconds }]);
  });
});

/** Since then such a window becomes one with the next (`ledgersMerged`). */
const GONE_BEFORE_RELEASE = ['.recorder.ledgersLost'];

/** Paths of what was there before and is not, or is of another kind. Null stands for what does not exist at the moment. */
function missingFrom(now: unknown, before: unknown, path = ''): string[] {
  if (before === null || (now === null && path !== '')) return [];
  if (Array.isArray(before)) {
    if (!Array.isArray(now)) return [path];
    return before.length === 0 || now.length === 0 ? [] : missingFrom(now[0], before[0], `${path}[]`);
  }
  if (typeof before !== 'object') return typeof now === typeof before ? [] : [path];
  if (typeof now !== 'object') return [path];
  // By names that depend on what happened.
  if (/\.(?:excluded|gapSeconds)$/.test(path)) return [];
  return Object.entries(before).flatMap(([name, value]) => {
    const member = `${path}.${name}`;
    const there = now as Record<string, unknown>;
    return name in there ? missingFrom(there[name], value, member) : [member];
  });
}
