/** Kinds of values that only the options of an agent have. */

import { isIP } from 'node:net';
import { inside, type Kind, pattern } from '../options/kinds.ts';
import { parseInteger } from '../options/quantity.ts';
import type { Network } from '../packet/address.ts';
import { parseNetwork } from '../packet/address.ts';
import { FIELD_NAMES } from '../record/catalogue.ts';
import { fieldWord } from '../record/row-formats.ts';

export const NETWORK: Kind<Network> = {
  expected: 'an address or a network such as 10.0.0.0/8 or 2001:db8::/32',
  parse: parseNetwork,
};

/** One word of a list of fields. */
export const FIELD_WORD: Kind<string> = {
  expected: 'a field of docs/formats.md, or eni, nat or ccn for all fields of that row',
  parse: fieldWord,
  known: FIELD_NAMES,
};

/** `127.0.0.1:9753`, `[::1]:9753`: an address, not a name, so that it is clear who can reach it. */
export const LISTEN_ADDRESS: Kind<{ readonly host: string; readonly port: number }> = {
  expected: 'an IP address and a port such as 127.0.0.1:9753 or [::1]:9753',
  parse: (text) => {
    const [, six, four, digits] = /^(?:\[([\da-fA-F:.]+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = six ?? four ?? '';
    const port = inside(parseInteger(digits ?? ''), 1, 65_535);
    return isIP(host) === (six === undefined ? 4 : 6) && port !== undefined ? { host, port } : undefined;
  },
};

/** Its path and query may be what authorises. */
export const WEBHOOK_URL: Kind<URL> = {
  expected: 'a URL such as https://hooks.example.net/flowlogd, without user',
  parse: (text) => {
    if (!/^https?:\/\/[^/\\?#@\s]+(?:[/?][^\s#]*)?$/.test(text) || !URL.canParse(text)) return undefined;
    return new URL(text);
  },
};

/** `tcp`, `icmp`, 47 ...: the number of an IP protocol. */
export const PROTOCOL: Kind<number> = {
  expected: 'a protocol by number (0 to 255) or one of icmp, igmp, tcp, udp, dccp, gre, esp, ah, icmpv6, ospf, sctp',
  parse: (text) => PROTOCOL_NUMBERS.get(text.toLowerCase()) ?? inside(parseInteger(text), 0, 255),
};

/** IANA "Assigned Internet Protocol Numbers", the ones people name. */
const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ospf', 89],
  ['sctp', 132],
]);

/** `53` or `8000-8099`. */
export const PORT_RANGE: Kind<readonly [from: number, to: number]> = {
  expected: 'a port (53) or a range of ports (8000-8099)',
  parse: (text) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
    if (match === null) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    return from <= to && to <= 65_535 ? [from, to] : undefined;
  },
};

/** A name, a glob over names, or one of the two words that stand for interfaces: `default` and `any`. */
export const INTERFACE_PATTERN: Kind<string> = pattern(
  'an interface name, a pattern such as eth*, or default or any (at most 15 characters, no spaces, no /)',
  // IFNAMSIZ is 16 with its terminator; the kernel refuses '/', white space and ':' in names.
  /^[^\s/:]{1,15}$/,
);

/** `key=value`: what stands before the first `=` is the key. */
export const TAG: Kind<readonly [key: string, value: string]> = {
  expected: 'a tag such as env=production: a key of 1 to 127 characters and a value of at most 255',
  parse: (text) => {
    const [, key, value] = /^([^=]{1,127})=(.{0,255})$/su.exec(text) ?? [];
    return key === undefined || value === undefined ? undefined : [key, value];
  },
};

/** 32 bytes. */
export const PRIVACY_KEY: Kind<Uint8Array> = {
  expected: '64 hexadecimal digits, as openssl rand -hex 32 prints them',
  parse: (text) => (/^[\da-f]{64}$/i.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined),
};
