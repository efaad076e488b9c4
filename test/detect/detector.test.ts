import { describe, expect, test } from 'vitest';
import type { Analysis } from '../../analyses/analysis.ts';
import { Detector, rulesByDefault } from '../../detect/detector.ts';
import { createObserved, type Observed } from '../../detect/observed.ts';
import { RULE_NAMES } from '../../detect/rule-names.ts';
import { analysisNamed, CATALOGUE } from './catalogue.ts';

const HOUR = 1_700_006_400;

function syn(port: number, start = HOUR, changes: Partial<Observed> = {}): Observed {
  return {
    ...createObserved(),
    sourceAddress: '203.0.113.66',
    destinationAddress: '10.0.1.1',
    sourcePort: 40_000,
    destinationPort: port,
    protocol: 6,
    packets: 1,
    bytes: 60,
    tcpFlags: 2,
    start,
    end: start + 60,
    ...changes,
  };
}
const windowAt = (start: number) => ({ start, end: start + 60 });
const ports = (count: number) => Array.from({ length: count }, (_, port) => port + 1);

describe('rules', () => {
  test('that are noisy run where they are asked for', () => {
    expect(rulesByDefault(CATALOGUE)).not.toContain('new-peer');
    expect(rulesByDefault(CATALOGUE)).not.toContain('long-connection');
    expect(new Detector(CATALOGUE).rules).toEqual(rulesByDefault(CATALOGUE));
    expect(new Detector(CATALOGUE, { rules: ['new-peer', 'new-peer'] }).rules).toEqual(['new-peer']);
    expect(RULE_NAMES.filter((name) => !rulesByDefault(CATALOGUE).includes(name))).toHaveLength(2);
  });

  test.each(['scan-port', 'top-talkers', 'constructor'])('%s is unknown, with those that there are', (name) => {
    expect(() => new Detector(CATALOGUE, { rules: [name] })).toThrow(`unknown rule '${name}': expected scan-ports, `);
  });

  test('have the thresholds of the catalogue, or those that are given', () => {
    const found = (values = {}) => {
      const detector = new Detector(CATALOGUE, { rules: ['scan-ports'], values });
      for (const port of ports(14)) detector.observe(syn(port));
      return detector.close(windowAt(HOUR));
    };
    expect(found()).toEqual([]);
    expect(found({ 'scan-ports': { ports: 14 } })).toMatchObject([{ figures: { ports: 14 }, severity: 'medium' }]);
  });

  test('whose span is none are refused', () => {
    const wrong = (span: string | number): Analysis => {
      const analysis = analysisNamed('scan-ports');
      return { ...analysis, finding: { ...analysis.finding!, span } };
    };
    for (const span of ['without', 0, -5])
      expect(() => new Detector([wrong(span)])).toThrow('scan-ports.finding.span: expected seconds or a parameter');
  });
});

describe('time', () => {
  test('a signal is given in each window while its span lasts, with the time of what was seen', () => {
    const detector = new Detector(CATALOGUE, { rules: ['scan-ports'] });
    for (const port of ports(15)) detector.observe(syn(port, HOUR));
    const [first] = detector.close(windowAt(HOUR));
    expect(first).toMatchObject({ since: HOUR, until: HOUR + 60 });
    expect(detector.close(windowAt(HOUR + 60))).toEqual([first]);
    detector.observe(syn(99, HOUR + 120));
    expect(detector.close(windowAt(HOUR + 120))).toMatchObject([{ until: HOUR + 180, figures: { ports: 16 } }]);
  });

  test('a span ends with the first window beyond it, also where that has no record', () => {
    const detector = new Detector(CATALOGUE, { rules: ['scan-ports'] });
    for (const port of ports(15)) detector.observe(syn(port));
    expect(detector.close(windowAt(HOUR + 240))).toHaveLength(1);
    expect(detector.close(windowAt(HOUR + 300))).toEqual([]);
    expect(detector.use.get('scan-ports')).toMatchObject({ subjects: 0, values: 0, evicted: 0 });
  });

  test('a record of a span that ended is counted, and changes nothing', () => {
    const detector = new Detector(CATALOGUE, { rules: ['scan-ports'] });
    for (const port of ports(15)) detector.observe(syn(port, HOUR + 300));
    detector.observe(syn(99, HOUR + 299));
    expect(detector.close(windowAt(HOUR + 300))).toMatchObject([{ figures: { ports: 15 } }]);
    expect(detector.use.get('scan-ports')!.late).toBe(1);
  });

  test('a rule of one window begins anew in each, and closing twice adds up', () => {
    const detector = new Detector(CATALOGUE, { rules: ['syn-flood'] });
    detector.observe(syn(443, HOUR, { packets: 999 }));
    expect(detector.close(windowAt(HOUR))).toEqual([]);
    detector.observe(syn(443, HOUR + 60, { packets: 999 }));
    expect(detector.close(windowAt(HOUR + 60))).toEqual([]);
    detector.observe(syn(443, HOUR + 120, { packets: 1000 }));
    expect(detector.close(windowAt(HOUR + 120))).toHaveLength(1);
    expect(detector.close(windowAt(HOUR + 180))).toEqual([]);
  });

  test('windows of several hosts are one window of a subject until it was closed', () => {
    const detector = new Detector(CATALOGUE, { rules: ['syn-flood'] });
    const flood = (start: number, end: number) => detector.observe(syn(443, start, { packets: 400, end }));
    flood(HOUR, HOUR + 60);
    flood(HOUR + 50, HOUR + 60);
    expect(detector.close({ start: HOUR, end: HOUR + 60 })).toEqual([]);
    flood(HOUR, HOUR + 60);
    expect(detector.close({ start: HOUR, end: HOUR + 60 })).toMatchObject([{ figures: { half_open: 1200 } }]);
    flood(HOUR + 60, HOUR + 120);
    expect(detector.close(windowAt(HOUR + 60))).toEqual([]);
    expect(detector.use.get('syn-flood')).toMatchObject({ subjects: 1 });
  });

  test('a record counts in the span that it says, whenever it begins', () => {
    const detector = new Detector(CATALOGUE, { rules: ['scan-ports'] });
    for (const port of ports(14)) detector.observe(syn(port));
    detector.observe(syn(99, HOUR + 300, { spanTime: HOUR + 240 }));
    expect(detector.close(windowAt(HOUR))).toMatchObject([{ figures: { ports: 15 }, until: HOUR + 360 }]);
  });

  test('a peer is new once, until it was not seen for a week', () => {
    const detector = new Detector(CATALOGUE, { rules: ['new-peer'] });
    const week = 7 * 86_400;
    const see = (start: number) => {
      detector.observe(syn(443, start, { action: 'ACCEPT', packets: 5 }));
      return detector.close(windowAt(start)).length;
    };
    expect([see(HOUR), see(HOUR + 4000), see(HOUR + week), see(HOUR + 2 * week + 60)]).toEqual([1, 0, 0, 1]);
  });
});

test('a subject has numbers where its column has them, and only such as JSON has', () => {
  const detector = new Detector(CATALOGUE, { rules: ['scan-ports', 'scan-hosts'] });
  const digits = '9'.repeat(400);
  for (const port of ports(15)) detector.observe(syn(port, HOUR, { sourceAddress: digits }));
  for (const host of ports(30)) detector.observe(syn(22, HOUR, { destinationAddress: `10.1.1.${host}` }));
  const subjects = detector.close(windowAt(HOUR)).map(({ subject }) => subject);
  expect(subjects).toContainEqual({ srcaddr: digits, dstaddr: '10.0.1.1' });
  expect(subjects).toContainEqual({ srcaddr: '203.0.113.66', dstport: 22 });
});

test('records without what a rule needs are none of its business', () => {
  const detector = new Detector(CATALOGUE, { rules: RULE_NAMES });
  const bare = { tcpFlags: undefined, initiator: undefined, action: undefined, first: undefined };
  for (const port of ports(400)) detector.observe(syn(port, HOUR, bare));
  expect(detector.close(windowAt(HOUR))).toEqual([]);
  const knowing = [...detector.use].filter(([, { subjects }]) => subjects > 0).map(([rule]) => rule);
  expect(knowing).toEqual(['fragments', 'long-connection']);
});
