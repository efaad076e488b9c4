/** The book as JSON, and whether some JSON is one. */
import { SEVERITIES } from '../analyses/analysis.ts';
import { FINDING_STATES, type Finding, type FindingCounts, type Suppression } from './finding.ts';

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

/** @throws Error that names the first part that is not right */
export function parseSnapshot(given: unknown): BookSnapshot {
  const snapshot = mapOf(given, 'the snapshot') as Partial<Record<keyof BookSnapshot, unknown>>;
  if (snapshot.version !== VERSION) throw new Error(`version ${String(snapshot.version)} of findings is unknown`);
  const counts = mapOf(snapshot.counts, 'counts');
  expectNumbers(counts, COUNTS, 'counts');
  const findings = listOf(snapshot.findings, 'findings').map((each, index) => findingOf(each, `findings[${index}]`));
  const suppressions = listOf(snapshot.suppressions, 'suppressions').map((each, index) =>
    suppressionOf(each, `suppressions[${index}]`),
  );
  return { version: VERSION, findings, suppressions, counts: counts as unknown as FindingCounts };
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
      Object.values(subject).every((value) => ['string', 'number'].includes(typeof value)) &&
      Object.values(figures).every((value) => typeof value === 'number') &&
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
  expectThat(typeof id === 'string' && typeof comment === 'string' && isNumberOrNone(until), place);
  expectThat(
    [rule, peer].every((value) => value === undefined || typeof value === 'string'),
    place,
  );
  return { id, comment, rule, peer, until } as Suppression;
}

const isNumberOrNone = (value: unknown) => value === undefined || typeof value === 'number';

function expectNumbers(members: Members, names: readonly string[], place: string): void {
  for (const name of names) expectThat(typeof members[name] === 'number', `${place}.${name}`);
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
