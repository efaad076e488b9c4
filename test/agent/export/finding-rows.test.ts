/** A batch of findings in each sink that has rows for it, and what is lost of one, which is no row of flows. */
import { describe, expect, test } from 'vitest';
import { LogGroupEncoder } from '../../../agent/export/cls/log-group.ts';
import { LogsRequestEncoder } from '../../../agent/export/otlp/logs-request.ts';
import { EMPTY_BATCH_HEADER } from '../../../agent/model/batch-id.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { encodeFindings } from '../../../agent/wire/finding-records.ts';
import { encodeHeader, encodeLedger } from '../../../agent/wire/flow-batch.ts';
import { decodeLogGroups } from '../../support/cls-schema.ts';
import { FINDING } from '../../support/finding-records.ts';
import { decodeLogs } from '../../support/otlp-schema.ts';

const HEADER = { ...EMPTY_BATCH_HEADER, hostId: 'host-1', runId: 'run-1', windowStart: FINDING.at };
const BATCH = encodeFindings(HEADER, [FINDING, { ...FINDING, uid: 'a-18', change: 'closed', mitre: '', records: '' }]);
/** As the spool reports a batch of findings that was evicted. */
const LOST = Buffer.concat([encodeHeader({ ...HEADER, split: 'lost-1' }), encodeLedger(createLedger([]))]);
const cls = new LogGroupEncoder({ ledgerLog: true });
const otlp = new LogsRequestEncoder({ names: 'otel', ledgerLog: true, hostName: 'host-1' });

describe('findings as rows', () => {
  test('of CLS have keys of their own, and none that a search for flows meets', () => {
    const result = cls.encode(BATCH);
    if (result.kind !== 'encoded') throw new Error(result.kind);
    const [group] = decodeLogGroups(result.bytes);
    const [opened, closed] = group!.logs.map(({ contents }) => Object.fromEntries(contents));
    expect(group!.logs.map(({ time }) => Number(time))).toEqual([FINDING.at * 1000, FINDING.at * 1000]);
    expect(opened).toEqual({
      ...{ event: 'finding', 'finding-uid': 'a-17', 'finding-change': 'opened', 'finding-at': '1700000100' },
      ...{ 'finding-id': '5c1f0a3be2d94417', 'finding-rule': 'scan-ports', 'finding-title': 'Port scans' },
      ...{ 'finding-state': 'open', 'finding-severity': 'medium', 'finding-worst-severity': 'high' },
      ...{ 'finding-srcaddr': '10.0.0.9', 'finding-dstaddr': '10.0.0.1', 'finding-figure-ports': '120' },
      ...{ 'finding-first-seen': '1700000040', 'finding-last-seen': '1700000100', 'finding-windows': '1' },
      ...{ 'finding-times': '1', 'finding-coarse': '1', 'finding-mitre': 'T1046' },
      'finding-explained-by': '0123456789abcdef,fedcba9876543210',
      'finding-records': 'srcaddr:10.0.0.9 AND dstaddr:10.0.0.1',
    });
    expect(Object.keys(closed!)).not.toContain('finding-mitre');
  });

  test('of OTLP are records with an event name and attributes of their own', () => {
    const result = otlp.encode(BATCH, 1);
    if (result.kind !== 'encoded') throw new Error(result.kind);
    const { records } = decodeLogs(result.bytes);
    expect(records.map(({ event, time }) => [event, Number(time / 1_000_000_000n)])).toEqual([
      ['flowlogd.finding', FINDING.at],
      ['flowlogd.finding', FINDING.at],
    ]);
    const attributes = Object.fromEntries(records[0]!.attributes);
    expect(attributes).toMatchObject({
      'flowlogd.finding.rule': 'scan-ports',
      'flowlogd.finding.worst_severity': 'high',
      'flowlogd.finding.subject.srcaddr': '10.0.0.9',
      'flowlogd.finding.figure.ports': { double: 120 },
      'flowlogd.finding.coarse': true,
      'flowlogd.finding.first_seen': 1_700_000_040,
    });
    expect(new Set(records.map((record) => record.attributes.get('log.record.uid'))).size).toBe(2);
    expect(Object.keys(attributes).filter((key) => !/^(?:flowlogd\.finding\.|log\.record\.uid$)/.test(key))).toEqual(
      [],
    );
  });

  test('that were lost are no row of flows', () => {
    expect(cls.encode(LOST)).toEqual({ kind: 'empty' });
    expect(otlp.encode(LOST, 1)).toEqual({ kind: 'empty' });
  });
});
