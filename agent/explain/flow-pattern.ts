import { contains, type Network, parseNetwork } from '../packet/address.ts';
import { DESTINATION, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from '../packet/key-row.ts';
import { protocolNumber } from '../record/protocol-name.ts';

/** A quintuple as a user writes it. */
export interface FlowPattern {
  readonly source: Network;
  readonly destination: Network;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

export const FLOW_FORMS =
  "'10.0.0.1:51000 > 10.0.0.2:443/tcp', '[2001:db8::1]:53 > [2001:db8::2]:4242/udp' or '10.0.0.1 > 10.0.0.2/icmp'";

/** Reads a quintuple; undefined when it is none. Ports that are not given are 0, as records have it. */
export function parseFlow(text: string): FlowPattern | undefined {
  const [, from = '', to = '', protocolWord = ''] = /^\s*([^\s>]+?)\s*-?>\s*([^\s/]+)\/(\w+)\s*$/.exec(text) ?? [];
  const source = parseEndpoint(from);
  const destination = parseEndpoint(to);
  const protocol = protocolNumber(protocolWord);
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  if (source.network.family !== destination.network.family) return undefined;
  return {
    source: source.network,
    destination: destination.network,
    sourcePort: source.port,
    destinationPort: destination.port,
    protocol,
  };
}

function parseEndpoint(text: string): { network: Network; port: number } | undefined {
  // Without brackets, every colon of an IPv6 address is the address's own.
  const form = text.startsWith('[') ? /^\[([^\]]+)\](?::(\d{1,5}))?$/ : /^([^:]+)(?::(\d{1,5}))?$/;
  const [, address = '/', port = '0'] = /^[^[].*:.*:/.test(text) ? ['', text] : (form.exec(text) ?? []);
  const network = address.includes('/') ? undefined : parseNetwork(address);
  return network === undefined || Number(port) > 65_535 ? undefined : { network, port: Number(port) };
}

/** Whether the key in the row is that of the flow. */
export function isOfFlow(flow: FlowPattern, rows: Int32Array, row: number, family: 4 | 6): boolean {
  return (
    flow.source.family === family &&
    rows[row + PORTS] === ((flow.sourcePort << 16) | flow.destinationPort) &&
    (rows[row + PROTOCOL_AND_FLAGS]! & 0xff) === flow.protocol &&
    contains(flow.source, rows, row + SOURCE) &&
    contains(flow.destination, rows, row + DESTINATION)
  );
}
