import type { FINDINGS, NumbersOf, WEBHOOK } from './numbers.ts';

/** What the analyses found, as far as it is known here. */
export interface FindingsStatus extends NumbersOf<typeof FINDINGS> {
  /** By their worst severity. */
  readonly open: Readonly<Record<'low' | 'medium' | 'high' | 'critical', number>>;
  /** Null where the configuration names none. */
  readonly webhook: WebhookStatus | null;
}

export interface WebhookStatus extends NumbersOf<typeof WEBHOOK> {
  /** Why the last attempt failed; null where it did not. */
  readonly lastError: string | null;
}
