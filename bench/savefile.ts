/** Captures for `replay`: made once, kept in the cache folder, each with the truth about it beside it. */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Popularity, type Sizes, Traffic } from './traffic.ts';

export interface CaptureSpec {
  readonly name: string;
  readonly flows: number;
  readonly popularity: Popularity;
  readonly sizes: Sizes;
}

/** What every tool should find in a capture. */
export interface Truth {
  readonly packets: number;
  /** IP bytes, link layer excluded. */
  readonly bytes: number;
  /** Different keys. */
  readonly flows: number;
  /** Different pairs of key and 60 s window. */
  readonly records: number;
}

export interface Capture extends Truth {
  readonly name: string;
  readonly path: string;
  readonly fileBytes: number;
}

export const CAPTURES: readonly CaptureSpec[] = (['64', 'imix'] as const).flatMap((sizes) =>
  ([1_000, 100_000, 1_000_000] as const).flatMap((flows) =>
    (['zipf', 'uniform'] as const).map((popularity) => ({
      name: `${sizes === '64' ? '64b' : sizes}-${flows === 1_000_000 ? '1m' : `${flows / 1000}k`}-${popularity}`,
      flows,
      popularity,
      sizes,
    })),
  ),
);

/** What a comparison reads by default. */
export const STANDARD_CAPTURES = [
  '64b-1k-zipf',
  '64b-100k-zipf',
  '64b-100k-uniform',
  '64b-1m-zipf',
  '64b-1m-uniform',
  'imix-100k-zipf',
] as const;

export const SPAN_SECONDS = 300;
const WINDOW_SECONDS = 60;
/** On the boundary of a window. */
const START_SECONDS = 1_700_000_040;
const IPV6_PERCENT = 20;
/** Frames are cut as an agent's own capture would cut them; without this the mixed sizes measure reading zeros. */
const SNAP_BYTES = 128;
const RECORD_HEADER_BYTES = 16;
const WRITE_BYTES = 1 << 20;

/** Answers the capture, made now unless an earlier run has left it. */
export function capture(spec: CaptureSpec, packets: number, folder: string): Capture {
  const path = join(folder, `${spec.name}-${packets}.pcap`);
  const truthPath = `${path}.json`;
  if (!existsSync(truthPath)) {
    const made = write(spec, packets, `${path}.part`);
    renameSync(`${path}.part`, path);
    writeFileSync(truthPath, JSON.stringify(made));
  }
  const truth = JSON.parse(readFileSync(truthPath, 'utf8')) as Truth & { readonly fileBytes: number };
  return { name: spec.name, path, ...truth };
}

function write(spec: CaptureSpec, packets: number, path: string): Truth & { readonly fileBytes: number } {
  const traffic = new Traffic({ ...spec, seed: seedOf(spec), ipv6Percent: IPV6_PERCENT });
  const file = openSync(path, 'w');
  const buffer = new Uint8Array(WRITE_BYTES);
  const view = new DataView(buffer.buffer);
  const seen = new Uint8Array(spec.flows);
  const count = { bytes: 0, flows: 0, records: 0, fileBytes: 0 };
  let at = writeFileHeader(view);
  for (let packet = 0; packet < packets; packet++) {
    if (at + RECORD_HEADER_BYTES + SNAP_BYTES > WRITE_BYTES) {
      count.fileBytes += writeSync(file, buffer, 0, at);
      at = 0;
    }
    const microseconds = Math.floor((packet * SPAN_SECONDS * 1_000_000) / packets);
    const flow = traffic.nextFlow();
    const wire = traffic.nextWireLength(flow);
    const captured = Math.min(wire, SNAP_BYTES);
    view.setUint32(at, START_SECONDS + Math.floor(microseconds / 1_000_000), true);
    view.setUint32(at + 4, microseconds % 1_000_000, true);
    view.setUint32(at + 8, captured, true);
    view.setUint32(at + 12, wire, true);
    at += RECORD_HEADER_BYTES;
    const headers = traffic.writeHeaders(flow, wire, view, at);
    buffer.fill(0, at + headers, at + captured);
    at += captured;
    count.bytes += wire - 14;
    // One bit for each of the five windows, and one that says the flow was ever seen.
    const bits = seen[flow]!;
    const window = 1 << Math.floor(microseconds / (WINDOW_SECONDS * 1_000_000));
    if (bits === 0) count.flows += 1;
    if ((bits & window) === 0) count.records += 1;
    seen[flow] = bits | window;
  }
  count.fileBytes += writeSync(file, buffer, 0, at);
  closeSync(file);
  return { packets, ...count };
}

/** Classic pcap, microseconds, little endian, Ethernet. */
function writeFileHeader(view: DataView): number {
  view.setUint32(0, 0xa1b2_c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_BYTES, true);
  view.setUint32(20, 1, true);
  return 24;
}

function seedOf(spec: CaptureSpec): number {
  let seed = 1;
  for (const character of spec.name) seed = (Math.imul(seed, 31) + character.charCodeAt(0)) | 0;
  return seed;
}
