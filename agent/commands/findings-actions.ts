/** What each action of `flowlogd findings` takes; whatever else is given is refused, because it would have no effect. */
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import type { ActionWords } from './action-words.ts';

export const FINDINGS_ACTIONS = {
  list: { usage: '', min: 0, max: 0, options: ['rule', 'severity', 'state', 'since', 'limit', 'follow', 'format'] },
  show: { usage: 'ID', min: 1, max: 1, options: ['format'] },
  acknowledge: { usage: 'ID [--comment TEXT]', min: 1, max: 1, options: ['comment'] },
  suppress: {
    usage: '--rule NAME and --peer ADDRESS, or one of them [--for TIME]',
    min: 0,
    max: 0,
    options: ['rule', 'peer', 'for', 'comment'],
  },
  suppressions: { usage: '[--remove ID]', min: 0, max: 0, options: ['remove', 'format'] },
} as const satisfies Readonly<Record<string, ActionWords>>;
export type FindingsAction = keyof typeof FINDINGS_ACTIONS;

const NAMES = Object.keys(FINDINGS_ACTIONS) as readonly FindingsAction[];
/** Where findings are asked for. */
const WHERE = new Set(['store', 'url', 'socket', 'state-directory', 'config']);

/** `list` where none is named. @throws OperationalError `usage.invalid` */
export function findingsActionOf(invocation: Invocation, optionNames: readonly string[]): FindingsAction {
  const [word = 'list', ...rest] = invocation.positionals;
  const action = NAMES.find((name) => name === word);
  if (action === undefined) throw refused(`unknown action '${word}'; ${hint(word)}`);
  const { usage, min, max, options }: ActionWords = FINDINGS_ACTIONS[action];
  const stray = optionNames.find((name) => invocation.has(name) && !options.includes(name) && !WHERE.has(name));
  const expected = `expected ${action}${usage === '' ? '' : ` ${usage}`}`;
  if (stray !== undefined) throw refused(`unexpected option --${stray}; ${expected}`);
  if (rest.length < min || rest.length > max) throw refused(`unexpected arguments; ${expected}`);
  if (action === 'suppress' && !invocation.has('rule') && !invocation.has('peer')) throw refused(expected);
  return action;
}

function hint(word: string): string {
  const near = nearestWord(word, NAMES);
  return near === undefined ? `expected one of ${NAMES.join(', ')}` : `did you mean ${near}?`;
}

function refused(what: string): OperationalError {
  return new OperationalError('usage.invalid', `findings: ${what} (see flowlogd findings --help)`);
}
