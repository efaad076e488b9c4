/** Names of the protocols that people meet, after https://www.iana.org/assignments/protocol-numbers. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'HOPOPT',
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  41: 'IPv6',
  46: 'RSVP',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  59: 'NoNext',
  88: 'EIGRP',
  89: 'OSPF',
  97: 'EtherIP',
  103: 'PIM',
  112: 'VRRP',
  115: 'L2TP',
  132: 'SCTP',
  135: 'Mobility',
  136: 'UDPLite',
  137: 'MPLS',
};

/** The protocol's name, or its number as text. */
export function protocolName(protocol: number): string {
  return NAMES[protocol] ?? String(protocol);
}

/** The number that a name (in any case) or a number from 0 to 255 stands for; undefined for neither. */
export function protocolNumber(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? Number(text) : undefined;
  const found = Object.entries(NAMES).find(([, name]) => name.toLowerCase() === text.toLowerCase());
  return found && Number(found[0]);
}
