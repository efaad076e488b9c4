/**
 * A flow log as its users know it: the object that is created, renamed, disabled and deleted, whether the configuration file
 * declares it or a command made it. After its creation only its attributes may change; its definition never does.
 */

import type { ErrorCode } from '../model/operational-error.ts';
import type { Storage, Storages } from '../model/storage.ts';

export const NAME_CHARACTERS_MAX = 60;
export const DESCRIPTION_CHARACTERS_MAX = 512;
export const TAGS_MAX = 50;
export const TAG_KEY_CHARACTERS_MAX = 127;
export const TAG_VALUE_CHARACTERS_MAX = 255;
/** Of one host. */
export const FLOW_LOGS_MAX = 64;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What may change. */
export interface Attributes {
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly enabled: boolean;
}
export const ATTRIBUTES = ['name', 'description', 'tags', 'enabled'] as const satisfies readonly (keyof Attributes)[];

/** What never changes: the options of the configuration that are no attributes, those that have their default left out. */
export type Definition = Readonly<Record<string, Json>>;

/** A flow log as somebody wants it. */
export interface Declaration {
  readonly id: string;
  readonly attributes: Attributes;
  readonly definition: Definition;
}

export interface FlowLogEntry extends Declaration {
  readonly createdSeconds: number;
  /** Who made it: the configuration file or a command. */
  readonly origin: 'file' | 'command';
  /** What the file said last of it: what a command changed since stays until the file says something else. */
  readonly declared: Pick<Declaration, 'attributes' | 'definition'> | undefined;
  /** Where its records go. Undefined until it is first observed, also by a version that recorded none. */
  readonly storage?: Storage | undefined;
  /** The same of each sink that gets them; undefined where a version of one sink wrote the entry. */
  readonly storages?: Storages | undefined;
}

/** Why somebody cannot have what they ask for: a sentence that says what to do instead. */
export interface Refusal {
  readonly flowLogId: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** `fl-4kd02xq9 (web tier)`, for sentences. */
export function called({ id, attributes }: Pick<FlowLogEntry, 'id' | 'attributes'>): string {
  return `${id} (${attributes.name})`;
}

/** What the attributes break; undefined when nothing. */
export function attributesProblem({ name, description, tags }: Attributes): string | undefined {
  const keys = Object.keys(tags);
  const long = (text: string, max: number) => [...text].length > max;
  if (name === '' || long(name, NAME_CHARACTERS_MAX) || /[\r\n]/.test(name)) {
    return `invalid name: expected 1 to ${NAME_CHARACTERS_MAX} characters without line feed`;
  }
  if (long(description, DESCRIPTION_CHARACTERS_MAX))
    return `invalid description: expected at most ${DESCRIPTION_CHARACTERS_MAX} characters`;
  if (keys.length > TAGS_MAX) return `too many tags: expected at most ${TAGS_MAX}`;
  for (const key of keys) {
    if (key === '' || long(key, TAG_KEY_CHARACTERS_MAX))
      return `invalid tag key: expected 1 to ${TAG_KEY_CHARACTERS_MAX} characters`;
    if (long(tags[key]!, TAG_VALUE_CHARACTERS_MAX))
      return `invalid tag value: expected at most ${TAG_VALUE_CHARACTERS_MAX} characters`;
  }
  return undefined;
}
