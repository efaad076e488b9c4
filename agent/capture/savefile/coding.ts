/** Recognises compressed files by what they begin with, whatever their name. */

/** As much as the recognition of any coding needs. */
export const CODING_BYTES = 6;

export interface Coding {
  readonly name: string;
  /** The command that does what cannot be done here. */
  readonly command: string;
}

const CODINGS: readonly (readonly [pattern: RegExp, coding: Coding])[] = [
  [/^1f8b/, { name: 'gzip', command: 'zcat' }],
  [/^(28b52ffd|5.2a4d18)/, { name: 'zstd', command: 'zstdcat' }],
  [/^1f9d/, { name: 'compress', command: 'zcat' }],
  [/^425a68/, { name: 'bzip2', command: 'bzcat' }],
  [/^fd377a585a00/, { name: 'xz', command: 'xzcat' }],
  [/^04224d18/, { name: 'lz4', command: 'lz4cat' }],
];

/** What a file that begins with these bytes is compressed with. */
export function codingOf(head: Buffer): Coding | undefined {
  const digits = head.toString('hex');
  return CODINGS.find(([pattern]) => pattern.test(digits))?.[1];
}
