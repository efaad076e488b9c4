/**
 * Drives an addon built with sanitizers (see sanitize-addon.sh): every savefile of a folder whole, then damaged copies of it,
 * through large and small batches, then handles and mappings in every wrong way that a script can use them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { damaged, random } from './sanitize-damage.mjs';

const [addonPath, captures, mutations, scratch] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);
const FRAME_BYTES_MAX = 262_144;
/* The smallest batches, so that a write past their end meets the sanitizer's red zone. */
const BATCHES = [FRAME_BYTES_MAX, 128, 1].map((copyBytes) => ({
  copyBytes,
  view: new DataView(new ArrayBuffer((24 + copyBytes + 7) & ~7)),
}));
let opened = 0;
let packets = 0;

function readThrough(path, filter) {
  for (const { copyBytes, view } of BATCHES) {
    let handle;
    try {
      handle = addon.openFile(path);
      addon.firstByte(handle);
      addon.startSavefile(handle, filter);
    } catch {
      return;
    }
    opened++;
    addon.describe(handle);
    let count = addon.readBatch(handle, view, copyBytes, 0);
    for (; count > 0; count = addon.readBatch(handle, view, copyBytes, 0)) packets += count;
    addon.readBatch(handle, view, copyBytes, 0);
    addon.errorText(handle);
    addon.wait([handle], 0, new Uint8Array(1));
    if (random(2) === 0) addon.close(handle);
  }
}

/** The way of a pcapng, whose bytes are read and parsed in JavaScript. */
function readBytes(path) {
  const handle = addon.openFile(path);
  const bytes = new Uint8Array(1 + random(1000));
  addon.firstByte(handle);
  while (addon.readBytes(handle, bytes.subarray(0, 1 + random(bytes.length))) > 0) if (random(100) === 0) return;
  addon.close(handle);
}

/** The frames of a batch in bytes of any kind: records beyond their buffers are refused, all others filtered. */
function filterBatches() {
  const header = new Uint8Array(24);
  const fields = new DataView(header.buffer);
  fields.setUint16(4, 2);
  fields.setUint16(6, 4);
  for (const [linkType, filter] of [
    [1, 'tcp or vlan'],
    [101, 'ip6 and udp port 53'],
    [0, 'greater 100'],
    [113, 'not arp'],
  ]) {
    fields.setUint32(0, 0xa1b2c3d4);
    fields.setUint32(20, linkType);
    const program = addon.openFilter(header, filter);
    for (let i = 0; i < 500; i++) {
      const frames = new DataView(Uint8Array.from({ length: random(200) }, () => random(256)).buffer);
      const records = new DataView(new ArrayBuffer(24 * (1 + random(4))));
      for (let at = 0; at < records.byteLength; at += 24) {
        records.setUint32(at + 12, random(frames.byteLength + 2), true);
        records.setUint32(at + 16, random(2000), true);
        records.setUint32(at + 20, random(20) === 0 ? 0xffff_fff0 : random(frames.byteLength + 2), true);
      }
      try {
        addon.filterBatch(program, records, frames, random(6));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
    if (random(2) === 0) addon.close(program);
  }
}

function misuse() {
  const handle = addon.openFile(join(captures, readdirSync(captures)[0]));
  addon.startSavefile(handle, '');
  const file = addon.openFile(join(captures, readdirSync(captures)[0]));
  const bytes = new Uint8Array(8);
  const values = [undefined, null, -1, 2 ** 40, Number.NaN, 'x', {}, [], handle, file, bytes, bytes.buffer, () => 0];
  for (const call of [
    'describe',
    'readBatch',
    'wait',
    'statistics',
    'errorText',
    'openLive',
    'openFile',
    'firstByte',
    'readBytes',
    'startSavefile',
    'openFilter',
    'filterBatch',
    'interfaceIndex',
    'map',
    'unmap',
    'prepare',
    'share',
    'adopt',
    'hugePageOffset',
    'readNow',
    'openNetlink',
  ]) {
    for (let i = 0; i < 300; i++) {
      try {
        addon[call](...Array.from({ length: random(5) }, () => values[random(values.length)]));
      } catch {
        /* A refusal is the right answer; the sanitizers look for any other. */
      }
    }
  }
  addon.close(handle);
  addon.close(handle);
  addon.close(file);
}

/** What was left open is closed by its finalizer, which is part of what is tested. */
async function collect() {
  for (let i = 0; i < 2; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

for (const name of readdirSync(captures)) {
  const bytes = readFileSync(join(captures, name));
  readThrough(join(captures, name), '');
  readThrough(join(captures, name), 'ip or ip6');
  readBytes(join(captures, name));
  if (bytes.length > 1_000_000) continue;
  for (let i = 0; i < Number(mutations); i++) {
    const path = join(scratch, 'damaged.pcap');
    writeFileSync(path, damaged(bytes));
    readThrough(path, i % 4 === 0 ? 'tcp or vlan' : '');
    if (i % 50 === 49) await collect();
  }
  await collect();
}
filterBatches();
misuse();
for (let i = 0; i < 100; i++) {
  const mapping = addon.map(-1, 4096 * (1 + random(8)));
  new Uint8Array(mapping).fill(1);
  if (random(2) === 0) addon.unmap(mapping);
}
await collect();
console.log(`sanitize-addon: ${opened} opened, ${packets} packets read, nothing found`);
