import type { ParameterValues } from '../../analyses/question.ts';
import { HostPair, pairKeyOf } from '../conversations.ts';
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
    limits: { subjectsMax: 16_384, valuesMax: 65_536 },
    keyOf: pairKeyOf,
    create: (record) => new HostPair(record),
    add: (pair, record) => pair.add(record, 0xff),
    weight: ({ oneSided }) => oneSided,
    rows: (pair, key) =>
      pair.oneSided < attemptsMin
        ? []
        : servicesOf(pair, key)
            .filter(({ attempts }) => attempts >= attemptsMin)
            .map((service) => rowOf(service)),
  };
}

function servicesOf(pair: HostPair, pairKey: string): readonly Service[] {
  const services = new Map<string, Service>();
  for (const { conversation, source, destination, port } of pair.oneSidedConversations(pairKey)) {
    if (!conversation.hasSynAlone) continue;
    const { since, until } = conversation;
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
