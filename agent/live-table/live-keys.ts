/** What a key press does to the screen: a state goes in, the next one comes out. */
import { GROUPINGS, type Grouping } from './flow-groups.ts';
import { DEFAULT_CHOICES, type SortKey, type ViewChoices } from './live-view.ts';

export interface LiveState {
  readonly choices: ViewChoices;
  /** The filter while it is typed; the table follows it already. */
  readonly typing: string | undefined;
  readonly showsHelp: boolean;
  readonly paused: boolean;
  readonly quit: boolean;
}

export const INITIAL_STATE: LiveState = {
  choices: DEFAULT_CHOICES,
  typing: undefined,
  showsHelp: false,
  paused: false,
  quit: false,
};

export const HELP: readonly (readonly [key: string, does: string])[] = [
  ['b p r', 'sort by bytes, packets, rate'],
  ['f l', 'sort by first seen, last seen'],
  ['/', 'filter: 443, tcp, 10.0.0.0/8, srcaddr:10.0.0.1, dstport:53, not udp, any text; Enter applies, Esc cancels'],
  ['g', 'group: flows, conversations, hosts, services'],
  ['n', 'toggle names of hosts and services (queries the name server)'],
  ['space', 'pause / resume'],
  ['? q', 'help, quit'],
];

const SORTS: Readonly<Record<string, SortKey>> = { b: 'bytes', p: 'packets', r: 'rate', f: 'first', l: 'last' };
const FILTER_LENGTH_MAX = 200;
const ENTER = '\r';
const ESCAPE = '\u001b';
const END_OF_TEXT = '\u0003';
const END_OF_TRANSMISSION = '\u0004';
const ERASE_LINE = '\u0015';
const BACKSPACES: readonly string[] = ['\u007f', '\b'];

/** @param chunk what the terminal sent at once: one key, the sequence of a special key, or pasted text */
export function press(state: LiveState, chunk: string): LiveState {
  if (chunk.length > 1 && chunk.startsWith(ESCAPE)) return state;
  let next = state;
  for (const key of chunk) next = next.typing === undefined ? command(next, key) : type(next, key);
  return next;
}

function command(state: LiveState, key: string): LiveState {
  const sort = SORTS[key];
  if (sort !== undefined) return { ...state, choices: { ...state.choices, sort } };
  switch (key) {
    case '/':
      return { ...state, typing: state.choices.filter, showsHelp: false };
    case 'g':
      return { ...state, choices: { ...state.choices, grouping: nextGrouping(state.choices.grouping) } };
    case 'n':
      return { ...state, choices: { ...state.choices, names: !state.choices.names } };
    case ' ':
      return { ...state, paused: !state.paused };
    case '?':
    case 'h':
      return { ...state, showsHelp: !state.showsHelp };
    case ESCAPE:
      return { ...state, showsHelp: false, choices: { ...state.choices, filter: '' } };
    case 'q':
    case END_OF_TEXT:
    case END_OF_TRANSMISSION:
      return { ...state, quit: true };
    default:
      return state;
  }
}

function nextGrouping(grouping: Grouping): Grouping {
  return GROUPINGS[(GROUPINGS.indexOf(grouping) + 1) % GROUPINGS.length]!;
}

function type(state: LiveState, key: string): LiveState {
  const text = state.typing!;
  if (key === ENTER || key === '\n') return { ...state, typing: undefined };
  if (key === END_OF_TEXT) return { ...state, quit: true };
  if (key === ESCAPE) return withTyped({ ...state, typing: undefined }, '');
  if (key === ERASE_LINE) return withTyped({ ...state, typing: '' }, '');
  const typed = BACKSPACES.includes(key)
    ? text.slice(0, -1)
    : key < ' '
      ? text
      : (text + key).slice(0, FILTER_LENGTH_MAX);
  return withTyped({ ...state, typing: typed }, typed);
}

function withTyped(state: LiveState, filter: string): LiveState {
  return { ...state, choices: { ...state.choices, filter } };
}
