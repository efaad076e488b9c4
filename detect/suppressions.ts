/** What the user does not want to hear of: a rule, a peer, both, for some time or for ever. At most `SUPPRESSIONS_MAX`. */
import { commentOf } from './comment.ts';
import type { Suppression } from './finding.ts';
import { isWithin, type Prefix, parsePrefix } from './prefix.ts';
import type { Signal } from './signal.ts';

export const SUPPRESSIONS_MAX = 200;

/** A sentence about what is wrong with one that is asked for. */
export class InvalidSuppression extends Error {}

export type SuppressionRequest = Partial<Omit<Suppression, 'id'>>;

export class Suppressions {
  readonly #entries = new Map<string, { readonly suppression: Suppression; readonly prefix: Prefix | undefined }>();
  #last = 0;

  get all(): readonly Suppression[] {
    return [...this.#entries.values()].map(({ suppression }) => suppression);
  }

  /** @throws InvalidSuppression */
  add({ rule, peer, until, comment = '' }: SuppressionRequest, now: number): Suppression {
    if (rule === undefined && peer === undefined) throw new InvalidSuppression('expected a rule, a peer, or both');
    if (until !== undefined && !(until > now)) throw new InvalidSuppression('expected an end in the future');
    this.expire(now);
    if (this.#entries.size >= SUPPRESSIONS_MAX)
      throw new InvalidSuppression(`${SUPPRESSIONS_MAX} suppressions exist, which is the limit; release one first`);
    while (this.#entries.has(String(++this.#last)));
    const suppression = { id: String(this.#last), rule, peer, until, comment: commentOf(comment) };
    this.load(suppression);
    return suppression;
  }

  /** One that is known to be right but for its peer. @throws InvalidSuppression */
  load(suppression: Suppression): void {
    const { id, peer } = suppression;
    const prefix = peer === undefined ? undefined : parsePrefix(peer);
    if (peer !== undefined && prefix === undefined)
      throw new InvalidSuppression(`invalid value '${peer}': expected an address or a prefix such as 10.0.0.0/8`);
    this.#entries.set(id, { suppression, prefix });
  }

  release(id: string): boolean {
    return this.#entries.delete(id);
  }

  /** Forgets those that are over. */
  expire(now: number): void {
    for (const [id, { suppression }] of this.#entries) if (isOver(suppression, now)) this.#entries.delete(id);
  }

  takes({ rule, subject }: Pick<Signal, 'rule' | 'subject'>, now: number): boolean {
    for (const { suppression, prefix } of this.#entries.values()) {
      if (
        !isOver(suppression, now) &&
        (suppression.rule === undefined || suppression.rule === rule) &&
        (prefix === undefined ||
          Object.values(subject).some((value) => typeof value === 'string' && isWithin(value, prefix)))
      )
        return true;
    }
    return false;
  }
}

function isOver({ until }: Suppression, now: number): boolean {
  return until !== undefined && until <= now;
}
