/** What is on the wire beside what is here, in windows that a killed run left, and in those that are open. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { TableCursor } from '../../../agent/flow/table-cursor.ts';
import { decodeHeader } from '../../../agent/meter/header-block.ts';
import { OpenWindow } from '../../../agent/meter/open-window.ts';
import { SettledSlots } from '../../../agent/meter/settled-slots.ts';
import { createFlowRecord, type FlowRecord, type RecordCursor } from '../../../agent/model/flow-record.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { POINT } from '../../support/closed-windows.ts';
import type { BatchPacket } from '../../support/packet-batch.ts';
import { ethernet, ipv4, ipv6, PROTOCOL, tcp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, tablePlaces } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const { ruleNames } = new Exclusion(EXCLUDE_DEFAULTS);
const SHOWN = ['srcaddr', 'srcport', 'packets', 'bytes', 'wire-packets', 'wire-bytes'];
const SEGMENT = 1000;
const FLOWS = 600;

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

/** A frame that is so many segments on the wire. */
function frame(family: 4 | 6, flow: number, segments: number): BatchPacket {
  const segment = tcp({ sourcePort: 2000 + flow, destinationPort: 443 }, new Uint8Array(SEGMENT * segments));
  const packet =
    family === 4
      ? ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp }, segment)
      : ipv6({ source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.tcp }, segment);
  const bytes = ethernet({}, packet);
  const headers = bytes.length - SEGMENT * segments;
  return {
    seconds: 601,
    bytes: bytes.subarray(0, headers),
    wireLength: bytes.length,
    segmentation: (SEGMENT << 16) | headers,
  };
}

const headersOf = ({ family }: Pick<FlowRecord, 'family'>) => (family === 4 ? 40 : 60);

/** A run of the agent that is killed when nobody does anything with it any more. */
async function counted(fields: readonly string[]): Promise<TappedInterface> {
  const point = { ...POINT, flowLog: { ...POINT.flowLog, fields } };
  const journal = journalIn({ folder, ruleNames, point });
  const tap = new TappedInterface({ journal, clock: { seconds: 600 }, fields });
  tap.tap.attach();
  const families = [4, 6] as const;
  const numbers = Array.from({ length: FLOWS }, (_, flow) => flow);
  const frames = [...numbers, ...numbers].flatMap((flow) =>
    families.map((family) => frame(family, flow, 1 + (flow % 4))),
  );
  tap.engine.newest.waiting = frames;
  await tap.round(601);
  return tap;
}

function recordsIn(cursor: RecordCursor): FlowRecord[] {
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) records.push(record);
  return records;
}

function expectExact(records: readonly FlowRecord[]): void {
  expect(records).toHaveLength(2 * FLOWS);
  for (const record of records) {
    const further = 2 * ((record.sourcePort - 2000) % 4);
    expect(record).toMatchObject({ packets: 2, furtherPackets: further, furtherBytes: further * headersOf(record) });
  }
}

const windowPath = () => join(folder, readdirSync(folder).find((name) => name.endsWith('.window'))!);

function layoutOf(path: string): number {
  const header = decodeHeader(readFileSync(path));
  return header.kind === 'header' ? header.layout : 0;
}

describe('what flows are on the wire', () => {
  test('outlives a kill, to the packet, through the growth of the tables', async () => {
    await counted(SHOWN);
    const sizes = tablePlaces(windowPath());
    expect(sizes.length).toBeGreaterThan(4);
    const { windows, quarantined } = findLeftWindows(folder);
    expect(quarantined).toEqual([]);
    expectExact(windows.flatMap((window) => recordsIn(window.records())));
  });

  test('is in the layout of later versions, and windows without it in the one that earlier versions read', async () => {
    await counted(SHOWN);
    expect(layoutOf(windowPath())).toBe(5);
    folder = temporaryFolder();
    await counted(['srcaddr', 'packets']);
    expect(layoutOf(windowPath())).toBe(4);
    const { windows } = findLeftWindows(folder);
    const records = windows.flatMap((window) => recordsIn(window.records()));
    expect(records).toHaveLength(2 * FLOWS);
    for (const record of records) expect(record).toMatchObject({ packets: 2, furtherPackets: 0, furtherBytes: 0 });
  });

  test('is read of the open window, too', async () => {
    await counted(SHOWN);
    const slots = new OpenWindow(new SettledSlots()).read([windowPath()], 1 << 26);
    expectExact(recordsIn(new TableCursor(slots!)));
  });

  test('is damage where no frames can have been so many: such slots are emptied and counted', async () => {
    await counted(SHOWN);
    const place = tablePlaces(windowPath()).findLast(({ family }) => family === 4)!;
    const file = readFileSync(windowPath());
    const furtherAt = place.slotsAt + place.slots * 32;
    const damage = [Number.NaN, -1, 0.5, 2 ** 53];
    let damaged = 0;
    for (let slot = 0; slot < place.slots && damaged < damage.length; slot++) {
      if (file.readInt32LE(place.slotsAt + slot * 32 + 12) !== 0) {
        file.writeDoubleLE(damage[damaged]!, furtherAt + slot * 16 + 8 * (damaged % 2));
        damaged++;
      }
    }
    writeFileSync(windowPath(), file);
    const { windows, recovery } = findLeftWindows(folder);
    expect(recovery.counters.slotsDamaged).toBe(damage.length);
    expect(windows.flatMap((window) => recordsIn(window.records()))).toHaveLength(2 * FLOWS - damage.length);
  });
});
