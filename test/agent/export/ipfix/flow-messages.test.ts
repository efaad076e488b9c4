import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowMessagesEncoder, type FlowMessagesOptions } from '../../../../agent/export/ipfix/flow-messages.ts';
import { Session } from '../../../../agent/export/ipfix/session.ts';
import { createAnnotations } from '../../../../agent/model/annotations.ts';
import type { BatchHeader, WindowHeader } from '../../../../agent/model/batch-id.ts';
import { createFlowRecord, type FlowRecord } from '../../../../agent/model/flow-record.ts';
import { createLedger, type Ledger, logStatus, offeredPackets } from '../../../../agent/model/ledger.ts';
import { fieldNamed, RECORD_FIELDS } from '../../../../agent/record/catalogue.ts';
import { addressText } from '../../../../agent/record/endpoint.ts';
import { encodeBatches } from '../../../../agent/wire/flow-batch.ts';
import { BATCH_HEADER } from '../../../support/batch-header.ts';
import { expectedValues, listedHeader } from '../../../support/expected-fields.ts';
import * as arbitrary from '../../../support/flow-records.ts';
import {
  cut,
  type DecodedMessage,
  type DecodedRecord,
  IpfixDecoder,
  unsigned,
} from '../../../support/ipfix-decoder.ts';

const NOW_MS = 1_700_000_100_123;
const ENTERPRISE = 32_473;
const OPTIONS: FlowMessagesOptions = {
  enterpriseNumber: ENTERPRISE,
  ledgerLog: true,
  messageBytesMax: 1_400,
  refresh: { afterMs: 60_000, afterMessages: 20 },
};
const RECORD_TEMPLATES_END = 272;

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
const flows = (count: number, fields: Partial<FlowRecord> = {}) =>
  Array.from({ length: count }, (_, port) => record({ ...fields, sourcePort: port & 0xffff, packets: 1, bytes: 40 }));

/** One agent, and a collector that sees all of its messages. */
class Wire {
  readonly session = new Session();
  readonly decoder = new IpfixDecoder();
  readonly encoder: FlowMessagesEncoder;

  constructor(options: Partial<FlowMessagesOptions> = {}) {
    this.encoder = new FlowMessagesEncoder({ ...OPTIONS, ...options });
  }

  send(batch: Uint8Array, nowMs = NOW_MS): DecodedMessage[] {
    return cut(this.encoder.encode(batch, this.session, nowMs)).map((bytes) => this.decoder.message(bytes));
  }
}

const recordsOf = (messages: readonly DecodedMessage[]) => messages.flatMap(({ records }) => records);
const flowsOf = (messages: readonly DecodedMessage[]) =>
  recordsOf(messages).filter(({ template }) => template < RECORD_TEMPLATES_END);
const templatesOf = (messages: readonly DecodedMessage[]) => messages.flatMap(({ templates }) => templates);
const optionsOf = (messages: readonly DecodedMessage[], id: number) =>
  recordsOf(messages).filter(({ template }) => template === id);

/** The mapping table, written down a second time: what a collector reads for the text of a field. */
const ELEMENTS: Readonly<Record<string, readonly string[]>> = {
  srcaddr: ['8', '27'],
  dstaddr: ['12', '28'],
  srcport: ['7'],
  dstport: ['11'],
  protocol: ['4'],
  packets: ['2'],
  bytes: ['1'],
  'tcp-flags': ['6'],
  type: ['60'],
  action: ['89'],
  direction: ['61'],
  'icmp-type': ['176', '178'],
  'icmp-code': ['177', '179'],
  'pkt-srcaddr': ['225', '281'],
  'pkt-dstaddr': ['226', '282'],
  'pkt-srcport': ['227'],
  'pkt-dstport': ['228'],
  first: ['150'],
  last: ['151'],
  'start-ns': ['156'],
  'end-ns': ['157'],
  'window-start': ['359'],
  'window-end': ['360'],
  translation: [`${ENTERPRISE}/20`],
  srcregionid: [`${ENTERPRISE}/21`],
  dstregionid: [`${ENTERPRISE}/22`],
  initiator: [`${ENTERPRISE}/23`],
  'initiator-evidence': [`${ENTERPRISE}/24`],
  'reject-rule': [`${ENTERPRISE}/25`],
  'handshake-rtt': [`${ENTERPRISE}/26`],
  'wire-packets': [`${ENTERPRISE}/27`],
  'wire-bytes': [`${ENTERPRISE}/28`],
};
const TEXTS = new Set(['translation', 'srcregionid', 'dstregionid', 'initiator', 'initiator-evidence', 'reject-rule']);
/** Written where a record has none: 0, or the empty text. */
const NEVER_LEFT_OUT = new Set([...TEXTS, 'handshake-rtt', 'srcport', 'dstport']);

function textOf(name: string, bytes: Buffer): string | undefined {
  if (TEXTS.has(name)) return bytes.length === 0 ? undefined : bytes.toString();
  if (name.endsWith('addr')) {
    const words = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32BE(4 * index));
    return addressText(bytes.length === 4 ? 4 : 6, [...words, 0, 0, 0].slice(0, 4));
  }
  if (name === 'handshake-rtt' && unsigned(bytes) === 0) return undefined;
  if (name === 'type') return `IPv${bytes[0]}`;
  if (name === 'action') return bytes[0] === 0x40 ? 'ACCEPT' : bytes[0] === 0x80 ? 'REJECT' : 'neither';
  if (name === 'direction') return ['ingress', 'egress'][bytes[0]!];
  if (name.startsWith('window')) return String(unsigned(bytes) / 1000);
  if (name.endsWith('-ns')) {
    const microseconds = Math.round((bytes.readUInt32BE(4) * 1e6) / 2 ** 32);
    return String(
      BigInt((bytes.readUInt32BE(0) - 2_208_988_800) >>> 0) * 1_000_000_000n + BigInt(microseconds) * 1000n,
    );
  }
  return String(unsigned(bytes));
}

/** Under which name it is sent: window times once, CCN's times of packets as those of every record. */
function sentAs(name: string, { resourceType }: WindowHeader): string | undefined {
  if (name !== 'start' && name !== 'end') return name;
  return resourceType === 'CCN' ? undefined : `window-${name}`;
}

/** What a collector must read of a record, by element. */
function expectedElements(flow: FlowRecord, header: WindowHeader) {
  const texts = new Map<string, string | undefined>();
  const values = new Map(expectedValues(flow, header));
  for (const name of header.fields) {
    const sent = sentAs(fieldNamed(name)!.name, header);
    const elements = sent === undefined ? undefined : ELEMENTS[sent];
    if (sent === undefined || elements === undefined) continue;
    const value = values.get(name);
    if (value === undefined && !NEVER_LEFT_OUT.has(sent)) continue;
    const element = flow.family === 6 ? elements.at(-1)! : elements[0]!;
    texts.set(element, value ?? (/^(?:src|dst)port$/.test(sent) ? textOfPort(sent, flow) : undefined));
  }
  return texts;
}

/** Of CCN, ports of other protocols than TCP and UDP are none in a text, and as they are here. Of a translation, left out where unknown. */
function textOfPort(name: string, { sourcePort, destinationPort }: FlowRecord): string {
  return String(name === 'srcport' ? sourcePort : destinationPort);
}

const IN_1970_OR_LATER = listedHeader.map((header) => ({ ...header, windowStart: Math.max(0, header.windowStart) }));

describe('the messages of a batch', () => {
  it('say to a collector what each record says, whatever fields are listed', () => {
    fc.assert(
      fc.property(IN_1970_OR_LATER, fc.array(arbitrary.flowRecord, { minLength: 1, maxLength: 5 }), (header, of) => {
        const records = flowsOf(new Wire().send(batchOf(of, undefined, header)));
        expect(records).toHaveLength(of.length);
        for (const [index, flow] of of.entries()) {
          const { values } = records[index]!;
          const read = new Map<string, string | undefined>();
          for (const [name, elements] of Object.entries(ELEMENTS)) {
            const element = elements.find((each) => values.has(each));
            if (element !== undefined) read.set(element, textOf(name, values.get(element)!));
          }
          expect(read).toEqual(expectedElements(flow, header));
          expect(unsigned(values.get('152'))).toBe(
            header.windowStart * 1000 + Math.floor(flow.firstMicroseconds / 1000),
          );
          expect(unsigned(values.get('153'))).toBe(
            header.windowStart * 1000 + Math.floor(flow.lastMicroseconds / 1000),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('count each data record in the sequence number, and are never longer than the limit', () => {
    const limits = fc.constantFrom(512, 1_400, 65_535);
    const batches = fc.array(fc.array(arbitrary.flowRecord, { maxLength: 60 }), { minLength: 1, maxLength: 4 });
    const fields = RECORD_FIELDS.map(({ name }) => name).filter((name) => !name.startsWith('pkt-'));
    fc.assert(
      fc.property(limits, batches, arbitrary.ledger, (messageBytesMax, lists, ledger) => {
        const wire = new Wire({ messageBytesMax, enterpriseNumber: undefined });
        let next = 0;
        for (const list of lists) {
          const messages = wire.send(batchOf(list, ledger, { fields }));
          for (const { sequence, length, records, domain } of messages) {
            if (domain !== 0) expect(sequence).toBe(next);
            if (domain !== 0) next += records.length;
            expect(length).toBeLessThanOrEqual(messageBytesMax);
            expect(records.length).toBeGreaterThan(0);
          }
          const packets = flowsOf(messages).map(({ values }) => unsigned(values.get('2')));
          expect(packets).toEqual(list.map((flow) => flow.packets));
        }
        expect(wire.decoder.missing).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('begin with what was agreed on, byte by byte', () => {
    const flow = record({
      source0: 0x0a000001,
      destination0: 0x0a000002,
      sourcePort: 40_000,
      destinationPort: 443,
      protocol: 6,
      tcpFlags: 0x1b,
      packets: 3,
      bytes: 0x1_0000_0001,
      firstMicroseconds: 1_500_000,
      lastMicroseconds: 2_250_999,
    });
    const fields = ['srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol', 'tcp-flags', 'packets', 'bytes'];
    const wire = new Wire({ enterpriseNumber: undefined });
    const { bytes } = wire.encoder.encode(batchOf([flow], undefined, { fields }), wire.session, NOW_MS);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      [
        // Version 10, length, export time, sequence number, observation domain.
        '000a 0072 6553f164 00000000 09bc3aad',
        // Template 256 of ten elements: addresses, ports, protocol, flags, packets, octets, milliseconds of the first and last packet.
        '0002 0030 0100 000a 0008 0004 000c 0004 0007 0002 000b 0002',
        '0004 0001 0006 0001 0002 0008 0001 0008 0098 0008 0099 0008',
        '0100 0032 0a000001 0a000002 9c40 01bb 06 1b 0000000000000003 0000000100000001',
        '0000018bcfe60a1c 0000018bcfe60d0a',
        // Domain 0. Options template 274 of three elements, one of them the scope: the domain, its name, its interface.
        '000a 003f 6553f164 00000000 00000000',
        '0003 0016 0112 0003 0001 0095 0004 012c ffff 0052 ffff',
        '0112 0019 09bc3aad 0a 666c2d312f656e692d31 05 656e692d31',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });
});

describe('templates', () => {
  it('are announced before their first record, again after some messages or some time, and else not', () => {
    const wire = new Wire({ enterpriseNumber: undefined });
    const messages = wire.send(batchOf(flows(400)));
    expect(messages[0]!.templates.map(({ id }) => id)).toEqual([256]);
    expect(messages.at(-1)!).toMatchObject({ domain: 0, templates: [{ id: 274 }] });
    expect(templatesOf(messages).length).toBe(2);
    expect(templatesOf(wire.send(batchOf(flows(1)), NOW_MS + 59_999))).toEqual([]);
    expect(templatesOf(wire.send(batchOf(flows(1)), NOW_MS + 60_000)).map(({ id }) => id)).toEqual([256, 274]);
    const many = wire.send(batchOf(flows(2_000)), NOW_MS + 60_001);
    const announced = many.flatMap(({ templates }, index) => (templates.some(({ id }) => id === 256) ? [index] : []));
    expect(announced).toEqual([19, 39, 59, 79].filter((index) => index < many.length));
    wire.session.forgetTemplates();
    expect(templatesOf(wire.send(batchOf(flows(1)), NOW_MS + 60_002)).map(({ id }) => id)).toEqual([256, 274]);
  });

  it('are the same at every length of a message, and after a restart', () => {
    const fields = RECORD_FIELDS.map(({ name }) => name);
    const of = (messageBytesMax: number) =>
      templatesOf(new Wire({ messageBytesMax }).send(batchOf(flows(9), createLedger(['dns']), { fields })));
    expect(of(65_535)).toEqual(of(1_400));
  });

  it('have no element of flowlogd where there is no number for it', () => {
    const ledger = createLedger(['dns']);
    const fields = RECORD_FIELDS.map(({ name }) => name);
    const messages = new Wire({ enterpriseNumber: undefined }).send(batchOf(flows(1), ledger, { fields }));
    const enterprises = templatesOf(messages).flatMap(({ fields: of }) => of.map(({ enterprise }) => enterprise));
    expect(new Set(enterprises)).toEqual(new Set([undefined]));
    expect(templatesOf(messages).map(({ id }) => id)).toEqual([256, 274, 272]);
  });

  it('of records that have more than others are others', () => {
    const annotations = createAnnotations();
    const known = { isAnnotated: true, annotations: { ...annotations, direction: 'egress' as const } };
    const fields = ['srcaddr', 'icmp-type', 'direction'];
    const messages = new Wire().send(
      batchOf([record(), record({ icmpType: 8, icmpCode: 0 }), record(known), record({ family: 6 })], undefined, {
        fields,
      }),
    );
    expect(flowsOf(messages).map(({ template }) => template)).toEqual([256, 257, 258, 264]);
  });
});

describe('options', () => {
  it('name the domain, and have what all of its records share', () => {
    const fields = ['account-id', 'vpc-id', 'srcaddr', 'interface-id'];
    const header = { fields, constants: { 'vpc-id': 'vpc-1' }, flowLogId: 'fl-1', interfaceId: 'eni-1' };
    const messages = new Wire().send(batchOf(flows(1), undefined, header));
    const [{ values, domain }] = optionsOf(messages, 274) as [DecodedRecord];
    expect(domain).toBe(0);
    expect(unsigned(values.get('149'))).toBe(flowsOf(messages)[0]!.domain);
    const texts = [...values].slice(1).map(([element, value]) => [element, value.toString()]);
    expect(texts.filter(([, value]) => value !== '')).toEqual([
      ['300', 'fl-1/eni-1'],
      ['82', 'eni-1'],
      [`${ENTERPRISE}/10`, BATCH_HEADER.hostId],
      [`${ENTERPRISE}/2`, BATCH_HEADER.accountId],
      [`${ENTERPRISE}/3`, 'vpc-1'],
    ]);
  });

  it('cut long texts between two characters', () => {
    const header = { fields: ['vpc-id'], constants: { 'vpc-id': 'é'.repeat(200) } };
    const [{ values }] = optionsOf(new Wire().send(batchOf(flows(1), undefined, header)), 274) as [DecodedRecord];
    expect(values.get(`${ENTERPRISE}/3`)!.toString()).toBe('é'.repeat(127));
  });

  it('have the ledger of each window, and totals that grow with it', () => {
    const ledger = createLedger(['dns', 'health']);
    Object.assign(ledger.metered, { packets: 7, bytes: 700 });
    Object.assign(ledger.excluded['dns']!, { packets: 5, bytes: 500 });
    Object.assign(ledger.notIp, { packets: 2, bytes: 200 });
    Object.assign(ledger.evicted, { packets: 1, bytes: 100 });
    ledger.droppedByKernel = 3;
    ledger.gaps.push({ fromSeconds: 1, toSeconds: 2.5, reason: 'interface-gone' });
    const wire = new Wire();
    wire.send(batchOf(flows(4), ledger));
    const messages = wire.send(batchOf(flows(2), ledger));
    const [{ values }] = optionsOf(messages, 272) as [DecodedRecord];
    const own = (number: number) => values.get(`${ENTERPRISE}/${number}`);
    const { windowStart, windowSeconds } = BATCH_HEADER;
    expect(['359', '360'].map((each) => unsigned(values.get(each)) / 1000)).toEqual([
      windowStart,
      windowStart + windowSeconds,
    ]);
    // Messages, flow records, dropped, ignored packets and octets, not sent packets and octets.
    expect(['42', '135', '164', '165', '167', '168'].map((each) => unsigned(values.get(each)))).toEqual([
      6, 6, 14, 1400, 2, 200,
    ]);
    expect(own(40)!.toString()).toBe(logStatus(ledger));
    expect(unsigned(own(46))).toBe(offeredPackets(ledger));
    // Metered is the first number of a ledger, packets and octets.
    expect([102, 103].map((number) => unsigned(own(number)))).toEqual([7, 700]);
    expect(unsigned(own(41))).toBe(1500);
    expect(own(42)!.toString()).toBe('interface-gone');
    const rules = optionsOf(messages, 273).map(({ values: of }) => [
      of.get(`${ENTERPRISE}/43`)!.toString(),
      unsigned(of.get(`${ENTERPRISE}/44`)),
      unsigned(of.get(`${ENTERPRISE}/45`)),
    ]);
    expect(rules).toEqual([
      ['dns', 5, 500],
      ['health', 0, 0],
    ]);
  });

  it('have one template each, whatever the flow logs list', () => {
    const wire = new Wire();
    const first = wire.send(batchOf(flows(1), createLedger([]), { fields: ['vpc-id'] }));
    const second = wire.send(batchOf(flows(1), createLedger(['dns']), { fields: ['bytes'], flowLogId: 'fl-2' }));
    expect(templatesOf(first).map(({ id }) => id)).toEqual([256, 275, 274, 272]);
    expect(templatesOf(second).map(({ id }) => id)).toEqual([256, 273]);
    expect(optionsOf(second, 274)).toHaveLength(1);
  });

  it('have no ledger where it is not asked for', () => {
    const messages = new Wire({ ledgerLog: false }).send(batchOf(flows(1), createLedger(['dns'])));
    expect([...optionsOf(messages, 272), ...optionsOf(messages, 273)]).toEqual([]);
  });

  it('describe each own element, once, and none that is used without', () => {
    const fields = RECORD_FIELDS.map(({ name }) => name);
    const messages = new Wire().send(batchOf(flows(1), createLedger(['dns']), { fields }));
    const types = optionsOf(messages, 275).map(({ values }) => ({
      key: `${unsigned(values.get('346'))}/${unsigned(values.get('303'))}`,
      name: values.get('341')!.toString(),
      type: unsigned(values.get('339')),
    }));
    expect(new Set(types.map(({ key }) => key)).size).toBe(types.length);
    expect(new Set(types.map(({ name }) => name)).size).toBe(types.length);
    const described = new Map(types.map(({ key, type }) => [key, type]));
    const LENGTHS: Readonly<Record<number, number>> = { 4: 8, 11: 1, 13: 0xffff };
    for (const { fields: of } of templatesOf(messages)) {
      for (const { number, enterprise, length } of of) {
        if (enterprise === undefined) continue;
        expect(LENGTHS[described.get(`${enterprise}/${number}`)!], `${number}`).toBe(length);
      }
    }
    expect(described.get(`${ENTERPRISE}/25`)).toBe(13);
  });
});

describe('an encoder', () => {
  it('takes back what a batch added that was not sent', () => {
    const wire = new Wire();
    const ledger = createLedger([]);
    Object.assign(ledger.notIp, { packets: 2, bytes: 200 });
    wire.encoder.encode(batchOf(flows(3), ledger), wire.session, NOW_MS).takeBack();
    const { totals } = wire.session.domainOf(BATCH_HEADER);
    expect(totals).toMatchObject({ flowRecords: 0, ignoredPackets: 0, ignoredOctets: 0 });
  });

  it('leaves the sequence as it is over bytes that are no batch', () => {
    const wire = new Wire();
    const whole = batchOf(flows(500));
    wire.send(whole);
    const damaged = whole.slice();
    damaged.fill(0xff, damaged.length - 4);
    expect(() => wire.encoder.encode(damaged, wire.session, NOW_MS)).toThrow(/not what flowlogd wrote/);
    wire.send(whole);
    expect(wire.decoder.missing).toBe(0);
    const unknown = batchOf(flows(1), undefined, { fields: ['flavour'] });
    expect(() => wire.encoder.encode(unknown, wire.session, NOW_MS)).toThrow(/newer flowlogd.*field flavour/);
  });
});

describe('a flow log that is made anew with other fields', () => {
  const FIRST = { fields: ['srcaddr', 'bytes'], constants: {} };
  const OTHER = { fields: ['dstport', 'packets', 'protocol', 'vpc-id'], constants: { 'vpc-id': 'vpc-1' } };
  const STREAM = { afterMs: Number.POSITIVE_INFINITY, afterMessages: Number.POSITIVE_INFINITY };

  it.each([
    ['datagrams', OPTIONS.refresh],
    ['a connection', STREAM],
  ] as const)('is read by its own template over %s, also where both kinds of batches alternate', (_, refresh) => {
    const wire = new Wire({ refresh });
    for (const round of [0, 1, 2]) {
      for (const header of [FIRST, OTHER]) {
        const sent = wire.send(batchOf(flows(3, { destinationPort: 443 + round }), createLedger([]), header));
        expect(flowsOf(sent)).toHaveLength(3);
        for (const { values } of flowsOf(sent)) {
          expect(values.has('11')).toBe(header === OTHER);
          if (header === OTHER) expect(unsigned(values.get('11'))).toBe(443 + round);
        }
      }
    }
    expect(wire.decoder.missing).toBe(0);
  });

  it('withdraws the former template of a connection, and none of datagrams', () => {
    const withdrawals = (refresh: FlowMessagesOptions['refresh']) => {
      const wire = new Wire({ refresh });
      wire.send(batchOf(flows(1), undefined, FIRST));
      const { bytes } = wire.encoder.encode(batchOf(flows(1), undefined, OTHER), wire.session, NOW_MS);
      // Set 2 of 8 bytes: template 256 without fields.
      return Buffer.from(bytes).indexOf(Buffer.from([0, 2, 0, 8, 1, 0, 0, 0]));
    };
    expect(withdrawals(STREAM)).toBeGreaterThan(0);
    expect(withdrawals(OPTIONS.refresh)).toBe(-1);
  });
});
