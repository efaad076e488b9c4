import type { ParameterValues } from '../../analyses/question.ts';
import { addToPair, createPair, type HostPair, oneSidedOf, pairKeyOf } from '../conversations.ts';
import type { Row, Rule } from '../rule.ts';

interface Service {
  readonly client: string;
  readonly server: string;
  readonly port: number;
  attempts: number;
  since: number;
  until: number;
}

export function unanswered({ attempts: attemptsMin = 0 }: ParameterValues): Rule<HostPair> {
  return {
    limits: { subjectsMax: 16_384, valuesMax: 98_304 },
    keyOf: pairKeyOf,
    create: createPair,
    add: (pair, record) => addToPair(pair, record, 0xff),
    weight: ({ oneSided }) => oneSided,
    rows: (pair) =>
      pair.oneSided < attemptsMin
        ? []
        : servicesOf(pair)
            .filter(({ attempts }) => attempts >= attemptsMin)
            .map((service) => rowOf(service)),
  };
}

function servicesOf(pair: HostPair): readonly Service[] {
  const services = new Map<string, Service>();
  for (const { conversation, source, destination } of oneSidedOf(pair)) {
    if (!conversation.hasSynAlone) continue;
    const { destinationPort: port, since, until } = conversation;
    const key = `${source} ${port}`;
    const service = services.get(key) ?? { client: source, server: destination, port, attempts: 0, since, until };
    service.attempts++;
    service.since = Math.min(service.since, since);
    service.until = Math.max(service.until, until);
    services.set(key, service);
  }
  return [...services.values()];
}

function rowOf({ client, server, port, attempts, since, until }: Service): Row {
  return { subject: { client, server, port }, figures: { attempts }, since, until };
}
