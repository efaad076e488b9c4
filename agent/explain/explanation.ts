/**
 * Everything that happens to one packet of a savefile, found in two passes over the file: the first finds the packet and
 * traces it, the second adds up the record that it belongs to. Memory: one batch, and one number per window of the flow.
 */
import type { PacketSource } from '../model/packet-source.ts';
import { windowStart } from '../model/window-bounds.ts';
import type { Exclusion } from '../packet/exclusion.ts';
import { Classifier, type Decision, isSameKey } from './classifier.ts';
import type { DecodeTrace } from './decode-trace.ts';
import { type FlowPattern, isOfFlow } from './flow-pattern.ts';
import { type VisitedPacket, visitPackets } from './packets.ts';
import { traceFrame } from './trace.ts';

/** Which packet: the one of this number, or the first of this flow. */
export type Wanted = { readonly number: number } | { readonly flow: FlowPattern };

/** The flow's packets in one window: what its record says. */
export interface RecordTotals {
  packets: number;
  bytes: number;
  tcpFlags: number;
  /** Unix time with its fraction, good to the microsecond. */
  first: number;
  last: number;
}

export interface Explanation {
  readonly number: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly linkType: number;
  readonly captured: number;
  readonly wire: number;
  readonly trace: DecodeTrace;
  readonly decision: Decision;
  /** The rule that excluded it. */
  readonly ruleName: string | undefined;
  /** Unix seconds. */
  readonly windowStart: number;
  /** Of its key, in its window; undefined without a key. */
  readonly record: RecordTotals | undefined;
  /** Packets of the file that share its key, or, without a key, its fate. */
  readonly inFile: { packets: number; bytes: number; windows: number; numbers: number[] };
}

export type Found =
  | { readonly kind: 'explained'; readonly explanation: Explanation; readonly damage: unknown }
  | { readonly kind: 'absent'; readonly packets: number; readonly damage: unknown }
  | { readonly kind: 'unknown-link-type'; readonly linkType: number };

/** Numbers of packets that an explanation lists. */
export const NUMBERS_MAX = 20;

export interface Question {
  readonly wanted: Wanted;
  readonly windowSeconds: number;
  readonly exclusion: Exclusion;
  /** Opens the savefile from its start; it is called twice. */
  readonly open: () => Promise<PacketSource>;
}

export async function explain(question: Question): Promise<Found> {
  const first = await findPacket(question);
  if (first.kind !== 'found') return first;
  const { explanation, row } = first;
  const damage = await addUp(question, explanation, row);
  const { inFile } = explanation;
  return { kind: 'explained', explanation: { ...explanation, inFile }, damage };
}

async function findPacket({ wanted, windowSeconds, exclusion, open }: Question) {
  const classifier = new Classifier(exclusion);
  let found: { kind: 'found'; explanation: Explanation; row: Int32Array } | undefined;
  let unknown: number | undefined;
  const { packets, damage } = await pass(open, (packet) => {
    const decision = classifier.classify(packet);
    if (decision === undefined) unknown = packet.linkType;
    else if (isWanted(wanted, packet, classifier)) {
      found = {
        kind: 'found',
        explanation: describe(packet, decision, classifier, windowSeconds),
        row: classifier.row,
      };
    }
    return found === undefined && unknown === undefined;
  });
  if (found !== undefined) return found;
  if (unknown !== undefined) return { kind: 'unknown-link-type', linkType: unknown } as const;
  return { kind: 'absent', packets, damage } as const;
}

function isWanted(wanted: Wanted, packet: VisitedPacket, classifier: Classifier): boolean {
  if ('number' in wanted) return packet.number === wanted.number;
  return classifier.family !== undefined && isOfFlow(wanted.flow, classifier.row, 0, classifier.family);
}

function describe(
  packet: VisitedPacket,
  decision: Decision,
  classifier: Classifier,
  windowSeconds: number,
): Explanation {
  const { number, seconds, nanoseconds, linkType, captured, wire, view, at } = packet;
  const trace = traceFrame(linkType, new Uint8Array(view.buffer, view.byteOffset + at, captured), wire);
  if (trace === undefined || !classifier.agreesWith(trace.ending)) {
    throw new Error(`the trace of packet ${number} disagrees with the decoder: ${JSON.stringify(trace)}`);
  }
  return {
    ...{ number, seconds, nanoseconds, linkType, captured, wire, trace, decision },
    ruleName: classifier.ruleName,
    windowStart: windowStart(seconds, windowSeconds),
    record: classifier.family && {
      packets: 0,
      bytes: 0,
      tcpFlags: 0,
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
    },
    inFile: { packets: 0, bytes: 0, windows: 0, numbers: [] },
  };
}

/** Adds the packets that share the explained one's key, or fate, to its totals; answers what ended the file too early. */
async function addUp({ windowSeconds, exclusion, open }: Question, explanation: Explanation, row: Int32Array) {
  const classifier = new Classifier(exclusion);
  const { record, inFile, decision } = explanation;
  const starts = new Set<number>();
  const { damage } = await pass(open, (packet) => {
    const decided = classifier.classify(packet);
    if (decided === undefined) return false;
    if (decided !== decision || (record !== undefined && !isSameKey(classifier.row, row))) return true;
    const bytes = record === undefined ? packet.wire : classifier.bytes;
    const start = windowStart(packet.seconds, windowSeconds);
    starts.add(start);
    inFile.packets += 1;
    inFile.bytes += bytes;
    if (inFile.numbers.length < NUMBERS_MAX) inFile.numbers.push(packet.number);
    if (start === explanation.windowStart && record !== undefined) count(record, packet, classifier);
    return true;
  });
  inFile.windows = starts.size;
  return damage;
}

function count(record: RecordTotals, packet: VisitedPacket, classifier: Classifier): void {
  const time = packet.seconds + packet.nanoseconds / 1e9;
  record.packets += 1;
  record.bytes += classifier.bytes;
  record.tcpFlags |= classifier.tcpFlags;
  record.first = Math.min(record.first, time);
  record.last = Math.max(record.last, time);
}

/** Once through the file; a damaged one gives its packets up to the damage. */
async function pass(open: Question['open'], visit: (packet: VisitedPacket) => boolean) {
  const source = await open();
  let packets = 0;
  try {
    await visitPackets(source, (packet) => {
      packets = packet.number;
      return visit(packet);
    });
    return { packets, damage: undefined };
  } catch (error) {
    if (error !== source.failure) throw error;
    return { packets, damage: error };
  } finally {
    source.close();
  }
}
