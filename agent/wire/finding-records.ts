/** Findings in a batch, the messages `FindingEvent` of `proto/flowlog.proto`: few, and so put together field by field. */
import type { BatchHeader } from '../model/batch-id.ts';
import type { FindingRecord } from '../model/finding-record.ts';
import { BATCH_TAG, encodeHeader, encodeTotals, Message } from './flow-batch.ts';
import { damaged, type ProtobufReader } from './protobuf-reader.ts';

type Texts = 'uid' | 'change' | 'id' | 'rule' | 'title' | 'state' | 'severity' | 'worstSeverity' | 'mitre' | 'records';
type Counts = 'at' | 'firstSeen' | 'lastSeen' | 'windows' | 'times';

const TEXT_FIELDS: Readonly<Record<Texts, number>> = {
  ...{ uid: 1, change: 2, id: 4, rule: 5, title: 6, state: 7, severity: 8, worstSeverity: 9, mitre: 18, records: 19 },
};
const COUNT_FIELDS: Readonly<Record<Counts, number>> = { at: 3, firstSeen: 12, lastSeen: 13, windows: 14, times: 15 };
const TAG = { subject: (10 << 3) | 2, figure: (11 << 3) | 2, coarse: 16 << 3, explainedBy: (17 << 3) | 2 } as const;
const PAIR_TAG = { name: 0x0a, text: 0x12, double: 0x11 } as const;

/** A batch of findings alone: it has neither records nor a ledger. */
export function encodeFindings(header: BatchHeader, findings: readonly FindingRecord[]): Uint8Array {
  const body = new Message();
  for (const finding of findings) body.bytes(BATCH_TAG.finding, encodeFinding(finding));
  return Buffer.concat([encodeHeader(header), encodeTotals({ records: 0, packets: 0, bytes: 0 }), body.finish()]);
}

function encodeFinding(finding: FindingRecord): Uint8Array {
  const message = new Message();
  for (const name of namesOf(TEXT_FIELDS)) message.text((TEXT_FIELDS[name] << 3) | 2, finding[name]);
  for (const name of namesOf(COUNT_FIELDS)) message.counter(COUNT_FIELDS[name] << 3, finding[name]);
  for (const [name, value] of Object.entries(finding.subject))
    message.bytes(TAG.subject, new Message().text(PAIR_TAG.name, name).text(PAIR_TAG.text, value).finish());
  for (const [name, value] of Object.entries(finding.figures))
    message.bytes(TAG.figure, new Message().text(PAIR_TAG.name, name).double(PAIR_TAG.double, value).finish());
  message.counter(TAG.coarse, Number(finding.isCoarse));
  for (const id of finding.explainedBy) message.text(TAG.explainedBy, id);
  return message.finish();
}

const TEXT_OF_TAG = new Map(namesOf(TEXT_FIELDS).map((name) => [(TEXT_FIELDS[name] << 3) | 2, name]));
const COUNT_OF_TAG = new Map(namesOf(COUNT_FIELDS).map((name) => [COUNT_FIELDS[name] << 3, name]));

/** @throws OperationalError `spool.damaged`, `spool.newer` */
export function readFinding(wire: ProtobufReader): FindingRecord {
  const texts: Record<Texts, string> = {
    ...{ uid: '', change: '', id: '', rule: '', title: '', state: '', severity: '', worstSeverity: '' },
    ...{ mitre: '', records: '' },
  };
  const counts: Record<Counts, number> = { at: 0, firstSeen: 0, lastSeen: 0, windows: 0, times: 0 };
  const subject: Record<string, string> = {};
  const figures: Record<string, number> = {};
  const explainedBy: string[] = [];
  let isCoarse = false;
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    const text = TEXT_OF_TAG.get(tag);
    const count = COUNT_OF_TAG.get(tag);
    if (text !== undefined) texts[text] = wire.text();
    else if (count !== undefined) counts[count] = wire.varint();
    else if (tag === TAG.subject) readPair(wire, (name, value) => (subject[name] = value.text));
    else if (tag === TAG.figure) readPair(wire, (name, value) => (figures[name] = value.double));
    else if (tag === TAG.coarse) isCoarse = wire.varint() !== 0;
    else if (tag === TAG.explainedBy) explainedBy.push(wire.text());
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  return { ...texts, ...counts, subject, figures, explainedBy, isCoarse };
}

function readPair(wire: ProtobufReader, take: (name: string, value: { text: string; double: number }) => void): void {
  let name = '';
  const value = { text: '', double: 0 };
  const outerEnd = wire.enter();
  while (wire.at < wire.end) {
    const tag = wire.tag();
    if (tag === PAIR_TAG.name) name = wire.text();
    else if (tag === PAIR_TAG.text) value.text = wire.text();
    else if (tag === PAIR_TAG.double) value.double = wire.double();
    else wire.refuseUnknown(tag);
  }
  wire.leave(outerEnd);
  if (name === '__proto__') throw damaged('a finding has a name that no column can have');
  take(name, value);
}

function namesOf<Name extends string>(fields: Readonly<Record<Name, number>>): readonly Name[] {
  return Object.keys(fields) as Name[];
}
