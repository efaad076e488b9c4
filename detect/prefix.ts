/** Prefixes of addresses as people write them: `203.0.113.9`, `10.0.0.0/8`, `2001:db8::/32`. */
export interface Prefix {
  readonly bits: 32 | 128;
  /** The bits that count. */
  readonly value: bigint;
  readonly length: number;
}

/** Undefined for what is none. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const parsed = parseAddress(address);
  if (parsed === undefined || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const bits = Number(length ?? parsed.bits);
  if (bits > parsed.bits) return undefined;
  return { bits: parsed.bits, length: bits, value: parsed.value >> BigInt(parsed.bits - bits) };
}

export function isWithin(address: string, { bits, value, length }: Prefix): boolean {
  const parsed = parseAddress(address);
  return parsed?.bits === bits && parsed.value >> BigInt(bits - length) === value;
}

function parseAddress(text: string): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  const value = text.includes(':') ? parseWords(text) : parseBytes(text);
  return value === undefined ? undefined : { bits: text.includes(':') ? 128 : 32, value };
}

function parseBytes(text: string): bigint | undefined {
  const bytes = text.split('.');
  const isRight = bytes.length === 4 && bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256);
  return isRight ? bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) : undefined;
}

/** Of IPv6, with at most one `::`, and perhaps IPv4 at its end. */
function parseWords(text: string): bigint | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const low = embedded === null ? undefined : parseBytes(embedded[2]!);
  if (embedded !== null && low === undefined) return undefined;
  const plain =
    low === undefined ? text : `${embedded![1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  const [head = '', tail, ...rest] = plain.split('::');
  if (rest.length > 0) return undefined;
  const before = wordsOf(head);
  const after = wordsOf(tail ?? '');
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const words = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  if (!words.every((word) => /^[\da-f]{1,4}$/i.test(word))) return undefined;
  return words.reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n);
}

function wordsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}
