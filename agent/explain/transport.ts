import { protocolName } from '../record/protocol-name.ts';
import { tcpFlagLetters } from '../record/table.ts';
import type { Telling } from './story.ts';

const TCP = 6;
const UDP = 17;

/** `6 (TCP)`, or the number alone where it has no name that people know. */
export function protocolTitle(protocol: number): string {
  const name = protocolName(protocol);
  return name === String(protocol) ? name : `${protocol} (${name})`;
}

/**
 * Ports and TCP flags, from what was captured of the transport header and lies inside the packet, which ends at `end`.
 *
 * @param protocol undefined for a later fragment, which has no such header
 */
export function tellTransport(telling: Telling, protocol: number | undefined, at: number, end: number) {
  const none = { sourcePort: 0, destinationPort: 0, tcpFlags: 0 };
  if (protocol === undefined) return none;
  if (protocol !== TCP && protocol !== UDP) {
    telling.say('transport', at, `protocol ${protocolTitle(protocol)} has no ports that a record knows`);
    return none;
  }
  const layer = protocol === TCP ? 'TCP' : 'UDP';
  if (at + 4 > end) {
    telling.say(
      layer,
      at,
      `${Math.max(0, end - at)} bytes of its header are there, too few for the ports: they count as 0`,
    );
    return none;
  }
  const ports = { sourcePort: telling.u16(at), destinationPort: telling.u16(at + 2) };
  const text = `port ${ports.sourcePort} > ${ports.destinationPort}`;
  if (protocol === UDP) {
    telling.say(layer, at, text);
    return { ...ports, tcpFlags: 0 };
  }
  const tcpFlags = at + 14 <= end ? telling.u8(at + 13) : 0;
  const flags =
    at + 14 <= end ? `flags ${tcpFlagLetters(tcpFlags) || 'none'}` : 'cut before its flags: they count as 0';
  telling.say(layer, at, `${text}, ${flags}`);
  return { ...ports, tcpFlags };
}
