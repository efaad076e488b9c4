/**
 * Captures live with an addon built with sanitizers (see sanitize-addon.sh), while hostile frames arrive: the Ethernet frames
 * among the kept seeds, whole and damaged. Every way to open a capture, batches as small as they may be; then the interface
 * goes away under an open capture.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { damaged, random } from './sanitize-damage.mjs';

const [addonPath, seeds, sender, near, far, count] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);
/** What a packet socket sends without asking for more: a link header, and no more than the interface's 1500 bytes behind it. */
const FRAME_BYTES = { min: 14, max: 1514 };
const READ_ROUNDS_MAX = 2000;

/** A seed is the index of its link type (Ethernet is 1) and two bytes before the frame. */
const frames = readdirSync(seeds)
  .map((name) => readFileSync(join(seeds, name)))
  .filter((seed) => seed[0] === 1 && seed.length >= 3 + FRAME_BYTES.min)
  .map((seed) => seed.subarray(3));

/** In the form of test/support/send-frames.c: each behind its length. */
function hostileFrames() {
  const parts = [];
  for (let i = 0; i < Number(count); i++) {
    const frame = frames[random(frames.length)];
    let bytes = i % 5 === 0 ? frame : damaged(frame);
    if (random(16) === 0) bytes = Buffer.concat([bytes, Buffer.alloc(random(FRAME_BYTES.max), random(256))]);
    if (bytes.length < FRAME_BYTES.min) bytes = Buffer.concat([bytes, Buffer.alloc(FRAME_BYTES.min)]);
    bytes = bytes.subarray(0, FRAME_BYTES.max);
    parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
  }
  return Buffer.concat(parts);
}

const WAYS = [
  { device: near, snapBytes: 128, copyBytes: 128, filter: '', immediate: false, promiscuous: true, dataLink: -1 },
  {
    device: near,
    snapBytes: 262_144,
    copyBytes: 262_144,
    filter: '',
    immediate: true,
    promiscuous: false,
    dataLink: -1,
  },
  { device: near, snapBytes: 1, copyBytes: 1, filter: '', immediate: false, promiscuous: true, dataLink: -1 },
  {
    device: near,
    snapBytes: 96,
    copyBytes: 33,
    filter: 'ip or vlan or mpls',
    immediate: false,
    promiscuous: true,
    dataLink: -1,
  },
  { device: 'any', snapBytes: 128, copyBytes: 128, filter: '', immediate: false, promiscuous: false, dataLink: 276 },
  { device: 'any', snapBytes: 64, copyBytes: 64, filter: '', immediate: false, promiscuous: false, dataLink: 113 },
];

function open({ device, snapBytes, filter, immediate, promiscuous, dataLink }) {
  const handle = addon.openLive({
    device,
    snapBytes,
    bufferBytes: 4 * 1024 * 1024,
    timeoutMs: 10,
    immediate,
    promiscuous,
    filter,
    dataLink,
  });
  addon.describe(handle);
  return handle;
}

/** Reads until a while has brought nothing more; the sender has ended by then. */
function readAll(handle, copyBytes) {
  /* Just one packet's room, so that a write past it meets the sanitizer's red zone. */
  const view = new DataView(new ArrayBuffer((24 + copyBytes + 7) & ~7));
  let packets = 0;
  for (let round = 0, idle = 0; round < READ_ROUNDS_MAX && idle < 3; round++) {
    addon.wait([handle], 20, new Uint8Array(1));
    let got = addon.readBatch(handle, view, copyBytes, 0);
    idle = got > 0 ? 0 : idle + 1;
    for (; got > 0; got = addon.readBatch(handle, view, copyBytes, 0)) packets += got;
    if (got < 0) throw new Error(addon.errorText(handle));
  }
  return packets;
}

let captured = 0;
const bytes = hostileFrames();
for (const way of WAYS) {
  const handle = open(way);
  const sent = spawnSync(sender, [far], { input: bytes, encoding: 'utf8' });
  if (sent.status !== 0) throw new Error(sent.stderr);
  const packets = readAll(handle, way.copyBytes);
  const [received, dropped] = addon.statistics(handle);
  if (packets === 0 || packets + dropped < received)
    throw new Error(`${way.device}: ${packets} of ${received} packets`);
  captured += packets;
  addon.close(handle);
}

const left = WAYS.slice(0, 3).map(open);
const sending = spawn(sender, [far], { stdio: ['pipe', 'ignore', 'ignore'] });
sending.stdin.on('error', () => undefined);
sending.stdin.end(bytes);
if (spawnSync('ip', ['link', 'delete', near]).status !== 0) throw new Error(`${near} cannot be deleted`);
const view = new DataView(new ArrayBuffer(24 + 128));
for (const handle of left) {
  let got = 0;
  for (let i = 0; i < 100_000 && got >= 0; i++) got = addon.readBatch(handle, view, 128, 10);
  if (got >= 0) throw new Error('a capture has not noticed that its interface is gone');
  addon.errorText(handle);
  addon.statistics(handle);
}
addon.close(left[0]);
globalThis.gc();
console.log(`sanitize-live: ${captured} hostile frames captured in ${WAYS.length} ways, nothing found`);
