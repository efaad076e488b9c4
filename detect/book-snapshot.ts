/** The book as JSON, and whether some JSON is one. */
import { SEVERITIES } from '../analyses/analysis.ts';
import { FINDING_STATES, type Finding, type FindingCounts, type Suppression } from './finding.ts';
import { parsePrefix } from './prefix.ts';

const VERSION = 1;

export interface BookSnapshot {
  readonly version: typeof VERSION;
  /** The closed ones in the order in which they were closed. */
  readonly findings: readonly Finding[];
  readonly suppressions: readonly Suppression[];
  readonly counts: FindingCounts;
}

export function snapshotOf(contents: Omit<BookSnapshot, 'version'>): BookSnapshot {
  return { version: VERSION, ...contents };
}

const COUNTS = ['opened', 'repeated', 'closed', 'suppressed', 'evictedOpen', 'evictedClosed'] as const;
const NUMBERS = ['firstSeen', 'lastSeen', 'openedAt', 'windows', 'times'] as const;

/**
 * A finding or a suppression that is not right is left out, and the others stay.
 * @param onLeftOut told of each, as a place
 * @throws Error that names what is not right about the rest
 */
export function parseSnapshot(given: unknown, onLeftOut: (place: string) => void): BookSnapshot {
  const snapshot = mapOf(given, 'the snapshot') as Partial<Record<keyof BookSnapshot, unknown>>;
  if (snapshot.version !== VERSION) throw new Error(`version ${String(snapshot.version)} of findings is unknown`);
  const counts = mapOf(snapshot.counts, 'counts');
  expectNumbers(counts, COUNTS, 'counts');
  const findings = rightOf(snapshot.findings, 'findings', findingOf, onLeftOut);
  const suppressions = rightOf(snapshot.suppressions, 'suppressions', suppressionOf, onLeftOut);
  return { version: VERSION, findings, suppressions, counts: counts as unknown as FindingCounts };
}

function rightOf<Item>(
  given: unknown,
  name: string,
  itemOf: (each: unknown, place: string) => Item,
  onLeftOut: (place: string) => void,
): readonly Item[] {
  return listOf(given, name).flatMap((each, index) => {
    const place = `${name}[${index}]`;
    try {
      return [itemOf(each, place)];
    } catch {
      onLeftOut(place);
      return [];
    }
  });
}

type Members = Readonly<Record<string, unknown>>;

function findingOf(given: unknown, place: string): Finding {
  const finding = mapOf(given, place);
  expectNumbers(finding, NUMBERS, place);
  const subject = mapOf(finding['subject'], `${place}.subject`);
  const figures = mapOf(finding['figures'], `${place}.figures`);
  const acknowledgement = finding['acknowledgement'];
  expectThat(
    /^[\da-f]{16}$/.test(String(finding['id'])) &&
      typeof finding['rule'] === 'string' &&
      typeof finding['isCoarse'] === 'boolean' &&
      FINDING_STATES.includes(finding['state'] as never) &&
      SEVERITIES.includes(finding['severity'] as never) &&
      SEVERITIES.includes(finding['worstSeverity'] as never) &&
      isNumberOrNone(finding['closedAt']) &&
      (finding['state'] === 'closed') === (finding['closedAt'] !== undefined) &&
      Object.values(subject).every(isCell) &&
      Object.values(figures).every(Number.isFinite) &&
      listOf(finding['explainedBy'], `${place}.explainedBy`).every((id) => typeof id === 'string'),
    place,
  );
  if (acknowledgement !== undefined) {
    const { at, comment } = mapOf(acknowledgement, place);
    expectThat(typeof at === 'number' && typeof comment === 'string', `${place}.acknowledgement`);
  }
  return finding as unknown as Finding;
}

function suppressionOf(given: unknown, place: string): Suppression {
  const suppression = mapOf(given, place);
  const { id, comment, rule, peer, until } = suppression;
  const isPeer = peer === undefined || (typeof peer === 'string' && parsePrefix(peer) !== undefined);
  expectThat(typeof id === 'string' && typeof comment === 'string' && isNumberOrNone(until) && isPeer, place);
  expectThat(rule === undefined || typeof rule === 'string', place);
  return { id, comment, rule, peer, until } as Suppression;
}

/** An address, a port, a protocol: what is longer came from a record that no agent writes. */
const CELL_LENGTH_MAX = 100;

const isCell = (value: unknown) =>
  Number.isSafeInteger(value) || (typeof value === 'string' && value.length <= CELL_LENGTH_MAX);
const isNumberOrNone = (value: unknown) => value === undefined || Number.isFinite(value);

function expectNumbers(members: Members, names: readonly string[], place: string): void {
  for (const name of names) expectThat(Number.isFinite(members[name]), `${place}.${name}`);
}

function expectThat(isRight: boolean, place: string): void {
  if (!isRight) throw new Error(`${place} is invalid`);
}

function mapOf(value: unknown, place: string): Members {
  expectThat(typeof value === 'object' && value !== null && !Array.isArray(value), place);
  return value as Members;
}

function listOf(value: unknown, place: string): readonly unknown[] {
  expectThat(Array.isArray(value), place);
  return value as readonly unknown[];
}
