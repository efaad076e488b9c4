/** What each action of `flowlogd spool` takes; whatever else is given is refused, because it would have no effect. */
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { type ActionWords, SHARED_OPTIONS } from './action-words.ts';

export const SPOOL_ACTIONS = {
  list: { usage: '', min: 0, max: 0, options: ['sink', 'quarantined', 'limit'] },
  retry: { usage: '[BATCH]...', min: 0, max: 999, options: ['sink', 'quarantined'] },
  export: {
    usage: 'BATCH... or --all or --quarantined',
    min: 0,
    max: 999,
    options: ['sink', 'quarantined', 'all', 'format', 'output'],
  },
  remove: { usage: 'SINK', min: 1, max: 1, options: [] },
} as const satisfies Readonly<Record<string, ActionWords>>;
export type SpoolAction = keyof typeof SPOOL_ACTIONS;

const NAMES = Object.keys(SPOOL_ACTIONS) as readonly SpoolAction[];

/** @throws OperationalError `usage.invalid` */
export function spoolActionOf(invocation: Invocation, optionNames: readonly string[]): SpoolAction {
  const [word = '', ...rest] = invocation.positionals;
  const action = NAMES.find((name) => name === word);
  if (action === undefined) throw refused(`unknown action '${word}'; expected one of ${NAMES.join(', ')}`);
  const { usage, min, max, options }: ActionWords = SPOOL_ACTIONS[action];
  const stray = optionNames.find(
    (name) => invocation.has(name) && !options.includes(name) && !SHARED_OPTIONS.has(name),
  );
  const expected = `expected ${action}${usage === '' ? '' : ` ${usage}`}`;
  if (stray !== undefined) throw refused(`unexpected option --${stray}; ${expected}`);
  if (rest.length < min || rest.length > max) throw refused(`unexpected arguments; ${expected}`);
  refuseNames(invocation, action, rest);
  return action;
}

function refuseNames({ flag }: Invocation, action: SpoolAction, names: readonly string[]): void {
  const isWhole = flag('all') || flag('quarantined');
  if (names.length > 0 && isWhole) throw refused(`${action}: batches cannot be combined with --all or --quarantined`);
  if (action !== 'export') return;
  if (names.length === 0 && !isWhole) throw refused('export: name batches, or give --all or --quarantined');
  if (flag('json')) throw refused('export: unexpected option --json; expected --format');
}

function refused(what: string): OperationalError {
  return new OperationalError('usage.invalid', `spool: ${what} (see flowlogd spool --help)`);
}
