/**
 * The filter of the live table: words, all of which a flow must match. It is asked of flows that were counted already, so
 * nothing is lost by it.
 *
 *     443            either port                 tcp, icmp          the protocol; protocol:47 by number
 *     10.0.0.0/8     either address              srcaddr: dstaddr: srcport: dstport: port: protocol: interface: action:
 *     not WORD       the opposite                anything else      part of the row's text, names included
 *
 * `and` between the words may be written; the keys are those of `flowlogd query`.
 */
import type { FlowRecord } from '../model/flow-record.ts';
import { contains, type Network, parseNetwork } from '../packet/address.ts';
import { protocolNumber } from '../record/protocol-name.ts';
import { actionOf } from './flow-key.ts';
import type { WatchedFlow } from './flow-tally.ts';

/** @param text of the row as it is shown */
export type FlowFilter = (flow: WatchedFlow, text: string) => boolean;

/** Every text is a filter: what is no condition is looked for as it stands. */
export function parseFilter(text: string): FlowFilter {
  const conditions: FlowFilter[] = [];
  let isNegated = false;
  for (const word of text.toLowerCase().split(/\s+/)) {
    if (word === '' || word === 'and') continue;
    if (word === 'not') {
      isNegated = !isNegated;
      continue;
    }
    const condition = parseWord(word);
    conditions.push(isNegated ? (flow, row) => !condition(flow, row) : condition);
    isNegated = false;
  }
  return (flow, row) => conditions.every((condition) => condition(flow, row));
}

function parseWord(word: string): FlowFilter {
  const [, key = '', value = ''] = /^([a-z]+):(.+)$/.exec(word) ?? [];
  const keyed = parseKeyed(key, value);
  if (keyed !== undefined) return keyed;
  if (/^\d{1,5}$/.test(word)) return parseKeyed('port', word)!;
  const network = parseNetwork(word);
  if (network !== undefined)
    return (flow) => isIn(network, flow.record, 'source') || isIn(network, flow.record, 'destination');
  const protocol = protocolNumber(word);
  if (protocol !== undefined) return (flow) => flow.record.protocol === protocol;
  return (_flow, row) => row.toLowerCase().includes(word);
}

function parseKeyed(key: string, value: string): FlowFilter | undefined {
  const network = key.endsWith('addr') ? parseNetwork(value) : undefined;
  const protocol = key === 'protocol' ? protocolNumber(value) : undefined;
  switch (key) {
    case 'srcaddr':
      return network && ((flow) => isIn(network, flow.record, 'source'));
    case 'dstaddr':
      return network && ((flow) => isIn(network, flow.record, 'destination'));
    case 'port':
      return ({ record }) => record.sourcePort === Number(value) || record.destinationPort === Number(value);
    case 'srcport':
      return ({ record }) => record.sourcePort === Number(value);
    case 'dstport':
      return ({ record }) => record.destinationPort === Number(value);
    case 'protocol':
      return protocol === undefined ? undefined : ({ record }) => record.protocol === protocol;
    case 'action':
      return ({ record }) => actionOf(record).toLowerCase() === value;
    case 'interface':
      return ({ interfaceName }) => interfaceName.toLowerCase() === value;
    default:
      return undefined;
  }
}

function isIn(network: Network, record: FlowRecord, side: 'source' | 'destination'): boolean {
  if (network.family !== record.family) return false;
  const words =
    side === 'source'
      ? [record.source0, record.source1, record.source2, record.source3]
      : [record.destination0, record.destination1, record.destination2, record.destination3];
  return contains(network, Int32Array.from(words), 0);
}
