import type { ParameterValues } from '../../analyses/question.ts';
import { HostPair, pairKeyOf } from '../conversations.ts';
import type { Row, Rule } from '../rule.ts';

/** FIN to ACK: the flags above are of congestion control. */
const FLAGS = 31;
const ACK = 16;

interface Direction {
  readonly srcaddr: string;
  readonly dstaddr: string;
  connections: number;
  packets: number;
  since: number;
  until: number;
}

export function oneSided({
  connections: connectionsMin = 0,
  packets: packetsMin = 0,
}: ParameterValues): Rule<HostPair> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: 65_536 },
    keyOf: pairKeyOf,
    create: (record) => new HostPair(record),
    add: (pair, record) => pair.add(record, FLAGS),
    weight: ({ oneSided: number }) => number,
    rows: (pair, key) =>
      pair.oneSided < connectionsMin
        ? []
        : directionsOf(pair, key, packetsMin)
            .filter(({ connections }) => connections >= connectionsMin)
            .map((direction) => rowOf(direction)),
  };
}

function directionsOf(pair: HostPair, key: string, packetsMin: number): readonly Direction[] {
  const directions = new Map<string, Direction>();
  for (const { conversation, source, destination } of pair.oneSidedConversations(key)) {
    const { flags, packets, since, until } = conversation;
    if (flags < ACK || packets < packetsMin) continue;
    const known = directions.get(source);
    const direction = known ?? { srcaddr: source, dstaddr: destination, connections: 0, packets: 0, since, until };
    direction.connections++;
    direction.packets += packets;
    direction.since = Math.min(direction.since, since);
    direction.until = Math.max(direction.until, until);
    directions.set(source, direction);
  }
  return [...directions.values()];
}

function rowOf({ srcaddr, dstaddr, connections, packets, since, until }: Direction): Row {
  return { subject: { srcaddr, dstaddr }, figures: { connections, packets }, since, until };
}
