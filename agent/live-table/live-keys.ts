/** What a key press does to the screen: a state goes in, the next one comes out. */
import { GROUPINGS, type Grouping } from './flow-groups.ts';
import { ESCAPE, readKeys, settleKeys } from './key-reader.ts';
import { DEFAULT_CHOICES, type SortKey, type ViewChoices } from './live-view.ts';
import { type Listed, type Move, moved, type Place, placed, scrolled, TOP } from './place.ts';

export interface LiveState {
  readonly choices: ViewChoices;
  /** The filter while it is typed; the table follows it already. */
  readonly typing: string | undefined;
  /** What is open in place of the table. */
  readonly page: 'help' | 'details' | undefined;
  /** Lines of the page above the first that is shown. */
  readonly pageOffset: number;
  readonly place: Place;
  /** The beginning of a key (key-reader.ts). */
  readonly unread: string;
  readonly paused: boolean;
  readonly quit: boolean;
}

export const INITIAL_STATE: LiveState = {
  choices: DEFAULT_CHOICES,
  typing: undefined,
  page: undefined,
  pageOffset: 0,
  place: TOP,
  unread: '',
  paused: false,
  quit: false,
};

/** What is on the screen, as far as keys depend on it. */
export interface Shown {
  /** What these choices list, in their order. */
  listed(choices: ViewChoices): Listed;
  /** Lines that the open page has. */
  pageLines(state: LiveState): number;
  /** Rows that there is room for, of the open page or of the table. */
  rows(state: LiveState): number;
}

/** docs/debug.md has the same table. */
export const HELP: readonly (readonly [keys: string, does: string])[] = [
  ['up down, k j', 'select a row; the selection stays with its flow when the order changes'],
  ['page up, page down', 'a screen back, a screen on; also Ctrl-B, Ctrl-F'],
  ['home, end', 'the first, the last row'],
  ['Enter', 'details of the selected flow or conversation; conversations of the selected host or service'],
  ['Esc', 'one step back: close the page, drop the filter, follow the top of the table'],
  ['b p r', 'sort by bytes, packets, rate'],
  ['f l', 'sort by the time first seen, last seen'],
  ['/', 'filter: 443, tcp, 10.0.0.0/8, srcaddr:10.0.0.1, dstport:53, not udp, any text; Enter applies, Esc cancels'],
  ['g', 'group: flows, conversations, hosts, services'],
  ['x', 'hide or show finished flows: TCP closed or reset, others quiet for a minute'],
  ['n', 'names of hosts and services, on and off; asks the name server, eight questions at a time'],
  ['space', 'pause, resume'],
  ['?', 'this help'],
  ['q', 'quit'],
];

const SORTS: Readonly<Record<string, SortKey>> = { b: 'bytes', p: 'packets', r: 'rate', f: 'first', l: 'last' };
const MOVES: Readonly<Record<string, Move>> = {
  ...{ up: 'up', k: 'up', down: 'down', j: 'down', home: 'home', end: 'end' },
  ...{ 'page up': 'page up', '\u0002': 'page up', 'page down': 'page down', '\u0006': 'page down' },
};
const FILTER_LENGTH_MAX = 200;
/** Of one chunk: what is longer was pasted, and each may cost a walk over all flows. */
const COMMANDS_MAX = 256;
const ENTERS: readonly string[] = ['\r', '\n'];
const END_OF_TEXT = '\u0003';
const END_OF_TRANSMISSION = '\u0004';
const ERASE_LINE = '\u0015';
const BACKSPACES: readonly string[] = ['\u007f', '\b'];

/** @param chunk what the terminal sent at once: keys, a part of one, or pasted text */
export function press(state: LiveState, chunk: string, shown: Shown): LiveState {
  const { keys, unread } = readKeys(state.unread, chunk);
  return pressAll({ ...state, unread }, keys, shown);
}

/** Nothing has come for a moment: what is unread was a key of its own. */
export function settle(state: LiveState, shown: Shown): LiveState {
  return pressAll({ ...state, unread: '' }, settleKeys(state.unread), shown);
}

function pressAll(state: LiveState, keys: readonly string[], shown: Shown): LiveState {
  let next = state;
  let commands = 0;
  for (const key of keys) {
    if (next.typing !== undefined) next = type(next, key);
    else if (commands++ < COMMANDS_MAX) next = command(next, key, shown);
  }
  return next;
}

function command(state: LiveState, key: string, shown: Shown): LiveState {
  const { choices } = state;
  const sort = SORTS[key];
  if (sort !== undefined) return { ...state, choices: { ...choices, sort } };
  const move = MOVES[key];
  if (move !== undefined) return afterMove(state, move, shown);
  switch (key) {
    case '/':
      return { ...state, typing: choices.filter, page: undefined };
    case 'g':
      return grouped(state, nextGrouping(choices.grouping));
    case 'n':
      return { ...state, choices: { ...choices, names: !choices.names } };
    case 'x':
      return { ...state, choices: { ...choices, hidesFinished: !choices.hidesFinished } };
    case ' ':
      return { ...state, paused: !state.paused };
    case '?':
    case 'h':
      return { ...state, page: state.page === 'help' ? undefined : 'help', pageOffset: 0 };
    case '\r':
    case '\n':
      return opened(state, shown);
    case ESCAPE:
      return oneStepBack(state);
    case 'q':
    case END_OF_TEXT:
    case END_OF_TRANSMISSION:
      return { ...state, quit: true };
    default:
      return state;
  }
}

function afterMove(state: LiveState, move: Move, shown: Shown): LiveState {
  const rows = shown.rows(state);
  if (state.page !== undefined) {
    return { ...state, pageOffset: scrolled(state.pageOffset, move, shown.pageLines(state), rows) };
  }
  return { ...state, place: moved(state.place, move, shown.listed(state.choices), rows) };
}

/** A flow or a conversation has details; a host or a service is a filter. */
function opened(state: LiveState, shown: Shown): LiveState {
  if (state.page !== undefined) return state;
  const { choices } = state;
  const list = shown.listed(choices);
  const rows = shown.rows(state);
  const place = state.place.selected === undefined ? moved(TOP, 'home', list, rows) : placed(state.place, list, rows);
  const { selected } = place;
  if (selected === undefined) return state;
  if (choices.grouping === 'flows' || choices.grouping === 'conversations') {
    return { ...state, place, page: 'details', pageOffset: 0 };
  }
  const filter = `${choices.filter} ${selected}`.trim();
  return grouped({ ...state, choices: { ...choices, filter } }, 'conversations');
}

function oneStepBack(state: LiveState): LiveState {
  if (state.page !== undefined) return { ...state, page: undefined };
  if (state.choices.filter !== '') return withFilter(state, '');
  return { ...state, place: TOP };
}

function grouped(state: LiveState, grouping: Grouping): LiveState {
  return { ...state, choices: { ...state.choices, grouping }, page: undefined, place: TOP };
}

function nextGrouping(grouping: Grouping): Grouping {
  return GROUPINGS[(GROUPINGS.indexOf(grouping) + 1) % GROUPINGS.length]!;
}

function type(state: LiveState, key: string): LiveState {
  const text = state.typing!;
  if (ENTERS.includes(key)) return { ...state, typing: undefined };
  if (key === END_OF_TEXT) return { ...state, quit: true };
  if (key === ESCAPE) return withFilter({ ...state, typing: undefined }, '');
  const typed = typedText(text, key);
  return withFilter({ ...state, typing: typed }, typed);
}

function typedText(text: string, key: string): string {
  if (key === ERASE_LINE) return '';
  if (BACKSPACES.includes(key)) return [...text].slice(0, -1).join('');
  const isText = key >= ' ' && [...key].length === 1;
  return isText && text.length + key.length <= FILTER_LENGTH_MAX ? text + key : text;
}

function withFilter(state: LiveState, filter: string): LiveState {
  return { ...state, choices: { ...state.choices, filter } };
}
