import type { FINDINGS, LOOKED, NumbersOf, WEBHOOK } from './numbers.ts';

/** What the analyses found, as far as it is known here. */
export interface FindingsStatus extends NumbersOf<typeof FINDINGS> {
  /** By their worst severity. */
  readonly open: Readonly<Record<'low' | 'medium' | 'high' | 'critical', number>>;
  /** What the rules looked at since the start of whoever looks; null before its first window has ended. */
  readonly looked: NumbersOf<typeof LOOKED> | null;
  /** Null where the configuration names none. */
  readonly webhook: WebhookStatus | null;
}

export interface WebhookStatus extends NumbersOf<typeof WEBHOOK> {
  /** Why the last attempt failed; null where it did not. */
  readonly lastError: string | null;
}
