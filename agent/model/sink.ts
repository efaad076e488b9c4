/** Records of an accepted batch that the service names by number only: they cannot be sent again, so they are counted. */
export interface Rejection {
  readonly records: number;
  readonly reason: string;
}

/** What became of one attempt to deliver one batch. */
export type SendOutcome =
  | { readonly kind: 'accepted'; readonly rejected?: Rejection | undefined }
  /** Handed to a protocol that acknowledges nothing: it may have arrived, and is not sent again. */
  | { readonly kind: 'sent' }
  /** The service has some of it. `rest` are the batches that remain, cut from this one; they go again later, the accepted part never. */
  | {
      readonly kind: 'partial';
      readonly rest: readonly Uint8Array[];
      readonly reason: string;
      readonly afterMs?: number;
      /** Of what was taken. */
      readonly rejected?: Rejection | undefined;
    }
  /** The service or the way to it is in trouble; the same batch again, later. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  /** The service rejects uploads until its configuration or ours changes: keep everything, probe slowly, log an error. */
  | { readonly kind: 'blocked'; readonly reason: string }
  /** The batch must be cut into smaller ones. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** A newer flowlogd wrote it, and this one would deliver less than it says: keep it for that version. */
  | { readonly kind: 'newer'; readonly reason: string }
  /** This batch can never be accepted. */
  | { readonly kind: 'poison'; readonly reason: string };

/** Whether records would be taken now. */
export type ProbeOutcome =
  /** `note`: what is known, where nothing says that they would be. */
  { readonly kind: 'accepted'; readonly note?: string } | Extract<SendOutcome, { kind: 'retry' | 'blocked' }>;

/** What a sink takes; batches beyond are cut before they reach `send`. `Infinity` where only the encoded request tells. */
export interface SinkLimits {
  /** Records of one batch. */
  readonly records: number;
  /** Bytes of one batch as the spool holds it. */
  readonly bytes: number;
  /** Batches on their way at once. */
  readonly inFlight: number;
}

/** A remote log service. */
export interface Sink {
  /** Where it sends, for people. */
  readonly description: string;
  readonly limits: SinkLimits;
  /** What the service's clock showed more than ours, as of its last answer; undefined where unknown. */
  readonly clockAheadMs?: number | undefined;
  /** One attempt to deliver one encoded `flowlog.v1.FlowBatch`. Never throws for what the network or the service does. */
  send(batch: Uint8Array, signal: AbortSignal): Promise<SendOutcome>;
  /** Asks the service whether it would take records, without sending any. Never throws for what the network or the service does. */
  probe(signal: AbortSignal): Promise<ProbeOutcome>;
  close(): Promise<void>;
}
