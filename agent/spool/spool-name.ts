/**
 * Names of spool files. They sort by age as plain text, over restarts and wrong clocks, because the sequence comes first:
 *
 *     000000000042-001700000060.flows          the 43rd batch of this spool, written at that Unix second
 *     000000000042.01-001700000060.flows       a piece of it: first half, of that the second half
 *     000000000042.r-001700000060.flows        the same, back from the quarantine
 *     000000000043-001700000061.flows.tmp      not yet durable: deleted at the next start
 */
export interface SpoolName {
  readonly sequence: number;
  /** Which piece of a batch that was cut, one digit or more a cut; empty for a whole one. */
  readonly piece: string;
  readonly spooledSeconds: number;
}

const PATTERN = /^(\d{12,15})(?:\.([0-9a-z]+))?-(\d{12,15})\.flows$/;
export const TEMPORARY_SUFFIX = '.tmp';

export function formatSpoolName({ sequence, piece, spooledSeconds }: SpoolName): string {
  const digits = (value: number) => String(value).padStart(12, '0');
  return `${digits(sequence)}${piece === '' ? '' : `.${piece}`}-${digits(Math.max(0, spooledSeconds))}.flows`;
}

/** Undefined for what is no spool file. */
export function parseSpoolName(name: string): SpoolName | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  return { sequence: Number(match[1]), piece: match[2] ?? '', spooledSeconds: Number(match[3]) };
}

/** Whether it is a piece of a batch that was cut. */
export function isPiece(name: string): boolean {
  const end = name.indexOf('-');
  return name.lastIndexOf('.', end) > 0;
}

/** The names under which the pieces of a batch stand in its place, in order. */
export function pieceNames(name: string, count: number): readonly string[] {
  const parsed = parseSpoolName(name);
  if (parsed === undefined || count > 36) throw new RangeError(`${name} cannot be cut into ${count} pieces`);
  return Array.from({ length: count }, (_, index) =>
    formatSpoolName({ ...parsed, piece: parsed.piece + index.toString(36) }),
  );
}

/** The name of a batch that comes back from the quarantine: a file of its own, in the same place of the order. */
export function restoredName(name: string): string {
  const parsed = parseSpoolName(name)!;
  return formatSpoolName({ ...parsed, piece: `${parsed.piece}r` });
}

/** The names of every batch of which this one would be a piece. */
export function wholesOf(name: string): readonly string[] {
  const parsed = parseSpoolName(name);
  if (parsed === undefined) return [];
  return Array.from(parsed.piece, (_, length) => formatSpoolName({ ...parsed, piece: parsed.piece.slice(0, length) }));
}
