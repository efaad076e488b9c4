/** Where the records of a flow log are stored: readers look for the records of one id in one place. */
export interface Storage {
  /** `embedded`, `CLS in REGION`, or the host (and port) of another service. */
  readonly service: string;
  /** The part of the service; absent where it has one only. */
  readonly topicId?: string;
}

/** The log service beside the agent lies in the state directory: one place, whatever it is reached by. */
export const EMBEDDED_STORAGE: Storage = { service: 'embedded' };

/** Of each sink, by its name. */
export type Storages = Readonly<Record<string, Storage>>;
