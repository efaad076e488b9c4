import { describe, expect, test } from 'vitest';
import { HASH_SEED_WORDS } from '../../../agent/flow/hash.ts';
import { RejectTables } from '../../../agent/flow/reject-tables.ts';
import { Window } from '../../../agent/flow/window.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { CountedMemory, countPackets, distinctFlow, distinctFlows, recordsIn } from '../../support/flow-tables.ts';
import { toRows } from '../../support/key-rows.ts';

/** Always the same, because a sketch of keys is exact but for two that share a place. */
const SEED = Int32Array.from({ length: HASH_SEED_WORDS }, (_, word) => Math.imul(word + 1, 0x9e37_79b1));
const RULES = ['dhcp', 'sink'];
/** Of the smallest tables. */
const [IPV4_BYTES, IPV6_BYTES] = [4096, 8192];

class Opened {
  readonly ipv4Memory = new CountedMemory();
  readonly ipv6Memory = new CountedMemory();
  readonly rejectMemory = new CountedMemory();
  readonly window = new Window(600, RULES, {
    ipv4: { hashSeed: SEED, allocate: this.ipv4Memory.allocate, flowsExpected: 0, flowsMax: 5 },
    ipv6: { hashSeed: SEED, allocate: this.ipv6Memory.allocate, flowsExpected: 0, flowsMax: 5 },
  });

  count(family: 4 | 6, flows: number): void {
    countPackets(family === 4 ? this.window.ipv4 : this.window.ipv6, distinctFlows(family, flows));
  }

  reject(flows: number): void {
    const { allocate } = this.rejectMemory;
    this.window.rejects ??= new RejectTables({ hashSeed: SEED, flowsMax: 100, bytesMax: 1 << 20, allocate });
    countPackets(this.window.rejects.table({ rule: 'deny', wasTapped: true }, 4), distinctFlows(4, flows));
  }

  exclude(rule: number, family: 4 | 6, bytes: number, client: number): void {
    this.window.exclude(rule, toRows([{ ...distinctFlow(family, client), bytes }]), 0, family);
  }
}

describe('a window', () => {
  test('of which nothing was counted has its start, an empty ledger and no memory', () => {
    const { window, ipv4Memory, ipv6Memory } = new Opened();
    expect([window.start, window.revision, window.flows, window.tableBytes]).toEqual([600, 0, 0, 0]);
    expect([window.tables, window.slots, recordsIn(window.slots)]).toEqual([[], [], []]);
    expect(window.ledger).toEqual(createLedger(RULES));
    expect(window.excludedPeers).toEqual([undefined, undefined]);
    window.release();
    expect([...ipv4Memory.asked, ...ipv6Memory.asked]).toEqual([]);
  });

  test('makes the table of a family when its first packet comes, and of no other', () => {
    const opened = new Opened();
    opened.count(6, 2);
    expect(opened.window.tables.map(({ family }) => family)).toEqual([6]);
    expect([opened.window.tableBytes, opened.ipv4Memory.asked]).toEqual([IPV6_BYTES, []]);
    opened.count(4, 3);
    expect(opened.window.tables.map(({ family }) => family)).toEqual([4, 6]);
    expect(opened.window.slots.map(({ words }) => words.byteLength)).toEqual([IPV4_BYTES, IPV6_BYTES]);
    expect(opened.window.tableBytes).toBe(IPV4_BYTES + IPV6_BYTES);
    expect(opened.window.ipv4).toBe(opened.window.ipv4);
  });

  test('has the flows of both families and those that were rejected; its records are those of the tap', () => {
    const opened = new Opened();
    opened.count(4, 3);
    expect(opened.window.flows).toBe(3);
    opened.count(6, 2);
    expect(opened.window.flows).toBe(5);
    opened.reject(4);
    expect(opened.window.flows).toBe(9);
    const cursor = opened.window.records();
    expect(recordsIn(opened.window.slots).map(({ family }) => family)).toEqual([4, 4, 4, 6, 6]);
    expect(cursor).not.toBe(opened.window.records());
  });

  test('gives back all memory, also of rejected packets, which is not in its sum', () => {
    const opened = new Opened();
    opened.count(4, 1);
    opened.count(6, 1);
    opened.reject(1);
    expect(opened.window.tableBytes).toBe(IPV4_BYTES + IPV6_BYTES);
    opened.window.release();
    const { ipv4Memory, ipv6Memory, rejectMemory } = opened;
    expect([ipv4Memory.released, ipv6Memory.released, rejectMemory.released]).toEqual([
      [IPV4_BYTES],
      [IPV6_BYTES],
      [IPV4_BYTES],
    ]);
  });

  test('counts in one sketch the keys that either family had no room for', () => {
    const opened = new Opened();
    opened.count(4, 8);
    expect(opened.window.coarsenedKeys.keys).toBe(3);
    opened.count(6, 9);
    expect(opened.window.coarsenedKeys.keys).toBe(7);
  });

  test('counts what is excluded under the rule of that index, bytes beyond 31 bits, too, and with whom', () => {
    const opened = new Opened();
    opened.exclude(1, 4, 100, 1);
    opened.exclude(1, 4, 0xffff_fffe, 1);
    opened.exclude(1, 6, 60, 2);
    const { ledger, excludedPeers } = opened.window;
    expect(ledger.excluded).toEqual({
      dhcp: { packets: 0, bytes: 0 },
      sink: { packets: 3, bytes: 100 + 0xffff_fffe + 60 },
    });
    expect(excludedPeers[0]).toBeUndefined();
    expect(excludedPeers[1]!.places.map(({ family, packets }) => [family, packets])).toEqual([
      [4, 2],
      [6, 1],
    ]);
    opened.exclude(0, 4, 1, 3);
    expect(ledger.excluded['dhcp']).toEqual({ packets: 1, bytes: 1 });
    expect(opened.window.flows).toBe(0);
  });
});
