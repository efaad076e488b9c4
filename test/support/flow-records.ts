/** Arbitrary flow records, windows and ledgers, as tables and batches can hold them. */
import fc from 'fast-check';
import { type Annotations, createAnnotations } from '../../agent/model/annotations.ts';
import type { WindowHeader } from '../../agent/model/batch-id.ts';
import { type ExcludedPeer, type ExcludedPeers, PEERS_MAX, summaryOf } from '../../agent/model/excluded-peers.ts';
import { RESOURCE_TYPES } from '../../agent/model/flow-log.ts';
import type { FlowRecord, RecordCursor } from '../../agent/model/flow-record.ts';
import { GAP_REASONS, type Ledger, type Tally } from '../../agent/model/ledger.ts';
import { ANNOTATIONS } from '../../schema/fields.ts';
import { LEDGER_ROWS, type LedgerNumbers } from '../../schema/ledger-numbers.ts';

/** A cursor over records that are already there. */
export function cursorOver(records: readonly FlowRecord[]): RecordCursor {
  let index = 0;
  return {
    next(record) {
      const from = records[index++];
      if (from === undefined) return false;
      const { annotations, ...fields } = from;
      Object.assign(record, fields);
      Object.assign(record.annotations, annotations);
      return true;
    },
  };
}

const word = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
const port = fc.oneof(fc.constantFrom(0, 53, 443, 65535), fc.integer({ min: 0, max: 0xffff }));
const octet = fc.integer({ min: 0, max: 255 });
/** Every magnitude up to 2^53 - 1, not only huge ones. */
const counter = fc.tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 53 })).map(([n, bits]) => n % 2 ** bits);
const microseconds = fc.integer({ min: 0, max: 600_000_000 - 1 });

const annotationText = fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme', maxLength: 8 }));

const OF_KIND = { text: annotationText, port, microseconds } as const;

/** Members of any value that the schema has for them; the words of IPv4 lie in the first of each four. */
function annotationsOf(family: 4 | 6): fc.Arbitrary<Annotations> {
  const members = ANNOTATIONS.flatMap(({ name, kind }): [string, fc.Arbitrary<string | number>][] => {
    if (typeof kind !== 'string') return [[name, fc.constantFrom(...kind)]];
    if (kind !== 'address') return [[name, OF_KIND[kind]]];
    return [0, 1, 2, 3].map((index) => [`${name}${index}`, family === 4 && index > 0 ? fc.constant(0) : word]);
  });
  return fc
    .record(Object.fromEntries(members))
    .map((each) => each as unknown as Annotations)
    .map((annotations) => (annotations.translation === 'matched' ? annotations : untranslated(annotations)));
}

/** Annotations that say something in every field: the last of each list, ones else. */
export function fullAnnotations(): Annotations {
  const members = ANNOTATIONS.flatMap(({ name, kind }): [string, string | number][] => {
    if (typeof kind !== 'string') return [[name, kind.at(-1)!]];
    if (kind === 'address') return [0, 1, 2, 3].map((index) => [`${name}${index}`, 1]);
    return [[name, kind === 'text' ? '1' : 1]];
  });
  return { ...createAnnotations(), ...(Object.fromEntries(members) as unknown as Annotations) };
}

function untranslated(annotations: Annotations): Annotations {
  const none = Object.entries(createAnnotations()).filter(([name]) => name.startsWith('translated'));
  return { ...annotations, ...Object.fromEntries(none) };
}

export const flowRecord: fc.Arbitrary<FlowRecord> = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    source0: word,
    source1: word,
    source2: word,
    source3: word,
    destination0: word,
    destination1: word,
    destination2: word,
    destination3: word,
    sourcePort: port,
    destinationPort: port,
    icmp: fc.option(fc.tuple(octet, octet)),
    furtherPackets: fc.oneof(fc.constant(0), counter),
    furtherBytes: fc.oneof(fc.constant(0), counter),
    protocol: octet,
    tcpFlags: octet,
    packets: counter,
    bytes: counter,
    firstMicroseconds: microseconds,
    lastMicroseconds: microseconds,
    isAnnotated: fc.boolean(),
  })
  .map(({ icmp, ...record }) => ({ ...record, icmpType: icmp?.[0] ?? -1, icmpCode: icmp?.[1] ?? -1 }))
  .chain((record) =>
    (record.isAnnotated ? annotationsOf(record.family) : fc.constant(createAnnotations())).map((annotations) => ({
      ...record,
      annotations,
    })),
  )
  .map((record) =>
    record.family === 6
      ? record
      : { ...record, source1: 0, source2: 0, source3: 0, destination1: 0, destination2: 0, destination3: 0 },
  );

const tally = fc.record({ packets: counter, bytes: counter });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });

const peer: fc.Arbitrary<ExcludedPeer> = fc.record({
  source: fc.ipV4(),
  destination: fc.oneof(fc.ipV4(), fc.ipV6()),
  protocol: fc.nat(255),
  port: fc.nat(0xffff),
  packets: counter,
  bytes: fc.nat(),
  missedBytesMax: fc.nat(),
});
export const excludedPeers: fc.Arbitrary<ExcludedPeers> = fc
  .tuple(fc.uniqueArray(peer, { maxLength: PEERS_MAX, selector: ({ source }) => source }), fc.nat())
  .map(([peers, unlistedBytesMax]) => summaryOf(peers, unlistedBytesMax));

type NumberOf = {
  readonly tally: fc.Arbitrary<Tally>;
  readonly count: fc.Arbitrary<number>;
  readonly flag: fc.Arbitrary<boolean>;
};

/** Every number of the schema, by the kind that it is. */
export function ledgerNumbers(of: NumberOf): { [name in keyof LedgerNumbers]: fc.Arbitrary<LedgerNumbers[name]> } {
  return Object.fromEntries(LEDGER_ROWS.map(({ name, kind }) => [name, of[kind]])) as never;
}

export const ledger: fc.Arbitrary<Ledger> = fc.record({
  ...ledgerNumbers({ tally, count: counter, flag: fc.boolean() }),
  excluded: fc.dictionary(
    fc.string({ maxLength: 12 }).filter((name) => name !== '__proto__'),
    tally,
    { maxKeys: 4, noNullPrototype: true },
  ),
  excludedPeers: fc.dictionary(
    fc.string({ maxLength: 12 }).filter((name) => name !== '__proto__'),
    excludedPeers,
    { maxKeys: 3, noNullPrototype: true },
  ),
  gaps: fc.array(
    fc.record({
      fromSeconds: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
      toSeconds: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
      reason: fc.constantFrom(...GAP_REASONS),
    }),
    { maxLength: 3 },
  ),
});

export const batchHeader: fc.Arbitrary<WindowHeader> = fc.record({
  hostId: text,
  runId: text,
  flowLogId: text,
  interfaceId: text,
  accountId: text,
  windowStart: fc.integer({ min: -1_000_000, max: 4_000_000_000 }),
  windowSeconds: fc.integer({ min: 1, max: 600 }),
  resourceType: fc.constantFrom(...RESOURCE_TYPES),
  fields: fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), { maxLength: 4 }),
  constants: fc.dictionary(
    fc.string({ maxLength: 12 }).filter((name) => name !== '__proto__'),
    text,
    { maxKeys: 3, noNullPrototype: true },
  ),
});
