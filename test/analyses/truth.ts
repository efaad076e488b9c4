/** For each analysis: traffic that it must tell, at its default thresholds and just below, and what it says of it. */
import type { Traffic } from './traffic.ts';

export interface Truth {
  /** Adds what is to be found: exactly at the threshold, or one less. */
  readonly add: (traffic: Traffic, isEnough: boolean) => void;
  /** Cells of the first row by column. */
  readonly row: Readonly<Record<string, string | number | null>>;
  readonly severity?: string;
}

const ATTACKER = '203.0.113.66';
const VICTIM = '10.0.1.1';
const NEW_PEER = '203.0.113.77';
const RARE_PEER = '203.0.113.88';
const each = (count: number, act: (index: number) => void): void => {
  for (let index = 0; index < count; index++) act(index);
};

export const TRUTHS: Readonly<Record<string, Truth>> = {
  'scan-ports': {
    add: (traffic, isEnough) =>
      each(isEnough ? 15 : 14, (index) =>
        traffic.unanswered({ client: ATTACKER, server: VICTIM, port: 1000 + index, at: 600 + index * 10 }),
      ),
    row: { srcaddr: ATTACKER, dstaddr: VICTIM, ports: 15 },
    severity: 'medium',
  },
  'scan-hosts': {
    add: (traffic, isEnough) =>
      each(isEnough ? 25 : 24, (index) =>
        traffic.unanswered({ client: ATTACKER, server: `10.0.3.${index + 1}`, port: 22, at: 600 + index }),
      ),
    row: { srcaddr: ATTACKER, dstport: 22, hosts: 25, sensitive: 25 },
    severity: 'medium',
  },
  'syn-flood': {
    add: (traffic, isEnough) =>
      each(isEnough ? 1000 : 999, (index) =>
        traffic.unanswered({
          client: `198.18.${index >> 8}.${index & 255}`,
          server: VICTIM,
          port: 443,
          at: 600 + (index % 60),
        }),
      ),
    row: { dstaddr: VICTIM, dstport: 443, half_open: 1000, sources: 1000 },
    severity: 'high',
  },
  beacon: {
    add: (traffic, isEnough) =>
      each(isEnough ? 12 : 11, (index) =>
        traffic.connection({
          client: '10.0.0.7',
          server: ATTACKER,
          port: 8443,
          at: 7 + index * 300 + (index % 3),
          sent: 500 + index,
        }),
      ),
    row: { srcaddr: '10.0.0.7', dstaddr: ATTACKER, dstport: 8443, beginnings: 12, period: 300 },
    severity: 'medium',
  },
  exfiltration: {
    add: (traffic, isEnough) =>
      each(10, (index) =>
        traffic.connection({
          client: '10.0.0.8',
          server: ATTACKER,
          port: 443,
          at: 60 * index,
          sent: 10_000_000 + (isEnough ? 1 : 0),
          received: 50_000,
        }),
      ),
    row: { client: '10.0.0.8', server: ATTACKER, sent: 100_000_010, received: 500_000 },
    severity: 'high',
  },
  'unusual-upload': {
    // A megabyte in each hour of the day before, to a server that everybody talks to.
    add: (traffic, isEnough) =>
      each(24, (hour) =>
        traffic.record(1800 - hour * 3600, {
          srcaddr: '10.0.0.40',
          dstaddr: '10.0.1.2',
          srcport: 50_000 + hour,
          dstport: 514,
          protocol: 17,
          bytes: hour > 0 ? 1_000_000 : isEnough ? 10_000_000 : 9_999_999,
          initiator: 'source',
        }),
      ),
    row: { client: '10.0.0.40', sent: 10_000_000, most_before: 1_000_000, hours: 24 },
    severity: 'medium',
  },
  'rejected-then-accepted': {
    add: (traffic, isEnough) => {
      const flow = { srcaddr: ATTACKER, dstaddr: VICTIM, srcport: 40_000, dstport: 22 };
      traffic.record(600, { ...flow, packets: isEnough ? 5 : 4, action: 'REJECT' });
      traffic.record(900, { ...flow, packets: 10, 'tcp-flags': 27 });
      traffic.record(900, { ...flow, srcaddr: '10.0.0.9', packets: 5, action: 'REJECT' });
    },
    row: { srcaddr: ATTACKER, dstport: 22, rejected: 5, accepted: 10 },
    severity: 'high',
  },
  'unused-rule': {
    // An hour ends with the newest record; a window later is a window too late.
    add: (traffic, isEnough) => {
      const flow = { srcaddr: '203.0.113.23', dstaddr: '10.0.1.9', srcport: 40_000, dstport: 23, packets: 4 };
      traffic.record(3540 - 7 * 86_400 + (isEnough ? 0 : 60), {
        ...flow,
        action: 'REJECT',
        'reject-rule': 'deny-telnet',
      });
    },
    row: { rule: 'deny-telnet', packets: 4, sources: 1 },
    severity: 'low',
  },
  'new-peer': {
    add: (traffic, isEnough) =>
      traffic.record(3540, {
        srcaddr: '10.0.0.3',
        dstaddr: NEW_PEER,
        srcport: 40_000,
        dstport: 443,
        packets: isEnough ? 3 : 2,
        bytes: 9e9,
      }),
    row: { srcaddr: '10.0.0.3', dstaddr: NEW_PEER, packets: 3 },
    severity: 'low',
  },
  'rare-peer': {
    add: (traffic, isEnough) => {
      each(60, (index) =>
        traffic.connection({ client: `10.0.4.${index + 1}`, server: '10.0.2.1', port: 5432, at: index }),
      );
      const bytes = isEnough ? 1_000_000 : 999_999;
      traffic.record(600, { srcaddr: '10.0.0.3', dstaddr: RARE_PEER, srcport: 40_000, dstport: 443, bytes });
    },
    row: { dstaddr: RARE_PEER, hosts: 1, one_of_them: '10.0.0.3', bytes: 1_000_000 },
    severity: 'low',
  },
  'long-connection': {
    add: (traffic, isEnough) =>
      each(isEnough ? 60 : 59, (index) =>
        traffic.record(index * 60, {
          srcaddr: '10.0.0.5',
          dstaddr: ATTACKER,
          srcport: 40_000,
          dstport: 22,
          'tcp-flags': 24,
        }),
      ),
    row: { srcaddr: '10.0.0.5', srcport: 40_000, dstaddr: ATTACKER, dstport: 22, seconds: 3600 },
    severity: 'low',
  },
  unanswered: {
    add: (traffic, isEnough) =>
      each(isEnough ? 5 : 4, (index) =>
        traffic.unanswered({ client: '10.0.0.4', server: '10.0.9.9', port: 389, at: 60 * index }),
      ),
    row: { client: '10.0.0.4', server: '10.0.9.9', port: 389, attempts: 5 },
    severity: 'medium',
  },
  'idle-listener': {
    add: (traffic, isEnough) =>
      each(isEnough ? 3 : 2, (index) =>
        traffic.unanswered({ client: `10.0.0.${index + 1}`, server: '10.0.9.9', port: 389, at: 60 * index }),
      ),
    row: { server: '10.0.9.9', port: 389, clients: 3, attempts: 3 },
    severity: 'low',
  },
  refused: {
    add: (traffic, isEnough) =>
      each(isEnough ? 50 : 49, (index) =>
        traffic.refused({ client: `10.0.0.${1 + (index % 20)}`, server: VICTIM, port: 8000, at: 600 + index * 5 }),
      ),
    row: { server: VICTIM, port: 8000, refused: 50, answers: 50, clients: 20 },
    severity: 'medium',
  },
  'one-sided': {
    add: (traffic, isEnough) =>
      each(isEnough ? 5 : 4, (index) =>
        traffic.record(index * 60, {
          srcaddr: '10.0.0.6',
          dstaddr: '10.0.9.1',
          srcport: 41_000 + index,
          dstport: 443,
          packets: 10,
          'tcp-flags': 24,
        }),
      ),
    row: { srcaddr: '10.0.0.6', dstaddr: '10.0.9.1', connections: 5, packets: 50 },
    severity: 'medium',
  },
  fragments: {
    add: (traffic, isEnough) => {
      const flow = { srcaddr: '10.0.0.6', dstaddr: '10.0.2.9', protocol: 17 };
      traffic.record(600, { ...flow, srcport: 700, dstport: 2049, packets: 500 });
      traffic.record(600, { ...flow, srcport: 0, dstport: 0, packets: isEnough ? 100 : 99 });
    },
    row: { srcaddr: '10.0.0.6', dstaddr: '10.0.2.9', fragments: 100, packets: 600 },
    severity: 'low',
  },
  unreachable: {
    add: (traffic, isEnough) =>
      traffic.record(600, {
        srcaddr: '10.0.0.254',
        dstaddr: '10.0.0.6',
        protocol: 1,
        'icmp-type': 3,
        'icmp-code': 4,
        packets: isEnough ? 10 : 9,
      }),
    row: { reporter: '10.0.0.254', sender: '10.0.0.6', 'icmp-type': 3, 'icmp-code': 4, packets: 10 },
    severity: 'medium',
  },
};
