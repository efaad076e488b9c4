/** What an attacker sends who wants the rules blind, or the process out of memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Detector } from '../../detect/detector.ts';
import { createObserved, type Observed } from '../../detect/observed.ts';
import { RULE_NAMES } from '../../detect/rule-names.ts';
import type { Signal } from '../../detect/signal.ts';
import { SIGNALS_MAX } from '../../detect/window-observer.ts';
import { Traffic } from '../analyses/traffic.ts';
import { CATALOGUE } from './catalogue.ts';

const START = 1_700_006_400;
const ATTACKER = '203.0.113.66';
const VICTIM = '10.0.1.1';
const MEBIBYTE = 2 ** 20;

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** In one piece, as those of real records are. */
const flat = (text: string) => Buffer.from(text, 'latin1').toString('latin1');

const random = new Traffic(17);
const address = () =>
  flat(`${11 + random.random(180)}.${random.random(256)}.${random.random(256)}.${random.random(256)}`);

function record(changes: Partial<Observed>): Observed {
  return {
    ...createObserved(),
    sourceAddress: ATTACKER,
    destinationAddress: VICTIM,
    sourcePort: 40_000,
    destinationPort: 443,
    protocol: 6,
    packets: 1,
    bytes: 60,
    tcpFlags: 2,
    action: 'ACCEPT',
    initiator: 'source',
    start: START,
    end: START + 60,
    first: START,
    ...changes,
  };
}

/** Of sources, destinations and ports that never come again, of every kind that some rule keeps. */
function noise(): Observed {
  const kind = random.random(8);
  const ports = { sourcePort: 1024 + random.random(60_000), destinationPort: random.random(1024) };
  return record({
    sourceAddress: address(),
    destinationAddress: kind < 4 ? VICTIM : address(),
    ...ports,
    tcpFlags: [2, 2, 18, 20, 27, 24, 2, 4][kind],
    action: kind === 6 ? 'REJECT' : 'ACCEPT',
    ...(kind === 7 ? { protocol: 1, icmpType: 3, icmpCode: 1, tcpFlags: undefined } : {}),
  });
}

/** One try each of a scan of ports, a scan of hosts and of a service that does not answer. */
function attack(index: number): readonly Observed[] {
  return [
    record({ sourceAddress: '203.0.113.1', destinationPort: index }),
    record({
      sourceAddress: '203.0.113.2',
      destinationAddress: flat(`10.9.${index >> 8}.${index & 255}`),
      destinationPort: 22,
    }),
    record({ sourceAddress: '203.0.113.3', destinationAddress: '10.0.9.9', sourcePort: index, destinationPort: 389 }),
    record({ sourceAddress: flat(`100.64.${index >> 8}.${index & 255}`), destinationAddress: '10.0.5.5', packets: 5 }),
  ];
}

const subjects = (signals: readonly Signal[]) =>
  new Map(signals.map((signal) => [`${signal.rule} ${Object.values(signal.subject).join(' ')}`, signal]));

describe('600,000 records of sources that come once', () => {
  const before = memoryInUse();
  const detector = new Detector(CATALOGUE, { rules: RULE_NAMES });
  for (let index = 0; index < 600_000; index++) {
    detector.observe(noise());
    if (index % 1200 === 0) for (const each of attack(index / 1200)) detector.observe(each);
  }
  const used = memoryInUse() - before;
  const signals = detector.close({ start: START, end: START + 60 });
  const found = subjects(signals);

  test('take no more than the limits of each rule, and 64 MiB in all', () => {
    for (const { subjects: number, subjectsMax, values, valuesMax } of detector.use.values()) {
      expect(number).toBeLessThanOrEqual(subjectsMax);
      expect(values).toBeLessThanOrEqual(valuesMax);
    }
    expect(used / MEBIBYTE).toBeLessThan(64);
    expect(used / MEBIBYTE).toBeGreaterThan(5);
  });

  test('are counted where they were more than a rule takes', () => {
    for (const rule of ['scan-ports', 'unanswered', 'one-sided', 'refused', 'syn-flood', 'fragments', 'exfiltration'])
      expect(detector.use.get(rule)!.evicted, rule).toBeGreaterThan(50_000);
    expect(detector.use.get('scan-hosts')!.late).toBe(0);
  });

  test('do not hide the attacks among them, whose figures say that they are lower limits', () => {
    const scan = found.get(`scan-ports 203.0.113.1 ${VICTIM}`)!;
    expect(scan.figures['ports']).toBeGreaterThan(450);
    expect(scan.figures['ports']).toBeLessThanOrEqual(500);
    expect(found.get('scan-hosts 203.0.113.2 22')!.figures['sensitive']).toBeGreaterThan(450);
    expect(found.get('unanswered 203.0.113.3 10.0.9.9 389')!.figures['attempts']).toBeGreaterThan(450);
    const flood = found.get('syn-flood 10.0.5.5 443')!;
    expect(flood.figures['half_open']).toBeGreaterThan(2400);
    expect(flood.figures['sources']).toBeGreaterThan(480);
    expect(scan.isCoarse || scan.figures['ports'] === 500).toBe(true);
    expect(flood.isCoarse || flood.figures['half_open'] === 2500).toBe(true);
  });
});

test('more signals than a window may have are counted, and the most severe are not among them', () => {
  const detector = new Detector(CATALOGUE, { rules: ['rejected-then-accepted', 'scan-ports'] });
  for (let source = 0; source < 1500; source++) {
    const sourceAddress = `198.18.${source >> 8}.${source & 255}`;
    const ports = source === 1499 ? 250 : 15;
    for (let port = 0; port < ports; port++) detector.observe(record({ sourceAddress, destinationPort: port }));
  }
  const signals = detector.close({ start: START, end: START + 60 });
  expect(signals).toHaveLength(SIGNALS_MAX);
  expect(signals[0]).toMatchObject({ severity: 'high', subject: { srcaddr: '198.18.5.219' } });
  expect(detector.use.get('scan-ports')!.unreported).toBe(500);
});

test('one pair of hosts with more connections than it may have does not drive out the others', () => {
  const detector = new Detector(CATALOGUE, { rules: ['unanswered', 'one-sided'] });
  for (let port = 0; port < 5; port++) detector.observe(record({ sourceAddress: '10.0.0.4', sourcePort: port }));
  for (let port = 0; port < 65_536; port++)
    for (const destinationPort of [80, 81, 82]) detector.observe(record({ sourcePort: port, destinationPort }));
  const found = subjects(detector.close({ start: START, end: START + 60 }));
  expect(found.get(`unanswered 10.0.0.4 ${VICTIM} 443`)).toMatchObject({ figures: { attempts: 5 }, isCoarse: false });
  expect(found.get(`unanswered ${ATTACKER} ${VICTIM} 80`)).toMatchObject({ isCoarse: true });
  expect(detector.use.get('unanswered')!.values).toBe(4096 + 5);
});

test('values that no honest record has change nothing and throw nothing', () => {
  const detector = new Detector(CATALOGUE, { rules: RULE_NAMES });
  const values = [Number.NaN, -1, 2 ** 60, Number.POSITIVE_INFINITY, 0];
  for (const value of values)
    for (const name of [
      'sourcePort',
      'destinationPort',
      'protocol',
      'packets',
      'bytes',
      'tcpFlags',
      'first',
      'start',
      'end',
    ] as const)
      detector.observe(record({ [name]: value }));
  detector.observe(record({ sourceAddress: '', destinationAddress: 'x'.repeat(100_000) }));
  expect(() => detector.close({ start: START, end: START + 60 })).not.toThrow();
});
