/** What became of one attempt to deliver one batch. */
export type SendOutcome =
  | { readonly kind: 'accepted' }
  /** The service or the way to it is in trouble; the same batch again, later. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  /** The service refuses until somebody changes its configuration or ours: keep everything, probe slowly, say so loudly. */
  | { readonly kind: 'blocked'; readonly reason: string }
  /** The batch must be cut into smaller ones. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** A newer flowlogd wrote it, and this one would deliver less than it says: keep it for that version. */
  | { readonly kind: 'newer'; readonly reason: string }
  /** This batch can never be accepted. */
  | { readonly kind: 'poison'; readonly reason: string };

/** A remote log service. */
export interface Sink {
  /** Where it sends, for people. */
  readonly description: string;
  /** What the service's clock showed more than ours, as of its last answer; undefined where nobody knows. */
  readonly clockAheadMs?: number | undefined;
  /** One attempt to deliver one encoded `flowlog.v1.FlowBatch`. Never throws for what the network or the service does. */
  send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome>;
  close(): Promise<void>;
}
