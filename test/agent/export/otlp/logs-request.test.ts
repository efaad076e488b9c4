import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogsRequestEncoder, REQUEST_LIMITS } from '../../../../agent/export/otlp/logs-request.ts';
import { createAnnotations } from '../../../../agent/model/annotations.ts';
import type { BatchHeader, WindowHeader } from '../../../../agent/model/batch-id.ts';
import { createFlowRecord, type FlowRecord } from '../../../../agent/model/flow-record.ts';
import { createLedger, type Ledger, logStatus, offeredPackets } from '../../../../agent/model/ledger.ts';
import { fieldNamed } from '../../../../agent/record/catalogue.ts';
import { ATTRIBUTE_NAMES, type AttributeNames, attributeOf } from '../../../../agent/record/otel-attributes.ts';
import { protocolName } from '../../../../agent/record/protocol-name.ts';
import { contextFlow } from '../../../../agent/wire/context-flow.ts';
import { encodeBatches } from '../../../../agent/wire/flow-batch.ts';
import { BATCH_HEADER } from '../../../support/batch-header.ts';
import { expectedValues, listedHeader } from '../../../support/expected-fields.ts';
import * as arbitrary from '../../../support/flow-records.ts';
import { type DecodedLogs, decodeLogs, type Value } from '../../../support/otlp-schema.ts';

const OBSERVED_MS = 1_700_000_100_123;
const HOST = 'host-1';

function batchOf(records: readonly FlowRecord[], ledger?: Ledger, header: Partial<BatchHeader> = {}): Uint8Array {
  const { part, split: _, ...rest } = { ...BATCH_HEADER, ...header };
  let bytes = new Uint8Array(0);
  encodeBatches(
    { header: rest, cursor: arbitrary.cursorOver(records), ledger, recordsMax: 100_000, firstPart: part },
    (encoded) => {
      bytes = encoded.slice();
    },
  );
  return bytes;
}

const record = (fields: Partial<FlowRecord> = {}): FlowRecord => ({ ...createFlowRecord(), ...fields });

function encoder(names: AttributeNames = 'otel', ledgerLog = true, bytesMax?: number): LogsRequestEncoder {
  return new LogsRequestEncoder({ names, ledgerLog, hostName: HOST }, bytesMax);
}

function encoded(batch: Uint8Array, of = encoder()): DecodedLogs {
  const result = of.encode(batch, OBSERVED_MS);
  if (result.kind !== 'encoded') throw new Error(`not encoded: ${result.kind}`);
  const logs = decodeLogs(result.bytes);
  expect(logs.records).toHaveLength(result.records);
  return logs;
}

/** What the mapping table says, written down a second time: attribute and value of a field's text. */
function expectedAttribute(name: string, text: string, header: WindowHeader, names: AttributeNames) {
  const field = fieldNamed(name, header.resourceType)!;
  const key = attributeOf(field, names);
  const { name: canonical } = field;
  if (canonical === 'protocol') return [key, protocolName(Number(text)).toLowerCase()] as const;
  if (canonical === 'type') return [key, text.toLowerCase()] as const;
  if (canonical === 'direction') return [key, text === 'ingress' ? 'receive' : 'transmit'] as const;
  return [key, field.type === 'integer' ? Number(text) : text] as const;
}

const isOfResource = (key: string) => key.startsWith('cloud.') || key.startsWith('host.');

describe('the request of a batch', () => {
  it('is what the published messages say of each record, whatever fields are listed and under whichever names', () => {
    fc.assert(
      fc.property(
        listedHeader,
        fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...ATTRIBUTE_NAMES),
        (header, flows, names) => {
          const batch = batchOf(flows, undefined, { ...header, part: 3 });
          const { records, resource } = encoded(batch, encoder(names));
          const identity = contextFlow({ ...header, part: 3, split: '' });
          for (const [index, flow] of flows.entries()) {
            const expected = new Map<string, Value>();
            for (const [name, text] of expectedValues(flow, header)) {
              const [key, value] = expectedAttribute(name, text, header, names);
              if (isOfResource(key)) expect(resource.get(key) ?? '').toBe(value);
              else expected.set(key, value);
            }
            expected.set('log.record.uid', `${identity}-${index}`);
            expect(records[index]!.attributes).toEqual(expected);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has the time of the window, the time of the upload, a severity and an event name', () => {
    const { records, scope } = encoded(
      batchOf([record()], undefined, { windowStart: 1_700_000_000, windowSeconds: 60 }),
    );
    expect(records[0]).toMatchObject({
      time: 1_700_000_060_000_000_000n,
      observed: BigInt(OBSERVED_MS) * 1_000_000n,
      severity: 9,
      severityText: 'INFO',
      event: 'network.flow',
    });
    expect(scope).toEqual({ name: 'flowlogd', attributes: new Map([['flowlogd.attributes.version', 1]]) });
  });

  it('says of the host and its cloud what is known, once for all records', () => {
    const fields = ['srcaddr', 'instance-id', 'region', 'account-id'];
    const header = { hostId: 'machine-1', flowLogId: 'fl-1', accountId: '125', fields };
    expect(encoded(batchOf([record()], undefined, { ...header, fields: ['srcaddr'], constants: {} })).resource).toEqual(
      new Map([
        ['service.name', 'flowlogd'],
        ['host.name', HOST],
        ['host.id', 'machine-1'],
        ['cloud.account.id', '125'],
        ['flowlogd.flow_log.id', 'fl-1'],
      ]),
    );
    const constants = { 'instance-id': 'ins-1', region: 'ap-guangzhou' };
    const { resource, records } = encoded(batchOf([record()], undefined, { ...header, constants }));
    expect(resource.get('host.id')).toBe('ins-1');
    expect(resource.get('cloud.region')).toBe('ap-guangzhou');
    expect([...records[0]!.attributes.keys()]).toEqual(['source.address', 'log.record.uid']);
  });

  it('names a field once that a list names twice', () => {
    const flow = record({ isAnnotated: true, annotations: { ...createAnnotations(), direction: 'egress' } });
    const { records } = encoded(batchOf([flow], undefined, { fields: ['direction', 'flow-direction'] }));
    expect(records[0]!.attributes.get('network.io.direction')).toBe('transmit');
  });

  it('holds long texts, and numbers of every length', () => {
    const rejectRule = 'é'.repeat(64);
    const annotations = { ...createAnnotations(), rejectRule, sourceRegion: 'r'.repeat(127) };
    const bytes = Number.MAX_SAFE_INTEGER;
    const flow = record({ isAnnotated: true, annotations, bytes, packets: 128, tcpFlags: 255 });
    const fields = ['bytes', 'packets', 'tcp-flags', 'reject-rule', 'srcregionid'];
    const { records } = encoded(batchOf([flow, flow], undefined, { fields, resourceType: 'CCN' }));
    for (const { attributes } of records) {
      expect(attributes.get('flow.bytes.delta')).toBe(bytes);
      expect(attributes.get('flow.packets.delta')).toBe(128);
      expect(attributes.get('security_rule.name')).toBe(rejectRule);
      expect(attributes.get('flowlogd.srcregionid')).toBe('r'.repeat(127));
    }
  });

  it('gives a number before 1970 as it is, and no time', () => {
    const { records } = encoded(
      batchOf([record()], undefined, { windowStart: -120, fields: ['window-start', 'first'] }),
    );
    expect(records[0]!.attributes.get('flowlogd.window_start')).toBe(-120);
    expect(records[0]!.attributes.get('flowlogd.first')).toBe(-120);
    expect(records[0]!.time).toBe(0n);
  });

  it('gives each record of a window and of its parts an identity that is the same at every attempt', () => {
    const batch = batchOf([record(), record()], createLedger([]));
    const uids = (logs: DecodedLogs) => logs.records.map(({ attributes }) => attributes.get('log.record.uid'));
    const first = uids(encoded(batch));
    expect(uids(encoded(batch))).toEqual(first);
    const others = uids(encoded(batchOf([record(), record()], createLedger([]), { part: 1 })));
    expect(new Set([...first, ...others]).size).toBe(first.length + others.length);
  });

  it('is none for a batch that says nothing, and says so of one that is too large', () => {
    expect(encoder().encode(batchOf([]), OBSERVED_MS).kind).toBe('empty');
    const flows = Array.from({ length: 1000 }, (_, index) => record({ sourcePort: index }));
    expect(encoder('otel', true, 50_000).encode(batchOf(flows), OBSERVED_MS)).toEqual({
      kind: 'too-large',
      reason: 'the batch has more than 50000 bytes',
    });
    expect(REQUEST_LIMITS.bytes).toBeLessThan(20 * 2 ** 20);
    expect(encoded(batchOf(flows)).records.map(({ attributes }) => attributes.get('source.port'))).toEqual(
      flows.map(({ sourcePort }) => sourcePort),
    );
  });

  it('has all records or is too large, whatever the limit', () => {
    const batch = batchOf([record(), record({ sourcePort: 1 }), record({ sourcePort: 2 })]);
    const kinds = new Set<string>();
    for (let bytesMax = 600; bytesMax < 2600; bytesMax++) {
      const of = new LogsRequestEncoder({ names: 'otel', ledgerLog: true, hostName: HOST }, bytesMax, () => undefined);
      const { kind } = of.encode(batch, OBSERVED_MS);
      kinds.add(kind);
      if (kind === 'encoded') expect(encoded(batch, of).records).toHaveLength(3);
    }
    expect([...kinds]).toEqual(['too-large', 'encoded']);
  });

  it('refuses damage, and what a newer flowlogd wrote', () => {
    expect(() => encoder().encode(Uint8Array.of(0xff, 0xff), OBSERVED_MS)).toThrow(/not what flowlogd wrote/);
    expect(() => encoder().encode(batchOf([record()], undefined, { fields: ['smell'] }), OBSERVED_MS)).toThrow(
      /newer flowlogd wrote it \(field smell\)/,
    );
  });
});

describe('the records of a window', () => {
  const WINDOW = { windowStart: 1_700_000_000, windowSeconds: 60, interfaceId: 'eni-1' };

  it('are its ledger, with every number of the schema', () => {
    fc.assert(
      fc.property(arbitrary.ledger, (ledger) => {
        const { records } = encoded(batchOf([record()], ledger, WINDOW));
        const { event, attributes } = records.at(-1)!;
        expect(event).toBe('network.flow.ledger');
        expect(attributes.get('flowlogd.ledger.status')).toBe(logStatus(ledger));
        expect(attributes.get('flowlogd.ledger.offered_packets')).toBe(offeredPackets(ledger));
        expect(attributes.get('flowlogd.ledger.metered_packets')).toBe(ledger.metered.packets);
        expect(attributes.get('flowlogd.ledger.not_ip_bytes')).toBe(ledger.notIp.bytes);
        expect(attributes.get('flowlogd.ledger.coarsened_keys')).toBe(ledger.coarsenedKeys);
        expect(attributes.get('flowlogd.ledger.dropped_by_kernel_packets')).toBe(ledger.droppedByKernel);
        expect(attributes.get('flowlogd.ledger.drops_unknown')).toBe(ledger.dropsUnknown);
        for (const [rule, { packets }] of Object.entries(ledger.excluded)) {
          expect(attributes.get(`flowlogd.ledger.excluded.${rule}.packets`)).toBe(packets);
        }
        const peers = Object.values(ledger.excludedPeers).flatMap((each) => each.peers);
        const shown = records.filter((each) => each.event === 'network.flow.excluded_peer');
        expect(shown.map((each) => each.attributes.get('flowlogd.excluded.source_address'))).toEqual(
          peers.map(({ source }) => source),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('name the window and the interface, whatever the fields are', () => {
    for (const [names, start] of [
      ['otel', 'flowlogd.start'],
      ['aws', 'aws.vpc.flow.start'],
    ] as const) {
      const { records } = encoded(batchOf([], createLedger([]), { ...WINDOW, fields: ['srcaddr'] }), encoder(names));
      expect(records).toHaveLength(1);
      const { attributes } = records[0]!;
      expect(attributes.get(start)).toBe(1_700_000_000);
      expect(attributes.get('network.interface.name')).toBe('eni-1');
      expect(attributes.get('log.record.uid')).toMatch(/-ledger$/);
    }
  });

  it('say NODATA and SKIPDATA as rows do, with what is known of the window', () => {
    const { records } = encoded(batchOf([], createLedger([]), WINDOW), encoder('otel', false));
    expect(records).toHaveLength(1);
    expect(records[0]!.event).toBe('network.flow');
    const { attributes } = records[0]!;
    expect(attributes.get('flowlogd.log_status')).toBe('NODATA');
    expect(attributes.get('flowlogd.version')).toBe(2);
    expect(attributes.get('flowlogd.end')).toBe(1_700_000_060);
    expect(attributes.has('source.address')).toBe(false);
    expect(attributes.get('log.record.uid')).toMatch(/-status$/);
    const lossy = { ...createLedger([]), droppedByKernel: 7 };
    const skipped = encoded(batchOf([record()], lossy, WINDOW), encoder('aws', false)).records;
    expect(skipped.map(({ attributes: of }) => of.get('aws.vpc.flow.status'))).toEqual(['OK', 'SKIPDATA']);
  });

  it('have gaps in seconds, as a fraction always, with their reasons', () => {
    const ledger = createLedger([]);
    ledger.gaps.push({ fromSeconds: 10, toSeconds: 13, reason: 'suspended' });
    const { attributes } = encoded(batchOf([], ledger)).records.at(-1)!;
    expect(attributes.get('flowlogd.ledger.gap_seconds')).toEqual({ double: 3 });
    expect(attributes.get('flowlogd.ledger.gap_reasons')).toBe('suspended');
  });
});
