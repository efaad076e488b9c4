/** A packet ring came, went or was refused, and what all rings together are then. */
export interface RingChange {
  readonly interfaceName: string;
  /** Of the interface; 0 where it has none. */
  readonly ringBytes: number;
  /** Why it got none, a sentence. */
  readonly refusal: string | undefined;
  /** Over all interfaces. */
  readonly bytes: number;
  readonly rings: number;
}
