/**
 * What reads bytes of others, each as one function that must answer or refuse, whatever the bytes: throwing anything but the
 * refusal of its room, writing where it may not, or taking more steps than its input can ask for is a finding.
 */

import assert from 'node:assert/strict';
import type { ByteSource } from '../../agent/capture/byte-source.ts';
import { createSavefileEngine } from '../../agent/capture/savefile/savefile.ts';
import { loadConfiguration } from '../../agent/config/load.ts';
import { ConntrackReader } from '../../agent/conntrack/ctnetlink.ts';
import { TranslationTable, UNMATCHED } from '../../agent/conntrack/translation-table.ts';
import { traceFrame } from '../../agent/explain/trace.ts';
import { outcomeOf } from '../../agent/export/cls/answer.ts';
import { SINKS } from '../../agent/export/sinks.ts';
import { createFlowRecord } from '../../agent/model/flow-record.ts';
import { OperationalError } from '../../agent/model/operational-error.ts';
import { MALFORMED, NOT_IP } from '../../agent/packet/decode.ts';
import { IP_BYTES, ROW_WORDS } from '../../agent/packet/key-row.ts';
import { decoderFor } from '../../agent/packet/link-type.ts';
import { readLabel, readSpoolFile } from '../../agent/spool/spool-file.ts';
import { FlowBatchReader, splitBatch } from '../../agent/wire/flow-batch-reader.ts';
import { decodeWithAgent } from '../support/agent-decoder.ts';
import { readToEnd } from '../support/read-source.ts';
import { decodeReference, REFERENCE_LINK_TYPES } from '../support/reference-decoder.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Inputs of the run in `npm test`. */
  readonly inputs: number;
  /** @throws anything at all for a finding */
  readonly run: (bytes: Uint8Array) => void | Promise<void>;
}

/** Runs `read` and lets pass what its room may refuse with. */
function refusing(codes: readonly string[], read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof OperationalError) || !codes.includes(error.code)) throw error;
  }
}

// Frames: the index of a link type (one byte), how much longer the frame was than what was captured (two bytes), the bytes.

/** Counts looks: a decoder that runs in circles looks more often than its frame has bytes. */
class CountingView extends (DataView as new (buffer: ArrayBuffer) => DataView) {
  looks = 0;
  override getUint8(at: number): number {
    this.looks++;
    return super.getUint8(at);
  }
  override getUint16(at: number, littleEndian?: boolean): number {
    this.looks++;
    return super.getUint16(at, littleEndian);
  }
  override getUint32(at: number, littleEndian?: boolean): number {
    this.looks++;
    return super.getUint32(at, littleEndian);
  }
  override getInt32(at: number, littleEndian?: boolean): number {
    this.looks++;
    return super.getInt32(at, littleEndian);
  }
}

/** Fixed headers take a few tens of looks; all else advances by a byte at least with every few of them. */
const LOOKS_FIXED = 64;
const LINKTYPE_NFLOG = 239;

function runFrame(input: Uint8Array): void {
  const [link = 0, high = 0, low = 0] = input;
  const bytes = input.slice(3);
  const linkType = REFERENCE_LINK_TYPES[link % REFERENCE_LINK_TYPES.length]!;
  const frame = { linkType, bytes, capturedLength: bytes.length, wireLength: bytes.length + ((high << 8) | low) };
  const answer = decodeWithAgent(frame);
  assert.deepEqual(answer, decodeReference(frame));
  const view = new CountingView(bytes.buffer as ArrayBuffer);
  decoderFor(linkType)!(view, 0, bytes.length, frame.wireLength, new Int32Array(ROW_WORDS), 0);
  assert.ok(view.looks <= LOOKS_FIXED + 4 * bytes.length, `${view.looks} looks at ${bytes.length} bytes`);
  const trace = traceFrame(linkType, bytes, frame.wireLength)!;
  assert.equal(trace.ending.kind, 'refusal' in answer ? answer.refusal : 'key');
}

/** A record of the packet filter's log, alone: no reference decoder knows it, but two readers of ours do. */
function runNflog(bytes: Uint8Array): void {
  const input = bytes.slice();
  const view = new CountingView(input.buffer as ArrayBuffer);
  const rows = new Int32Array(ROW_WORDS);
  const decoded = decoderFor(LINKTYPE_NFLOG)!(view, 0, input.length, input.length, rows, 0);
  assert.ok(view.looks <= LOOKS_FIXED + 4 * input.length, `${view.looks} looks at ${input.length} bytes`);
  const { ending } = traceFrame(LINKTYPE_NFLOG, input, input.length)!;
  const expected = decoded === NOT_IP ? 'not-ip' : decoded === MALFORMED ? 'malformed' : 'key';
  assert.equal(ending.kind, expected);
  if (ending.kind === 'key') assert.equal(ending.bytes, rows[IP_BYTES]! >>> 0);
}

// Savefiles

const SAVEFILE_CODES = ['savefile.damaged', 'savefile.format', 'savefile.unreadable'];

/** In pieces of odd sizes, and with a limit on how often it may be asked. */
function bytesOf(bytes: Uint8Array): ByteSource {
  let at = 0;
  let asked = 0;
  return {
    read(buffer, offset, length) {
      asked++;
      assert.ok(asked <= 64 + bytes.length, 'the file was asked for more pieces than it has bytes');
      const piece = bytes.subarray(at, at + Math.min(length, 1 + ((asked * 977) % 4096)));
      buffer.set(piece, offset);
      at += piece.length;
      return piece.length;
    },
    close: () => undefined,
  };
}

async function runSavefile(bytes: Uint8Array): Promise<void> {
  const engine = createSavefileEngine(async () => bytesOf(bytes));
  try {
    const { packets, failure } = await readToEnd(await engine.open({ path: 'fuzz.pcap', filter: '' }));
    assert.ok(packets.length <= bytes.length / 8, `${packets.length} packets in ${bytes.length} bytes`);
    if (failure !== undefined) assert.ok(SAVEFILE_CODES.includes(failure.code), failure.message);
  } catch (error) {
    refusing(SAVEFILE_CODES, () => {
      throw error;
    });
  }
}

// Batches and spool files

function runFlowBatch(bytes: Uint8Array): void {
  refusing(['spool.damaged', 'spool.newer'], () => {
    const reader = new FlowBatchReader(bytes);
    const record = createFlowRecord();
    let records = 0;
    for (; reader.next(record); records++) assert.ok(records < bytes.length, 'more records than bytes');
    assert.equal(records, reader.records);
    const halves = splitBatch(bytes);
    if (halves !== undefined) {
      const [first, second] = halves.map((half) => new FlowBatchReader(half));
      assert.equal(first!.records + second!.records, records);
    }
  });
}

function runSpoolFile(bytes: Uint8Array): void {
  const content = readSpoolFile(bytes);
  if (content.kind === 'whole') runFlowBatch(content.payload);
  const label = readLabel(bytes);
  if (label !== undefined) runFlowBatch(label);
  else assert.notEqual(content.kind, 'whole', 'a whole file without a label');
}

// Texts

function runConfiguration(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  const readTextFile = () => ({ text, mode: 0o600 });
  refusing(['config.invalid', 'config.unreadable'], () => {
    loadConfiguration({
      path: 'fuzz.yaml',
      environment: {},
      readTextFile,
      sinkKinds: SINKS,
      zstd: false,
      readNamedFiles: false,
    });
  });
}

/** A status (two digits), the value of `Retry-After` to the end of the line, the body. */
function runAnswer(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  const [head = '', ...body] = text.split('\n');
  const headers = { 'retry-after': head.slice(3), date: head.slice(3) };
  const status = Number.parseInt(head, 10);
  const outcome = outcomeOf({ kind: 'answer', status, headers, body: body.join('\n') }, 1_700_000_000_000);
  if (outcome.kind === 'accepted') assert.equal(status, 200);
  else assert.ok(outcome.reason.length < 1000, 'a reason as long as the server likes');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (outcome.kind !== 'accepted') assert.doesNotMatch(outcome.reason, /[\0-\x1f\x7f\x80-\x9f]/);
}

// Connection tracking

/** What a datagram says is learnt, and what is learnt as alive is found again under both of its tuples. */
function runConntrack(bytes: Uint8Array): void {
  const table = new TranslationTable({ entriesMax: 8, seed: 1 });
  const reader = new ConntrackReader();
  const { connection } = reader;
  reader.load(bytes);
  let messages = 0;
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    assert.ok(++messages <= bytes.length, 'more messages than bytes');
    if (message === 'destroyed') table.destroyed(connection, 0, 0);
    if (message !== 'alive') continue;
    table.alive(connection, 0, 0);
    if (table.counters.refused > 0) return;
    for (const tuple of [connection.original, connection.reply]) {
      assert.notEqual(table.find(tuple, connection.family, connection.protocol, 0, 0), UNMATCHED);
    }
  }
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  { name: 'frame', inputs: 20_000, run: runFrame },
  { name: 'nflog', inputs: 20_000, run: runNflog },
  { name: 'savefile', inputs: 2_000, run: runSavefile },
  { name: 'flow-batch', inputs: 20_000, run: runFlowBatch },
  { name: 'spool-file', inputs: 5_000, run: runSpoolFile },
  { name: 'configuration', inputs: 1_000, run: runConfiguration },
  { name: 'answer', inputs: 10_000, run: runAnswer },
  { name: 'conntrack', inputs: 20_000, run: runConntrack },
];
