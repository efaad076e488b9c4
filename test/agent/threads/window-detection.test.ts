import { describe, expect, test } from 'vitest';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { AddressPseudonyms } from '../../../agent/privacy/address-pseudonyms.ts';
import type { RecordedWindow } from '../../../agent/spool/recorder.ts';
import { type Detected, RECORDS_MAX, WindowDetection } from '../../../agent/threads/window-detection.ts';
import { CATALOGUE } from '../../detect/catalogue.ts';
import { POINT } from '../../support/closed-windows.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { BATCH_HEADER } from '../../support/spool-batches.ts';

const START = 1_700_006_400;
const SYN = {
  ...createFlowRecord(),
  protocol: 6,
  packets: 1,
  bytes: 60,
  tcpFlags: 2,
  source0: 0xcb00_7142,
  destination0: 0x0a00_0101,
};
const scan = (ports: number, first = 1): FlowRecord[] =>
  Array.from({ length: ports }, (_, port) => ({ ...SYN, sourcePort: 40_000, destinationPort: first + port }));

interface Shape {
  readonly start?: number;
  readonly records?: readonly FlowRecord[];
  readonly interfaceId?: string;
  readonly flowLog?: object;
}

function window({
  start = START,
  records = scan(15),
  interfaceId = 'eni-1',
  flowLog = {},
}: Shape = {}): RecordedWindow {
  return {
    point: {
      ...POINT,
      interfaceId,
      flowLog: { ...POINT.flowLog, fields: [], addresses: 'plain', ...flowLog } as never,
    },
    header: { ...BATCH_HEADER, windowStart: start, windowSeconds: 60 },
    firstPart: 0,
    ledger: createLedger([]),
    heldBytes: 0,
    records: () => cursorOver(records),
    forget: () => undefined,
    release: () => undefined,
  };
}

class World {
  readonly detected: Detected[] = [];
  readonly detection: WindowDetection;
  #quiet: (() => void) | undefined;

  constructor(options: { readonly rules?: readonly string[]; readonly pseudonyms?: AddressPseudonyms } = {}) {
    this.detection = new WindowDetection({
      catalogue: CATALOGUE,
      rules: options.rules ?? ['scan-ports'],
      annotatorsOf: () => [],
      pseudonyms: options.pseudonyms,
      after: (_, call) => {
        this.#quiet = call;
        return () => {
          this.#quiet = undefined;
        };
      },
      onDetected: (detected) => this.detected.push(detected),
    });
  }

  durable(...windows: readonly RecordedWindow[]): void {
    for (const each of windows) {
      const written = { ...each };
      this.detection.expect(each, written);
      this.detection.observe(written);
    }
  }

  /** Nothing comes for a moment. */
  quiet(): void {
    this.#quiet?.();
  }

  get ports(): number[] {
    return this.detected.map(({ signals }) => signals[0]?.figures['ports'] ?? 0);
  }
}

describe('a window', () => {
  test('ends when nothing more of it comes, with what the rules signal', () => {
    const world = new World();
    world.durable(window());
    expect(world.detected).toEqual([]);
    world.quiet();
    world.quiet();
    expect(world.detected).toMatchObject([
      {
        windowEnd: START + 60,
        signals: [
          {
            rule: 'scan-ports',
            subject: { srcaddr: '203.0.113.66', dstaddr: '10.0.1.1' },
            since: START,
            until: START + 60,
          },
        ],
        looked: {
          records: 15,
          skipped: 0,
          skippedWindows: 0,
          ahead: 0,
          invalidAddresses: 0,
          invalidNumbers: 0,
          invalidTimes: 0,
          late: 0,
          subjectsEvicted: 0,
          unreported: 0,
        },
      },
    ]);
  });

  test('of several interfaces is one, and ends when a later one comes', () => {
    const world = new World();
    world.durable(window({ records: scan(8) }), window({ records: scan(8, 100), interfaceId: 'eni-2' }));
    world.durable(window({ start: START + 60, records: [] }));
    expect(world.ports).toEqual([16]);
    world.detection.end();
    expect(world.detected.map(({ windowEnd }) => windowEnd)).toEqual([START + 60, START + 120]);
  });

  test('that comes after a later one is left out, and counted', () => {
    const world = new World();
    world.durable(window({ start: START + 60 }), window({ start: START, records: scan(5, 500) }));
    world.detection.end();
    expect(world.detected[0]).toMatchObject({ signals: [{ figures: { ports: 15 } }], looked: { skippedWindows: 1 } });
  });

  test('of another flow log of the interface is not counted again, until the first one is gone', () => {
    const world = new World({ rules: ['syn-flood'] });
    const flood = (packets: number) => [{ ...SYN, packets, destinationPort: 443 }];
    const other = { flowLog: { id: 'fl-other' } };
    world.durable(window({ records: flood(600) }), window({ records: flood(600), ...other }));
    world.detection.end();
    expect(world.detected[0]!.signals).toEqual([]);
    world.durable(window({ start: START + 300, records: flood(1000), ...other }));
    world.detection.end();
    expect(world.detected[1]!.signals).toMatchObject([{ figures: { half_open: 1000 } }]);
  });

  test('beyond the limit of records is left out, and counted', () => {
    const world = new World();
    let left = RECORDS_MAX + 7;
    const records = { next: (record: FlowRecord) => left-- > 0 && Boolean(Object.assign(record, SYN)) };
    world.durable({ ...window(), records: () => records });
    world.detection.end();
    expect(world.detected[0]!.looked).toMatchObject({ records: RECORDS_MAX, skipped: 7 });
  });

  test('whose memory cannot be mapped is left out; any other error is one', () => {
    const world = new World();
    const failing = (error: Error) => ({
      ...window(),
      records: () => {
        throw error;
      },
    });
    world.durable(failing(new OperationalError('memory.exhausted', 'no memory')));
    world.detection.end();
    expect(world.detected[0]!.looked.skippedWindows).toBe(1);
    expect(() => world.durable(failing(new TypeError('a fault')))).toThrow('a fault');
  });

  test('that gave up its records is not observed', () => {
    const world = new World();
    world.detection.observe(window());
    world.detection.end();
    expect(world.detected).toEqual([]);
  });
});

describe('what a flow log does not show is not found', () => {
  test.each([
    [['srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol'], 1],
    [['srcaddr', 'dstport', 'protocol', 'bytes'], 0],
  ])('fields %j', (fields, windows) => {
    const world = new World();
    world.durable(window({ flowLog: { fields } }));
    world.detection.end();
    expect(world.detected).toHaveLength(windows);
  });

  test('addresses are pseudonyms where records have those, and nothing is found without the key', () => {
    const flowLog = { addresses: 'pseudonymised' };
    const keyless = new World();
    keyless.durable(window({ flowLog }));
    keyless.detection.end();
    expect(keyless.detected).toEqual([]);
    const world = new World({ pseudonyms: new AddressPseudonyms(new Uint8Array(32).fill(7)) });
    world.durable(window({ flowLog }));
    world.detection.end();
    expect(world.ports).toEqual([15]);
    expect(JSON.stringify(world.detected)).not.toMatch(/203\.0\.113\.66|10\.0\.1\.1/);
  });
});

test('addresses of both families, codes of ICMP and what annotators know reach the rules', () => {
  const world = new World({ rules: ['exfiltration', 'unreachable'] });
  const icmp = {
    ...createFlowRecord(),
    protocol: 58,
    icmpType: 1,
    icmpCode: 4,
    packets: 10,
    family: 6,
    source0: 0x2001_0db8,
    source3: 1,
    destination0: 0xfe80_0000,
    destination3: 2,
  } as const;
  const upload = { ...SYN, bytes: 200_000_000, isAnnotated: true };
  upload.annotations.initiator = 'source';
  world.durable(window({ records: [icmp, upload] }));
  world.detection.end();
  expect(world.detected[0]!.signals.map(({ subject }) => subject)).toEqual([
    { client: '203.0.113.66', server: '10.0.1.1' },
    { reporter: '2001:db8::1', sender: 'fe80::2', protocol: 58, 'icmp-type': 1, 'icmp-code': 4 },
  ]);
});
