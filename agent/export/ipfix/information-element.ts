/** What templates are made of: information elements of IANA, and those of flowlogd under an enterprise number of the user. */
import { VARIABLE_LENGTH, writeUint16, writeUint32 } from './octets.ts';

/** Numbers of RFC 5610 section 3.1. */
export const DATA_TYPES = { unsigned8: 1, unsigned64: 4, boolean: 11, string: 13 } as const;
export type DataType = keyof typeof DATA_TYPES;

/** Numbers of RFC 5610 section 3.2 and 3.3, as far as own elements have them. */
export const UNITS = { none: 0, octets: 2, packets: 3, microseconds: 7 } as const;
export type Unit = keyof typeof UNITS;

/** As a template names it. */
export interface InformationElement {
  readonly number: number;
  /** Bytes of a value; `VARIABLE_LENGTH` where each value has its own. */
  readonly length: number;
  /** Present for those of flowlogd. */
  readonly own?: OwnElement;
}

/** What RFC 5610 tells of an element that no registry has. */
export interface OwnElement {
  readonly name: string;
  readonly type: DataType;
  readonly unit: Unit;
}

const LENGTHS: Readonly<Record<DataType, number>> = {
  unsigned8: 1,
  unsigned64: 8,
  boolean: 1,
  string: VARIABLE_LENGTH,
};

export function ownElement(number: number, name: string, type: DataType, unit: Unit = 'none'): InformationElement {
  return { number, length: LENGTHS[type], own: { name: `flowlogd${name}`, type, unit } };
}

/** `packets-lost` is `PacketsLost`. */
export function elementWord(name: string): string {
  return name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const ENTERPRISE_BIT = 0x8000;

/** A field specifier (RFC 7011 section 3.2). */
export function fieldSpecifier(
  { number, length, own }: InformationElement,
  enterprise: number | undefined,
): Uint8Array {
  const bytes = new Uint8Array(own === undefined ? 4 : 8);
  writeUint16(own === undefined ? number : number | ENTERPRISE_BIT, bytes, 0);
  writeUint16(length, bytes, 2);
  if (own !== undefined) writeUint32(enterprise ?? 0, bytes, 4);
  return bytes;
}
