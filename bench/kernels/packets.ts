/** Kernels of the data plane: per packet, from bytes to a counted flow. */
import type { FlowTable } from '../../agent/flow/flow-table.ts';
import { hashIpv4, hashIpv6 } from '../../agent/flow/hash.ts';
import { Ipv4Table } from '../../agent/flow/ipv4-table.ts';
import { Ipv6Table } from '../../agent/flow/ipv6-table.ts';
import { PeerSketch } from '../../agent/flow/peer-sketch.ts';
import { type Kernel, loadKernel } from '../../agent/kernel/kernel.ts';
import { Meter } from '../../agent/meter/meter.ts';
import { privateTableMemory } from '../../agent/meter/table-memory.ts';
import { createLedger } from '../../agent/model/ledger.ts';
import { nextRecord } from '../../agent/model/packet-batch.ts';
import { CAPTURED_LENGTH, RECORD_HEADER_BYTES, WIRE_LENGTH } from '../../agent/model/packet-batch-layout.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { decodeLinuxSll } from '../../agent/packet/cooked.ts';
import { type Decoder, decodeEthernet } from '../../agent/packet/decode.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../agent/packet/exclusion.ts';
import { DESTINATION, PORTS, PROTOCOL_AND_FLAGS, ROW_WORDS, SOURCE } from '../../agent/packet/key-row.ts';
import {
  allocate,
  BATCH_BYTES,
  BatchFeed,
  createTraffic,
  GROUP,
  hashSeed,
  type Population,
  ROWS,
  RowFeed,
} from './feed.ts';
import type { PreparedKernel, Kernel as TimedKernel } from './kernel.ts';

const IPV6_PERCENT = 20;
const FLOWS_MAX = 8 * 1024 * 1024;
const SIZES = [
  ['1k', 1_000],
  ['100k', 100_000],
  ['1m', 1_000_000],
] as const;
const POPULARITIES = ['zipf', 'uniform'] as const;

export const PACKET_KERNELS: readonly TimedKernel[] = [
  { name: 'decode', item: 'packet', create: () => decodeKernel(decodeEthernet, 0) },
  { name: 'decode-cooked', item: 'packet', create: () => decodeKernel(decodeLinuxSll, 2) },
  { name: 'exclude', item: 'packet', create: excludeKernel },
  { name: 'excluded-peers', item: 'packet', create: excludedPeersKernel },
  { name: 'hash/ipv4', item: 'packet', create: () => hashKernel(4) },
  { name: 'hash/ipv6', item: 'packet', create: () => hashKernel(6) },
  ...populations('table-ipv4', (flows, popularity) => tableKernel(4, { flows, popularity, ipv6Percent: 0 })),
  ...populations('table-ipv6', (flows, popularity) => tableKernel(6, { flows, popularity, ipv6Percent: 100 })),
  ...SIZES.map(([size, flows]): TimedKernel => {
    return { name: `table-ipv4-insert/${size}`, item: 'flow', create: () => insertKernel(4, flows) };
  }),
  ...SIZES.map(([size, flows]): TimedKernel => {
    return { name: `table-ipv6-insert/${size}`, item: 'flow', create: () => insertKernel(6, flows) };
  }),
  ...populations('meter-add', (flows, popularity) => meterKernel({ flows, popularity, ipv6Percent: IPV6_PERCENT })),
  ...populations('meter-wasm', (flows, popularity) =>
    meterKernel({ flows, popularity, ipv6Percent: IPV6_PERCENT }, loadKernelOrThrow()),
  ),
];

function populations(
  name: string,
  create: (flows: number, popularity: Population['popularity']) => PreparedKernel,
): TimedKernel[] {
  return SIZES.flatMap(([size, flows]) =>
    POPULARITIES.map(
      (popularity): TimedKernel => ({
        name: `${name}/${size}-${popularity}`,
        item: 'packet',
        create: () => create(flows, popularity),
      }),
    ),
  );
}

/**
 * @param more bytes that the link header is longer than Ethernet's: a cooked one of 16 bytes is one of Ethernet, type at its
 *   end, behind two bytes that nothing looks at
 */
function decodeKernel(decode: Decoder, more: number): PreparedKernel {
  const feed = new BatchFeed({ flows: 100_000, popularity: 'uniform', ipv6Percent: IPV6_PERCENT });
  const rows = new Int32Array(GROUP * ROW_WORDS);
  return {
    items: feed.packetsPerBatch,
    note: `${IPV6_PERCENT} % IPv6`,
    prepare: () => feed.load(),
    run() {
      const { view } = feed.batch;
      let at = 0;
      let row = 0;
      for (let packet = feed.packetsPerBatch; packet > 0; packet--) {
        const captured = view.getUint32(at + CAPTURED_LENGTH, true);
        const wire = view.getUint32(at + WIRE_LENGTH, true);
        decode(view, at + RECORD_HEADER_BYTES - more, captured + more, wire + more, rows, row);
        row = (row + ROW_WORDS) & (GROUP * ROW_WORDS - 1);
        at = nextRecord(at, captured);
      }
    },
  };
}

function excludeKernel(): PreparedKernel {
  const feed = RowFeed.of({ flows: 100_000, popularity: 'uniform', ipv6Percent: 0 });
  const exclusion = new Exclusion(EXCLUDE_DEFAULTS);
  const matches = new Int32Array(ROWS);
  return {
    items: ROWS,
    note: 'default rules',
    prepare: () => feed.load(),
    run() {
      for (let row = 0; row < ROWS; row++) matches[row] = exclusion.match(feed.rows, row * ROW_WORDS, 4);
    },
  };
}

/** The worst case: so many peers of one rule that nearly every packet takes the place of another one. */
function excludedPeersKernel(): PreparedKernel {
  const feed = RowFeed.of({ flows: 100_000, popularity: 'uniform', ipv6Percent: 0 });
  const sketch = new PeerSketch();
  return {
    items: ROWS,
    note: '100,000 peers',
    prepare: () => feed.load(),
    run() {
      for (let row = 0; row < ROWS; row++) sketch.add(feed.rows, row * ROW_WORDS, 4);
    },
  };
}

function hashKernel(family: 4 | 6): PreparedKernel {
  const feed = RowFeed.of({ flows: 100_000, popularity: 'uniform', ipv6Percent: family === 4 ? 0 : 100 });
  const { rows } = feed;
  const hashes = new Int32Array(ROWS);
  const hash =
    family === 4
      ? (row: number) =>
          hashIpv4(
            hashSeed,
            rows[row + SOURCE]!,
            rows[row + DESTINATION]!,
            rows[row + PORTS]!,
            rows[row + PROTOCOL_AND_FLAGS]! & 0xff,
          )
      : (row: number) => hashIpv6(hashSeed, rows, row, rows[row + PROTOCOL_AND_FLAGS]! & 0xff);
  return {
    items: ROWS,
    prepare: () => feed.load(),
    run() {
      for (let row = 0; row < ROWS; row++) hashes[row] = hash(row * ROW_WORDS);
    },
  };
}

function createTable(family: 4 | 6, flowsExpected: number): FlowTable {
  const options = { hashSeed, allocate, flowsExpected, flowsMax: FLOWS_MAX };
  return family === 4 ? new Ipv4Table(options) : new Ipv6Table(options);
}

/** Packets of flows that the table knows already: the steady state of a window. */
function tableKernel(family: 4 | 6, population: Population): PreparedKernel {
  const feed = RowFeed.of(population);
  const table = createTable(family, population.flows);
  const ledger = createLedger([]);
  const run = () => {
    for (const members of feed.groups) table.add(feed.rows, members, GROUP, ledger);
  };
  for (let load = 0; load < feed.loads; load++) {
    feed.load();
    run();
  }
  const mebibytes = Math.round(table.words.byteLength / 1024 ** 2);
  return { items: ROWS, note: `${table.flows} flows, ${mebibytes} MiB`, prepare: () => feed.load(), run };
}

/** A new window's table, of the size that the window before needed, until it holds every flow once. */
function insertKernel(family: 4 | 6, flows: number): PreparedKernel {
  const traffic = createTraffic({ flows, popularity: 'uniform', ipv6Percent: family === 4 ? 0 : 100 });
  // 7919 is prime and none of the populations is a multiple: every flow once, not in order.
  const feed = new RowFeed(traffic, flows, (packet) => (packet * 7919) % flows);
  const ledger = createLedger([]);
  let spentMs = 0;
  return {
    items: feed.loads * ROWS,
    note: 'memory taken and given back included',
    run() {
      let start = performance.now();
      const table = createTable(family, flows);
      spentMs = performance.now() - start;
      for (let load = 0; load < feed.loads; load++) {
        feed.load();
        start = performance.now();
        for (const members of feed.groups) table.add(feed.rows, members, GROUP, ledger);
        spentMs += performance.now() - start;
      }
      start = performance.now();
      table.release();
      spentMs += performance.now() - start;
    },
    spentMs: () => spentMs,
  };
}

/** The data plane's whole inner loop on flows that are known: window, decode, exclude, count. */
function meterKernel(population: Population, kernel?: Kernel): PreparedKernel {
  const feed = new BatchFeed(population, kernel?.take(BATCH_BYTES));
  const meter = new Meter({
    windowSeconds: 60,
    exclusion: new Exclusion(EXCLUDE_DEFAULTS),
    hashSeed,
    kernel,
    allocate: privateTableMemory(loadCaptureAddon(), kernel),
    flowsMax: FLOWS_MAX,
    windowsMax: 4,
    tableBytesMax: Number.POSITIVE_INFINITY,
    onClosed: () => undefined,
  });
  for (let batch = 0; batch < feed.batches; batch++) {
    feed.load();
    meter.add(feed.batch, decodeEthernet);
  }
  return {
    items: feed.packetsPerBatch,
    note: `${population.ipv6Percent} % IPv6, ${meter.currentWindow!.flows} flows`,
    prepare: () => feed.load(),
    run() {
      meter.add(feed.batch, decodeEthernet);
    },
  };
}

function loadKernelOrThrow(): Kernel {
  const kernel = loadKernel(loadCaptureAddon().hugePageOffset);
  if (typeof kernel === 'string') throw new Error(`the kernel cannot be loaded: ${kernel}`);
  return kernel;
}
