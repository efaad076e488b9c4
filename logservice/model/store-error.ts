/** Why a store cannot be used, as exit codes after sysexits(3). */
export const STORE_ERRORS = {
  /** Another process has it. */
  'in-use': 69,
  'cannot-create': 73,
  damaged: 65,
  /** A newer flowlogd wrote it. */
  newer: 78,
  /** A disk that is full, or failing. */
  failed: 74,
} as const;
export type StoreErrorKind = keyof typeof STORE_ERRORS;

export class StoreError extends Error {
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreError';
    this.kind = kind;
  }

  get exitCode(): number {
    return STORE_ERRORS[this.kind];
  }
}
