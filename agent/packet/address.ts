/** An IP network: the address words in network order (IPv4 uses one, IPv6 four) under a mask of as many words. */
export interface Network {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly masks: Int32Array;
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address (RFC 4632, RFC 4291 section 2.2); undefined when it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const words = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  if (words === undefined) return undefined;
  const bits = words.length * 32;
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), bits);
  if (prefix === undefined) return undefined;
  const masks = words.map((_, index) => prefixMask(prefix - index * 32));
  return {
    family: bits === 32 ? 4 : 6,
    words: Int32Array.from(words, (word, index) => word & masks[index]!),
    masks: Int32Array.from(masks),
  };
}

function parsePrefix(text: string, bits: number): number | undefined {
  if (!/^\d{1,3}$/.test(text) || Number(text) > bits) return undefined;
  return Number(text);
}

/** The mask of a word of which the first `bits` bits count. */
function prefixMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : ~(0xffff_ffff >>> bits);
}

function parseIpv4(text: string): number[] | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let word = 0;
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    word = (word << 8) | Number(octet);
  }
  return [word];
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return [0, 2, 4, 6].map((at) => (groups[at]! << 16) | groups[at + 1]!);
}

/** The 16-bit groups of one side of `::`; the last may be a dotted quad where `dotted` is set. */
function parseGroups(text: string, dotted: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = dotted && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(quad[0]! >>> 16, quad[0]! & 0xffff);
  }
  return groups;
}

/** Whether the address whose words stand at `at` lies in the network. */
export function contains(network: Network, words: Int32Array, at: number): boolean {
  for (let word = 0; word < network.words.length; word++) {
    if ((words[at + word]! & network.masks[word]!) !== network.words[word]!) return false;
  }
  return true;
}
