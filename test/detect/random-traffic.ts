/** An hour of few hosts that do everything at random, so that every rule is met somewhere, and all its figures vary. */
import type { ParameterValues } from '../../analyses/question.ts';
import { Traffic } from '../analyses/traffic.ts';

export const LOW_THRESHOLDS: Readonly<Record<string, ParameterValues>> = {
  'scan-ports': { ports: 2 },
  'scan-hosts': { hosts: 2 },
  'syn-flood': { halfOpen: 4 },
  beacon: { beginnings: 3, strength: 0.05, spread: 3, periods: 1 },
  exfiltration: { bytes: 500, ratio: 1 },
  'rejected-then-accepted': { rejected: 2, accepted: 2 },
  unanswered: { attempts: 2 },
  refused: { refused: 2, share: 0.1 },
  'one-sided': { connections: 2, packets: 3 },
  fragments: { packets: 2, share: 0.1 },
  unreachable: { packets: 3 },
  'long-connection': { seconds: 600 },
  'new-peer': { recent: 600, packets: 3 },
};

const FLAGS = [2, 2, 2, 4, 16, 18, 20, 24, 27, 27, 82, 0];
const PROTOCOLS = [6, 6, 6, 6, 6, 17, 1, 58];

export function randomHour(seed: number): Traffic {
  const traffic = new Traffic(seed * 7919);
  const one = <Value>(of: readonly Value[]): Value => of[traffic.random(of.length)]!;
  const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.30', '203.0.113.9', '2001:db8::1', 'fe80::9'];
  const ports = [0, 0, 22, 80, 443, 8080, 40_000, 40_001, 40_002];
  for (let index = 0; index < 3000; index++) {
    const protocol = one(PROTOCOLS);
    const hasPorts = protocol === 6 || protocol === 17;
    traffic.record(traffic.random(3600), {
      srcaddr: one(hosts),
      dstaddr: one(hosts),
      protocol,
      packets: 1 + traffic.random(4),
      bytes: 40 + traffic.random(900),
      srcport: hasPorts ? one(ports) : 0,
      dstport: hasPorts ? one(ports) : 0,
      ...(protocol === 6 ? { 'tcp-flags': one(FLAGS) } : {}),
      ...(hasPorts ? {} : { 'icmp-type': one([0, 1, 2, 3]), 'icmp-code': traffic.random(3) }),
      ...one([{}, { initiator: 'source' }, { initiator: 'destination' }, { initiator: 'unknown' }]),
      action: one(['ACCEPT', 'ACCEPT', 'REJECT']),
    });
  }
  return traffic;
}
