/** What all records of one window share. */
export interface RowContext {
  /** Unix seconds. */
  readonly windowStart: number;
  readonly windowSeconds: number;
  /** Undefined where none is configured. */
  readonly accountId?: string | undefined;
  readonly interfaceId?: string | undefined;
  /** What the host cannot know, by the field's name. */
  readonly constants?: Readonly<Record<string, string>>;
}
