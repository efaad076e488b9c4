import { isIPv4, isIPv6 } from 'node:net';

/**
 * Addresses in a form that compares: `4` and 8 hexadecimal digits, or `6` and 32. So the addresses of a prefix are one range
 * of texts, and every way to write an IPv6 address is the same.
 */
export function addressHex(text: string): string | undefined {
  if (isIPv4(text)) return `4${ipv4Hex(text)}`;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const dotted = /[0-9.]+$/.exec(text)?.[0] ?? '';
  const plain = dotted.includes('.') ? text.slice(0, -dotted.length) + groups(ipv4Hex(dotted)) : text;
  const [left = '', right = ''] = plain.split('::').map((half) => half.split(':').map(padded).join(''));
  return `6${left}${'0'.repeat(32 - left.length - right.length)}${right}`.toLowerCase();
}

function ipv4Hex(text: string): string {
  return text
    .split('.')
    .map((octet) => Number(octet).toString(16).padStart(2, '0'))
    .join('');
}

function groups(hex: string): string {
  return `${hex.slice(0, 4)}:${hex.slice(4)}`;
}

function padded(group: string): string {
  return group === '' ? '' : group.padStart(4, '0');
}

/** First and last address of a prefix such as 10.0.0.0/8, in that form; undefined when it is none. */
export function prefixRange(text: string): readonly [first: string, last: string] | undefined {
  const [address = '', bitsText = '', ...rest] = text.split('/');
  const hex = addressHex(address);
  if (hex === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bitsText)) return undefined;
  const size = hex.startsWith('4') ? 32 : 128;
  const bits = Number(bitsText);
  if (bits > size) return undefined;
  const hostMask = (1n << BigInt(size - bits)) - 1n;
  const value = BigInt(`0x${hex.slice(1)}`);
  const last = value | hostMask;
  const form = (number: bigint): string => hex[0] + number.toString(16).padStart(size / 4, '0');
  return [form(last - hostMask), form(last)];
}

/** The same as `addressHex`, for the database, of texts that are addresses; what is none and has no colon gives no IPv4 address. */
export const ADDRESS_HEX_MACROS: readonly string[] = [
  `CREATE OR REPLACE MACRO ipv4_hex(address) AS
     array_to_string(list_transform(string_split(address, '.'), lambda octet: printf('%02x', TRY_CAST(octet AS UTINYINT))), '')`,
  `CREATE OR REPLACE MACRO ipv6_half_hex(half) AS
     array_to_string(list_transform(string_split(half, ':'), lambda part: CASE part WHEN '' THEN '' ELSE lpad(part, 4, '0') END), '')`,
  `CREATE OR REPLACE MACRO ipv6_plain(address) AS
     CASE WHEN contains(address, '.')
       THEN regexp_replace(address, '[0-9.]+$', '')
         || regexp_replace(ipv4_hex(regexp_extract(address, '[0-9.]+$')), '^(....)(....)$', '\\1:\\2')
       ELSE address END`,
  `CREATE OR REPLACE MACRO ipv6_join(first, last) AS
     first || repeat('0', greatest(0, 32 - length(first) - length(last))) || last`,
  `CREATE OR REPLACE MACRO address_hex(address) AS
     CASE WHEN contains(address, ':')
       THEN '6' || lower(ipv6_join(
         ipv6_half_hex(split_part(ipv6_plain(address), '::', 1)), ipv6_half_hex(split_part(ipv6_plain(address), '::', 2))))
       ELSE '4' || ipv4_hex(address) END`,
];
