import type { GapReason } from '../model/ledger.ts';
import type { JournalEvent } from './window-journal.ts';

/** What happens to an observation point. */
export type TapEvent =
  | { readonly kind: 'attached' }
  /** Its interface carried so many packets between its appearance, or the wait for it, and its capture. */
  | { readonly kind: 'before-attach'; readonly packets: number; readonly gapSeconds: number }
  /** Its interface cannot be captured yet; it is tried again. Once more where the reason is another. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** Where its figures stand (model/live-figures.ts). */
  | { readonly kind: 'live'; readonly live: SharedArrayBuffer }
  | { readonly kind: 'detached'; readonly reason: string }
  | { readonly kind: 're-attached'; readonly gapSeconds: number }
  /** What the packet filter rejects cannot be known now; it can again, after so long. */
  | { readonly kind: 'verdicts-lost'; readonly reason: string }
  | { readonly kind: 'verdicts-back'; readonly gapSeconds: number }
  /** The clock continued without this process. */
  | { readonly kind: 'jumped'; readonly reason: GapReason; readonly gapSeconds: number }
  /** Windows come again that were there before. */
  | { readonly kind: 'set-back'; readonly seconds: number }
  /** Nobody observed the point for so long before this run. */
  | { readonly kind: 'resumed'; readonly gapSeconds: number }
  | JournalEvent;
