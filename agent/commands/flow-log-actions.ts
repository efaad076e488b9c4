/** What each action of `flowlogd flow-logs` takes; whatever else is given is refused, because it would have no effect. */
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { type ActionWords, SHARED_OPTIONS } from './action-words.ts';

const FILTERS = ['name', 'interface', 'tag', 'traffic-type', 'resource-type'];

export const ACTIONS = {
  list: { usage: '', min: 0, max: 0, options: [...FILTERS, 'order', 'ascending'] },
  describe: { usage: 'FLOW-LOG', min: 1, max: 1, options: [] },
  create: { usage: '', min: 0, max: 0, options: [...FILTERS, 'description', 'window', 'set'] },
  modify: {
    usage: 'FLOW-LOG [--name TEXT] [--description TEXT] [--window SECONDS]',
    min: 1,
    max: 1,
    options: ['name', 'description', 'window'],
  },
  rename: { usage: 'FLOW-LOG NAME [--description TEXT]', min: 2, max: 2, options: ['description'] },
  tag: { usage: 'FLOW-LOG KEY=VALUE...', min: 2, max: 51, options: [] },
  untag: { usage: 'FLOW-LOG KEY...', min: 2, max: 51, options: [] },
  enable: { usage: 'FLOW-LOG...', min: 1, max: 64, options: [] },
  disable: { usage: 'FLOW-LOG...', min: 1, max: 64, options: [] },
  delete: { usage: 'FLOW-LOG...', min: 1, max: 64, options: [] },
} as const satisfies Readonly<Record<string, ActionWords>>;
export type Action = keyof typeof ACTIONS;

const ACTION_NAMES = Object.keys(ACTIONS) as readonly Action[];
/** Options of `create` that say what a flow log is, which never changes. */
const IMMUTABLE: ReadonlySet<string> = new Set(['interface', 'traffic-type', 'resource-type']);
/** What may change of the options that `--set` would name, and how. */
const CHANGED_BY: Readonly<Record<string, string>> = {
  name: '--name',
  description: '--description',
  windowSeconds: '--window',
  tags: 'the actions tag and untag',
  enabled: 'the actions enable and disable',
};

/**
 * The action that the command line asks for, if it has what that action takes, and nothing else.
 * @param optionNames all that the command knows
 * @throws OperationalError `usage.invalid`, or `flow-log.refused` for a change of what cannot change
 */
export function actionOf(invocation: Invocation, optionNames: readonly string[]): Action {
  const [word = '', ...rest] = invocation.positionals;
  const action = ACTION_NAMES.find((name) => name === word);
  if (action === undefined) throw usage(`unknown action '${word}'; expected ${ACTION_NAMES.join(', ')}`);
  const { usage: words, min, max }: ActionWords = ACTIONS[action];
  if (rest.length < min || rest.length > max) throw usage(`expected flowlogd flow-logs ${action} ${words}`.trimEnd());
  const given = optionNames.filter((name) => !SHARED_OPTIONS.has(name) && invocation.has(name));
  if (action === 'modify') checkModification(invocation, given);
  const { options }: ActionWords = ACTIONS[action];
  const unexpected = given.find((name) => !options.includes(name));
  if (unexpected === undefined) return action;
  const taken = options.length === 0 ? 'no options of its own' : options.map((name) => `--${name}`).join(', ');
  throw usage(`unexpected option --${unexpected}; ${action} takes ${taken}`);
}

/** Changes are asked for by an option each; what cannot change is told from what is changed otherwise. */
function checkModification(invocation: Invocation, given: readonly string[]): void {
  const named = invocation.strings('set').map((word) => word.split('=', 1)[0] ?? '');
  const changeable = named.find((name) => Object.hasOwn(CHANGED_BY, name));
  if (changeable !== undefined) throw usage(`--set does not change ${changeable}; use ${CHANGED_BY[changeable]}`);
  const immutable = [...given.filter((name) => IMMUTABLE.has(name)).map((name) => `--${name}`), ...named];
  if (immutable.length > 0) {
    throw new OperationalError(
      'flow-log.refused',
      `flow-logs: ${immutable.join(' and ')} ${immutable.length === 1 ? 'is' : 'are'} immutable. Delete the flow log and create a new one.`,
    );
  }
  if (given.includes('tag')) throw usage('unexpected option --tag; tags change by the actions tag and untag');
  if (given.length === 0) throw usage('nothing to change; give --name, --description or --window');
}

function usage(problem: string): OperationalError {
  return new OperationalError('usage.invalid', `flow-logs: ${problem} (see flowlogd flow-logs --help)`);
}
