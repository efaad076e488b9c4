/**
 * The building blocks of the option table: options, lists and sections. Each option reads its value from text, whether the
 * text stands in the file, in an environment variable or in the table itself as a default, so that all three mean the same.
 */

import { isIP } from 'node:net';
import type { Network } from '../packet/address.ts';
import { parseNetwork } from '../packet/address.ts';
import { FIELD_NAMES, fieldWord } from '../record/catalogue.ts';
import {
  DURATION_FORMS,
  formatBytes,
  formatSeconds,
  parseBytes,
  parseInteger,
  parseSeconds,
  SIZE_FORMS,
} from './quantity.ts';

export interface Kind<T> {
  /** What is accepted, to follow 'must be': `a duration from 1s to 10m`. */
  readonly expected: string;
  /** Undefined when the text is not accepted. */
  parse(text: string): T | undefined;
  /** Words that a misspelt text may have been meant to be. */
  readonly known?: readonly string[];
  /** Of a secret option: whether this value is one; absent, every value is. */
  isConfidential?(value: T): boolean;
}

/** How an option stands in the table. */
export interface OptionNode<T> {
  readonly node: 'option';
  readonly kind: Kind<T>;
  /** As in the file; undefined for an option that may be absent. */
  readonly default: string | undefined;
  readonly required: boolean;
  /** Never printed. */
  readonly secret: boolean;
  readonly description: string;
  readonly example: string | undefined;
  /** Set by the environment of a service manager, before the default counts. */
  readonly inherits: string | undefined;
}

export interface ListNode<N extends Node> {
  readonly node: 'list';
  readonly item: N;
  readonly min: number;
  readonly max: number;
  /** YAML of the list that counts when the file has none. */
  readonly default: string | undefined;
  /** What to write, where a file must have the list: one without it was cut short, or is another file. */
  readonly requiredInFile: string | undefined;
  readonly description: string;
  readonly example: string | undefined;
}

export interface SectionNode<F extends Fields, Optional extends boolean> {
  readonly node: 'section';
  readonly fields: F;
  /** Undefined as a whole when neither file nor environment sets any of it. */
  readonly optional: Optional;
  readonly description: string;
}

export type Node = OptionNode<unknown> | ListNode<Node> | SectionNode<Fields, boolean>;
export type Fields = Readonly<Record<string, Node>>;

/** The TypeScript type of what a node describes. */
export type ValueOf<N> =
  N extends OptionNode<infer T>
    ? T
    : N extends ListNode<infer I>
      ? readonly ValueOf<I>[]
      : N extends SectionNode<infer F, infer Optional>
        ? { readonly [K in keyof F]: ValueOf<F[K]> } | (Optional extends true ? undefined : never)
        : never;

interface About {
  readonly description: string;
  readonly example?: string;
}

interface AboutOption extends About {
  readonly inherits?: string;
}

/** An option that always has a value. */
export function option<T>(kind: Kind<T>, fallback: string, about: AboutOption): OptionNode<T> {
  return node(kind, { default: fallback, required: false, secret: false }, about);
}

/** An option that may be absent. */
export function optional<T>(kind: Kind<T>, about: AboutOption): OptionNode<T | undefined> {
  return node<T | undefined>(kind, OPTIONAL, about);
}

export function required<T>(kind: Kind<T>, about: AboutOption): OptionNode<T> {
  return node(kind, { default: undefined, required: true, secret: false }, about);
}

/** An optional value that is never shown where it is confidential: a text, unless a kind is named. */
export function secret(about: AboutOption): OptionNode<string | undefined>;
export function secret<T>(about: AboutOption, kind: Kind<T>): OptionNode<T | undefined>;
export function secret<T>(about: AboutOption, kind?: Kind<T>): OptionNode<T | string | undefined> {
  return node<T | string | undefined>(
    (kind ?? TEXT) as Kind<T | string | undefined>,
    { ...OPTIONAL, secret: true },
    about,
  );
}

const OPTIONAL = { default: undefined, required: false, secret: false };

function node<T>(
  kind: Kind<T>,
  rank: Pick<OptionNode<T>, 'default' | 'required' | 'secret'>,
  about: AboutOption,
): OptionNode<T> {
  const { description, example, inherits } = about;
  return { node: 'option', kind, ...rank, description, example, inherits };
}

export function list<N extends Node>(
  item: N,
  bounds: { readonly min: number; readonly max: number },
  about: About & { readonly default?: string; readonly requiredInFile?: string },
): ListNode<N> {
  return {
    node: 'list',
    item,
    ...bounds,
    default: about.default,
    requiredInFile: about.requiredInFile,
    description: about.description,
    example: about.example,
  };
}

/** A list of plain values: one setting. */
export function listOf<T>(
  kind: Kind<T>,
  bounds: { readonly min: number; readonly max: number },
  about: About & { readonly default?: string },
): ListNode<OptionNode<T>> {
  return list(required(kind, { description: '' }), bounds, about);
}

export function section<F extends Fields>(description: string, fields: F): SectionNode<F, false> {
  return { node: 'section', fields, optional: false, description };
}

/** A section as optional as its presence: its value's type says so too. */
export function optionalSection<F extends Fields>(description: string, fields: F): SectionNode<F, true> {
  return { node: 'section', fields, optional: true, description };
}

/** Any text, not empty. */
export const TEXT: Kind<string> = { expected: 'a text', parse: (text) => (text === '' ? undefined : text) };

/** A path, absolute or relative to where the option says. */
export const FILE_PATH: Kind<string> = { expected: 'a path', parse: (text) => (text === '' ? undefined : text) };

/** Any text, the empty one too. */
export const TEXT_OR_NOTHING: Kind<string> = { expected: 'a text', parse: (text) => text };

export const BOOLEAN: Kind<boolean> = {
  expected: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

export const NETWORK: Kind<Network> = {
  expected: 'an address or a network such as 10.0.0.0/8 or 2001:db8::/32',
  parse: parseNetwork,
};

export const ABSOLUTE_PATH: Kind<string> = {
  expected: 'an absolute path',
  parse: (text) => (text.startsWith('/') ? text : undefined),
};

/** A text that matches the pattern as a whole. */
export function pattern(expected: string, regex: RegExp): Kind<string> {
  return { expected, parse: (text) => (regex.test(text) ? text : undefined) };
}

export function choice<const T extends string>(accepted: readonly T[]): Kind<T> {
  return { expected: `one of ${accepted.join(', ')}`, parse: (text) => accepted.find((value) => value === text) };
}

/** One word of a list of fields. */
export const FIELD_WORD: Kind<string> = {
  expected: 'a field of docs/formats.md, or eni, nat or ccn for all fields of that row',
  parse: fieldWord,
  known: FIELD_NAMES,
};

export function integer(min: number, max: number): Kind<number> {
  return { expected: `a whole number from ${min} to ${max}`, parse: (text) => inside(parseInteger(text), min, max) };
}

export function seconds(min: number, max: number): Kind<number> {
  return {
    expected: `a duration from ${formatSeconds(min)} to ${formatSeconds(max)}: ${DURATION_FORMS}`,
    parse: (text) => inside(parseSeconds(text), min, max),
  };
}

export function bytes(min: number, max: number): Kind<number> {
  return {
    expected: `a size from ${formatBytes(min)} to ${formatBytes(max)}: ${SIZE_FORMS}`,
    parse: (text) => inside(parseBytes(text), min, max),
  };
}

function inside(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/** `https://host[:port]`: whatever would be ignored of a URL is refused. */
export const ORIGIN: Kind<URL> = {
  expected: 'a URL such as https://ap-guangzhou.cls.tencentcs.com, without user, path or query',
  parse: (text) => {
    if (!/^https?:\/\/[^/?#@\s]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
    return new URL(text);
  },
};

/** A proxy with its user and password, or `none`. */
export const PROXY: Kind<URL | 'none'> = {
  expected: 'a URL such as http://proxy.example.net:3128 (https too, user:password@ where it asks for them), or none',
  parse: (text) => {
    if (text === 'none') return 'none';
    if (!/^https?:\/\/(?:[^/?#@\s]+@)?[^/?#@\s]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
    return new URL(text);
  },
  isConfidential: (value) => value !== 'none' && value.username + value.password !== '',
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
