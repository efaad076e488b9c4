import { hash53 } from './hash.ts';

/** Of a finding of that cause: the same in every book. Two causes of one hash get two ids. */
export function idOf(cause: string, isTaken: (id: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const text = attempt === 0 ? cause : `${cause} ${attempt}`;
    const id = [hash53(text, 1), hash53(text, 2)].map((half) => half.toString(16).padStart(8, '0').slice(-8)).join('');
    if (!isTaken(id)) return id;
  }
}
