import { protocolName } from '../record/protocol-name.ts';
import { tcpFlagLetters } from '../record/table.ts';
import type { Ending } from './decode-trace.ts';
import type { FrameReader, LayerName } from './frame-reader.ts';

const TRANSPORTS: ReadonlyMap<number, LayerName> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'icmpv6'],
]);

/** The layer of an IP protocol that is no extension header. */
export function transportLayer(protocol: number): LayerName {
  return TRANSPORTS.get(protocol) ?? 'transport';
}

/** `6 (TCP)`, or the number alone where it has no name that people know. */
export function protocolTitle(protocol: number): string {
  const name = protocolName(protocol);
  return name === String(protocol) ? name : `${protocol} (${name})`;
}

export function readUdp(frame: FrameReader, at: number): Ending {
  const ports = readPorts(frame, at);
  if (ports !== undefined) frame.say(at, portsText(ports));
  return frame.key(ports);
}

export function readTcp(frame: FrameReader, at: number): Ending {
  const ports = readPorts(frame, at);
  if (ports === undefined) return frame.key();
  const hasFlags = at + 14 <= frame.end;
  const tcpFlags = hasFlags ? frame.u8(at + 13) : 0;
  const flags = hasFlags ? `flags ${tcpFlagLetters(tcpFlags) || 'none'}` : 'truncated before the flags: recorded as 0';
  frame.say(at, `${portsText(ports)}, ${flags}`);
  return frame.key({ ...ports, tcpFlags });
}

export function readIcmp(frame: FrameReader, at: number): Ending {
  if (at + 2 > frame.end) {
    frame.say(at, 'truncated before type and code');
    return frame.key();
  }
  const [icmpType, icmpCode] = [frame.u8(at), frame.u8(at + 1)];
  frame.say(at, `type ${icmpType}, code ${icmpCode}; no ports in its records`);
  return frame.key({ icmpType, icmpCode });
}

export function readOtherTransport(frame: FrameReader, at: number): Ending {
  frame.say(at, `protocol ${protocolTitle(frame.protocol)}: no ports in its records`);
  return frame.key();
}

interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** From what was captured of the header and lies inside the packet; undefined where that is not enough. */
function readPorts(frame: FrameReader, at: number): Ports | undefined {
  if (at + 4 <= frame.end) return { sourcePort: frame.u16(at), destinationPort: frame.u16(at + 2) };
  frame.say(at, `truncated before the ports (${Math.max(0, frame.end - at)} of 4 bytes): recorded as 0`);
  return undefined;
}

function portsText({ sourcePort, destinationPort }: Ports): string {
  return `port ${sourcePort} > ${destinationPort}`;
}
