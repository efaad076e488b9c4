/**
 * Captures from one device through libpcap, through a ring of our own and, where there is one, through a ring that tells segments, all at
 * once, for comparing what they hand out: times, lengths and bytes of every packet, and the counters.
 *
 * Prints {"event":"open"} with their descriptions; at the end of its input waits until all are quiet and prints
 * {"event":"end","libpcap":[...],"ring":[...],"segments":[...],"counters":{...}}, a packet as `SECONDS.NANOSECONDS LENGTH HEX`.
 * Usage: node capture-twice.mjs DEVICE SNAP_BYTES FILTER DATA_LINK
 */
import { setTimeout } from 'node:timers/promises';
import { nextRecord } from '../../dist/modules/agent/model/packet-batch.js';
import { loadCaptureAddon } from '../../dist/modules/agent/native/addon.js';

/** Longer than the kernel holds back a partly filled block. */
const QUIET_MS = 500;

const [device, snapBytes, filter, dataLink] = process.argv.slice(2);
const addon = loadCaptureAddon();
const parameters = {
  device,
  snapBytes: Number(snapBytes),
  bufferBytes: 4 << 20,
  timeoutMs: 100,
  immediate: false,
  promiscuous: true,
  filter,
  dataLink: Number(dataLink),
};
const captures = [addon.openLive(parameters), addon.openRing(parameters, 1 << 20, false), ...tellingSegments()];
const packets = captures.map(() => []);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// So small that blocks are read in pieces.
const view = new DataView(new ArrayBuffer(24 + parameters.snapBytes + 4096));

function readAll(handle, into) {
  let count = 0;
  for (count = addon.readBatch(handle, view, parameters.snapBytes, 0); count > 0; ) {
    for (let i = 0, at = 0; i < count; i++) {
      const captured = view.getUint32(at + 12, true);
      const bytes = Buffer.from(view.buffer, at + 24, captured).toString('hex');
      into.push(
        `${view.getFloat64(at, true)}.${view.getUint32(at + 8, true)} ${view.getUint32(at + 16, true)} ${bytes}`,
      );
      at = nextRecord(at, captured);
    }
    count = addon.readBatch(handle, view, parameters.snapBytes, 0);
  }
}

function tellingSegments() {
  try {
    return [addon.openRing(parameters, 1 << 20, true)];
  } catch (error) {
    if (error.code === 'RING_UNSUPPORTED') return [];
    throw error;
  }
}

const countAll = () => packets.reduce((sum, { length }) => sum + length, 0);
let isOver = false;
process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();
say({ event: 'open', descriptions: captures.map((handle) => addon.describe(handle)) });
for (let quietMs = 0; !isOver || quietMs < QUIET_MS; quietMs += 50) {
  const before = countAll();
  for (const [at, handle] of captures.entries()) readAll(handle, packets[at]);
  if (!isOver || countAll() > before) quietMs = 0;
  await setTimeout(50);
}
const counters = captures.map((handle) => addon.statistics(handle));
const [libpcap, ring, segments] = packets;
say({ event: 'end', libpcap, ring, segments, counters });
process.exit(0);
