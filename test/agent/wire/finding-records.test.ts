import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { EMPTY_BATCH_HEADER } from '../../../agent/model/batch-id.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { encodeFindings } from '../../../agent/wire/finding-records.ts';
import { FlowBatchReader, labelBytes, splitBatch } from '../../../agent/wire/flow-batch-reader.ts';
import { FINDING, findingRecord } from '../../support/finding-records.ts';

const schema = protobuf.loadSync(new URL('../../../proto/flowlog.proto', import.meta.url).pathname);
const FlowBatch = schema.lookupType('flowlog.v1.FlowBatch');
const FindingEvent = schema.lookupType('flowlog.v1.FindingEvent');
const HEADER = { ...EMPTY_BATCH_HEADER, hostId: 'host-1', runId: 'run-1', windowStart: 1_700_000_100, part: 3 };

describe('a batch of findings', () => {
  test('is read as it was written, and has nothing else', () => {
    fc.assert(
      fc.property(fc.array(findingRecord, { maxLength: 5 }), (findings) => {
        const bytes = encodeFindings(HEADER, findings);
        const reader = new FlowBatchReader(bytes);
        expect(reader.findings).toEqual(findings);
        expect([reader.header, reader.records, reader.ledger]).toEqual([HEADER, 0, undefined]);
        expect(reader.next(createFlowRecord())).toBe(false);
        expect([labelBytes(bytes), splitBatch(bytes)]).toEqual([bytes.length, undefined]);
      }),
    );
  });

  test('is what the schema says', () => {
    const plain = FlowBatch.toObject(FlowBatch.decode(encodeFindings(HEADER, [FINDING])), { longs: Number });
    const { uid, change, id, rule, title, state, severity, subject, figures, windows, times, explainedBy } = FINDING;
    expect(plain['findings']).toEqual([
      {
        ...{ uid, change, id, rule, title, state, severity, subject, figures, windows, times, explainedBy },
        ...{ worstSeverity: 'high', coarse: true, mitre: 'T1046', records: FINDING.records },
        ...{ atSeconds: FINDING.at, firstSeenSeconds: FINDING.firstSeen, lastSeenSeconds: FINDING.lastSeen },
      },
    ]);
  });

  test('of a later version is left to that, and damage is damage', () => {
    const later = FindingEvent.encode({ uid: 'a' }).finish();
    const unknown = Uint8Array.of(...later, 0xa0, 0x01, 0x01);
    const batch = (finding: Uint8Array) => Uint8Array.of(0x82, 0x01, finding.length, ...finding);
    expect(() => new FlowBatchReader(batch(unknown))).toThrow(expect.objectContaining({ code: 'spool.newer' }));
    expect(() => new FlowBatchReader(batch(later).subarray(0, -1))).toThrow(
      expect.objectContaining({ code: 'spool.damaged' }),
    );
    const proto = FindingEvent.encode({ subject: Object.fromEntries([['__proto__', 'x']]) }).finish();
    expect(() => new FlowBatchReader(batch(proto))).toThrow(expect.objectContaining({ code: 'spool.damaged' }));
  });
});
