/** What the condition of a query means, whatever it was written like. */
export type Condition =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  /** `key:*` */
  | { readonly kind: 'present'; readonly key: string }
  /** `key:""` */
  | { readonly kind: 'empty'; readonly key: string }
  /** `key:value`, or a value alone, which may stand in any field. */
  | { readonly kind: 'match'; readonly key: string | undefined; readonly pattern: Pattern }
  /** `key>1` */
  | { readonly kind: 'compare'; readonly key: string; readonly operator: Comparison; readonly operand: Pattern };

export const COMPARISONS = ['>=', '<=', '>', '<', '='] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface Pattern {
  /** The texts between the wildcards; one text when there is none. */
  readonly pieces: readonly string[];
  readonly quoted: boolean;
  /** Where it stands in the query. */
  readonly position: number;
}

/** Why a query is not understood, and where: UTF-16 units from 0. */
export class QueryProblem {
  readonly position: number;
  readonly message: string;

  constructor(position: number, message: string) {
    this.position = position;
    this.message = message;
  }
}
