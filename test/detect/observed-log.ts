import type { Observed } from '../../detect/observed.ts';
import type { Contents } from '../analyses/traffic.ts';

/** A log of a record of traffic, as observers see it. */
export function observedOf(contents: Contents): Observed {
  const number = (name: string) => (contents[name] === undefined ? undefined : Number(contents[name]));
  return {
    sourceAddress: contents['srcaddr']!,
    destinationAddress: contents['dstaddr']!,
    sourcePort: number('srcport') ?? 0,
    destinationPort: number('dstport') ?? 0,
    protocol: number('protocol')!,
    packets: number('packets')!,
    bytes: number('bytes')!,
    tcpFlags: number('tcp-flags'),
    icmpType: number('icmp-type'),
    icmpCode: number('icmp-code'),
    action: contents['action'] as Observed['action'],
    initiator: contents['initiator'] as Observed['initiator'],
    start: number('start')!,
    end: number('end')!,
    first: number('first'),
    spanTime: undefined,
  };
}
