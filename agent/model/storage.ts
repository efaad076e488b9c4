/** Where the records of a flow log are stored: readers look for the records of one id in one place. */
export interface Storage {
  /** `embedded`, `CLS in REGION`, or the host (and port) of another service. */
  readonly service: string;
  /** The part of the service; absent where it has one only. */
  readonly topicId?: string;
}
