/** Where in a list the reader is: the row that is selected, by its key, and the row that is on top. Both hold for any list and any height. */
export interface Place {
  /** It stays selected wherever the order takes it; undefined where the top of the list is followed. */
  readonly selected: string | undefined;
  /** Where it was. */
  readonly index: number;
  /** Rows above the first one that is shown. */
  readonly offset: number;
}

export const TOP: Place = { selected: undefined, index: 0, offset: 0 };

export interface Listed {
  readonly count: number;
  keyAt(index: number): string;
  /** Negative where it is not in the list. */
  indexOf(key: string): number;
}

export type Move = 'up' | 'down' | 'home' | 'end' | 'page up' | 'page down';

/** The place in a list that may have another order, or other rows: what is gone leaves its place to the row that is there now. */
export function placed({ selected, index, offset }: Place, list: Listed, rows: number): Place {
  if (selected === undefined || list.count === 0) return TOP;
  const found = list.indexOf(selected);
  const at = found < 0 ? clamp(index, 0, list.count - 1) : found;
  const inSight = clamp(offset, at - rows + 1, at);
  return { selected: list.keyAt(at), index: at, offset: clamp(inSight, 0, Math.max(0, list.count - rows)) };
}

export function moved(place: Place, move: Move, list: Listed, rows: number): Place {
  const from = placed(place, list, rows);
  if (list.count === 0) return TOP;
  const index = clamp(target(from.selected === undefined ? -1 : from.index, move, list.count, rows), 0, list.count - 1);
  return placed({ selected: list.keyAt(index), index, offset: from.offset }, list, rows);
}

/** Of a text that is longer than its room, the first line that is shown. */
export function scrolled(offset: number, move: Move | undefined, count: number, rows: number): number {
  const last = Math.max(0, count - rows);
  return clamp(move === undefined ? offset : target(clamp(offset, 0, last), move, count, rows), 0, last);
}

function target(from: number, move: Move, count: number, rows: number): number {
  switch (move) {
    case 'up':
      return from - 1;
    case 'down':
      return from + 1;
    case 'page up':
      return from - rows;
    case 'page down':
      return from + rows;
    case 'home':
      return 0;
    case 'end':
      return count - 1;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
