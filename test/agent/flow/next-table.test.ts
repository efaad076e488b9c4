/** Memory that a large table takes before it needs it. */
import { describe, expect, it } from 'vitest';
import type { FlowTable } from '../../../agent/flow/flow-table.ts';
import { HASH_SEED_WORDS } from '../../../agent/flow/hash.ts';
import { Ipv4Table } from '../../../agent/flow/ipv4-table.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { heapMemory, type TableMemory } from '../../../agent/model/table-memory.ts';
import { allMembers, type KeyedPacket, toRows } from '../../support/key-rows.ts';

const MIB = 1024 * 1024;
/** With so many flows a table of 1 MiB grows, and from seven eighths of them on it has what it will grow into. */
const ROOM_OF_A_MIB = Math.floor((32_768 * 2) / 3);

/** What became of each piece of memory. */
class Memories {
  readonly log: string[] = [];
  isScarce = false;

  readonly allocate = (bytes: number): TableMemory | undefined => {
    if (this.isScarce) return undefined;
    if (bytes >= MIB) this.log.push(`take ${bytes / MIB}`);
    const end = (how: string) => () => void (bytes >= MIB && this.log.push(`${how} ${bytes / MIB}`));
    return { ...heapMemory(bytes), release: end('release'), discard: end('discard') };
  };
}

function tableOf(memories: Memories, flowsMax = 1_000_000): FlowTable {
  const hashSeed = new Int32Array(HASH_SEED_WORDS).fill(0x5bd1_e995);
  return new Ipv4Table({ hashSeed, allocate: memories.allocate, flowsExpected: 0, flowsMax });
}

/** Counts until the table has so many flows. */
function fill(table: FlowTable, flows: number): void {
  const tallies = createLedger([]);
  while (table.flows < flows) {
    const group = Array.from({ length: Math.min(64, flows - table.flows) }, (_, index) => packet(table.flows + index));
    table.add(toRows(group), allMembers(group), group.length, tallies);
  }
  expect(table.flows).toBe(flows);
}

function packet(flow: number): KeyedPacket {
  const ports = { sourcePort: 40_000, destinationPort: 443, protocol: 6, tcpFlags: 2 };
  return { family: 4, source: [flow], destination: [1], bytes: 60, microseconds: 0, ...ports };
}

describe('the memory for the next size of a large table', () => {
  it('is taken before it is needed, counts as held, and is what the table grows into', () => {
    const memories = new Memories();
    const table = tableOf(memories);
    fill(table, Math.floor((ROOM_OF_A_MIB * 7) / 8));
    expect([memories.log, table.bytes]).toEqual([['take 1'], MIB]);
    fill(table, Math.floor((ROOM_OF_A_MIB * 7) / 8) + 1);
    expect([memories.log, table.bytes, table.words.byteLength]).toEqual([['take 1', 'take 2'], 3 * MIB, MIB]);
    fill(table, ROOM_OF_A_MIB + 1);
    expect([memories.log, table.bytes]).toEqual([['take 1', 'take 2', 'release 1'], 2 * MIB]);
  });

  it('goes when no more flows come, and with the table', () => {
    for (const end of ['finish', 'release'] as const) {
      const memories = new Memories();
      const table = tableOf(memories);
      fill(table, ROOM_OF_A_MIB - 1);
      table[end]();
      const released = end === 'release' ? ['release 1'] : [];
      expect([memories.log, table.bytes]).toEqual([['take 1', 'take 2', 'discard 2', ...released], MIB]);
    }
  });

  it('is taken when it is needed where there was none before, and a table that never gets it stays as it is', () => {
    const memories = new Memories();
    const table = tableOf(memories);
    fill(table, 1);
    fill(table, 15_000);
    memories.isScarce = true;
    fill(table, ROOM_OF_A_MIB - 1);
    expect(table.bytes).toBe(MIB);
    memories.isScarce = false;
    fill(table, ROOM_OF_A_MIB + 1);
    expect(memories.log).toEqual(['take 1', 'take 2', 'release 1']);
  });

  it('is not taken by a table that may not grow, nor by a small one', () => {
    const memories = new Memories();
    const table = tableOf(memories, ROOM_OF_A_MIB);
    fill(table, ROOM_OF_A_MIB);
    expect(memories.log).toEqual(['take 1']);
  });
});
