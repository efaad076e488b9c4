/**
 * The flow logs of a host and how they change, as functions from one list of entries to the next: nothing here is on a disk
 * or on a clock. Entries stand in the order of their creation.
 *
 * The file and the commands speak of the same objects. What the file declares is made when it is first seen and goes when it
 * is declared no more. Where both speak of an attribute, the later word counts: a command's change stays until the file says
 * something else than it said before.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Storages } from '../model/storage.ts';
import {
  ATTRIBUTES,
  type Attributes,
  attributesProblem,
  called,
  type Declaration,
  type Definition,
  FLOW_LOGS_MAX,
  type FlowLogEntry,
  type Json,
  type Refusal,
} from './flow-log-entry.ts';
import { movedStorage } from './storage.ts';

/** The one part of a definition that may change, for one type: the period of CCN in the cloud's own flow logs. */
const PERIOD = 'windowSeconds';

export type Entries = readonly FlowLogEntry[];

export type Outcome =
  | { readonly kind: 'changed'; readonly entries: Entries; readonly entry: FlowLogEntry }
  | { readonly kind: 'refused'; readonly message: string };

/** A change of attributes; a tag that is null goes. */
export interface AttributeChange {
  readonly name?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly enabled?: boolean;
  /** Of a flow log of type CCN. */
  readonly windowSeconds?: number;
}

/** @param nowSeconds Unix time of the creation */
export function create(entries: Entries, declaration: Declaration, nowSeconds: number): Outcome {
  const { id, attributes } = declaration;
  const known = entries.find((entry) => entry.id === id);
  if (known !== undefined) return refused(`The flow log ${called(known)} already exists.`);
  if (entries.length >= FLOW_LOGS_MAX) {
    return refused(`This host has ${FLOW_LOGS_MAX} flow logs, which is the most: delete one first.`);
  }
  const problem = attributesProblem(attributes);
  if (problem !== undefined) return refused(`The flow log cannot be created: ${problem}.`);
  const entry: FlowLogEntry = { ...declaration, createdSeconds: nowSeconds, origin: 'command', declared: undefined };
  return { kind: 'changed', entries: [...entries, entry], entry };
}

export function modify(entries: Entries, id: string, change: AttributeChange): Outcome {
  const entry = entries.find((each) => each.id === id);
  if (entry === undefined) return unknown(id);
  const { windowSeconds, tags: changes = {}, ...others } = change;
  if (windowSeconds !== undefined && !hasPeriod(entry.definition)) {
    return refused(
      `${called(entry)}: windowSeconds is immutable, except for type CCN. Delete the flow log and create a new one.`,
    );
  }
  const kept = Object.entries(entry.attributes.tags).filter(([key]) => !Object.hasOwn(changes, key));
  const tags = Object.fromEntries([...kept, ...Object.entries(changes).filter(isTag)]);
  const attributes = { ...entry.attributes, ...others, tags };
  const problem = attributesProblem(attributes);
  if (problem !== undefined) return refused(`${called(entry)} was not changed: ${problem}.`);
  const definition = windowSeconds === undefined ? entry.definition : { ...entry.definition, [PERIOD]: windowSeconds };
  return replaced(entries, { ...entry, attributes, definition });
}

export function remove(entries: Entries, id: string): Outcome {
  const entry = entries.find((each) => each.id === id);
  if (entry === undefined) return unknown(id);
  if (entry.origin === 'file') {
    return refused(
      `${called(entry)} is declared in the configuration file. Remove it there and reload ` +
        '(systemctl reload flowlogd, or SIGHUP), or disable it.',
    );
  }
  return { kind: 'changed', entries: entries.filter((each) => each !== entry), entry };
}

export interface Reconciled {
  readonly entries: Entries;
  readonly created: readonly FlowLogEntry[];
  readonly removed: readonly FlowLogEntry[];
  readonly changed: readonly FlowLogEntry[];
  /** Of declarations that count for nothing; the flow logs that they name continue as they are. */
  readonly refusals: readonly Refusal[];
}

/** What the configuration says of all flow logs, and what a new one needs. */
export interface ReconcileContext {
  /** Where its sinks store records. */
  readonly storages: Storages;
  readonly nowSeconds: number;
  /** An id that is free, for the sentence that says how to get what cannot be had by a change. */
  suggestId(): string;
}

/** Makes the entries what the configuration declares. */
export function reconcile(before: Entries, declarations: readonly Declaration[], wanted: ReconcileContext): Reconciled {
  const declaredIds = new Set(declarations.map(({ id }) => id));
  const removed = before.filter(({ id, origin }) => origin === 'file' && !declaredIds.has(id));
  let entries = before.filter((entry) => !removed.includes(entry));
  const created: FlowLogEntry[] = [];
  const changed: FlowLogEntry[] = [];
  const refusals = entries
    .filter(({ id }) => !declaredIds.has(id))
    .flatMap((entry) => movedByCommand(entry, wanted.storages));
  for (const declaration of declarations) {
    const known = entries.find(({ id }) => id === declaration.id);
    const outcome =
      known === undefined
        ? create(entries, declaration, wanted.nowSeconds)
        : redeclare(entries, known, declaration, wanted);
    if (outcome.kind === 'refused') {
      refusals.push({ flowLogId: declaration.id, code: 'flow-log.refused', message: outcome.message });
      continue;
    }
    const { attributes, definition } = declaration;
    const entry: FlowLogEntry = { ...outcome.entry, origin: 'file', declared: { attributes, definition } };
    if (known === undefined) created.push(entry);
    else if (!isDeepStrictEqual(known, entry)) changed.push(entry);
    entries = outcome.entries.map((each) => (each.id === entry.id ? entry : each));
  }
  return { entries, created, removed, changed, refusals };
}

/** The file speaks of a flow log that there is. */
function redeclare(entries: Entries, known: FlowLogEntry, declaration: Declaration, wanted: ReconcileContext): Outcome {
  const { attributes, definition } = declaration;
  const differences = [...definitionChanges(known.definition, definition), ...storageChanges(known, wanted.storages)];
  if (differences.length > 0) {
    return refused(
      `${immutable(known, differences)} Restore the configuration, or delete the flow log and create a new one: give this one an id ` +
        `of its own in the file (id: ${wanted.suggestId()}).`,
    );
  }
  const before = known.declared;
  const said = ATTRIBUTES.filter(
    (name) => name !== 'tags' && !isDeepStrictEqual(before?.attributes[name], attributes[name]),
  );
  const change: AttributeChange = Object.fromEntries(said.map((name) => [name, attributes[name]]));
  const tags = tagChanges(before?.attributes.tags ?? {}, attributes.tags);
  const isPeriodSaid = before?.definition[PERIOD] !== definition[PERIOD];
  const entry = isPeriodSaid ? { ...known, definition } : known;
  return modify(
    entries.map((each) => (each === known ? entry : each)),
    known.id,
    { ...change, tags },
  );
}

/** A flow log that the file does not know cannot get another id there. */
function movedByCommand(entry: FlowLogEntry, storages: Storages): Refusal[] {
  const differences = storageChanges(entry, storages);
  if (differences.length === 0) return [];
  const message =
    `${immutable(entry, differences)} Restore the configuration; to change the storage, delete the flow log before the change ` +
    `(flowlogd flow-logs delete ${entry.id}) and create a new one after it.`;
  return [{ flowLogId: entry.id, code: 'flow-log.refused', message }];
}

function immutable(entry: FlowLogEntry, differences: readonly string[]): string {
  return `${called(entry)}: ${differences.join(', ')} ${differences.length === 1 ? 'is' : 'are'} immutable.`;
}

function storageChanges(entry: FlowLogEntry, storages: Storages): string[] {
  const moved = movedStorage(entry, storages);
  return moved === undefined ? [] : [moved];
}

function hasPeriod(definition: Definition): boolean {
  return definition['resourceType'] === 'CCN';
}

/** What was taken out of the file goes, and what it says anew counts. */
function tagChanges(before: Attributes['tags'], after: Attributes['tags']): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const said = Object.keys(after).filter((key) => before[key] !== after[key]);
  return Object.fromEntries([...gone.map((key) => [key, null]), ...said.map((key) => [key, after[key]])]);
}

/** `windowSeconds (300 -> 60)` for each option that differs and may not. */
function definitionChanges(before: Definition, after: Definition): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const isFree = (name: string) => name === PERIOD && hasPeriod(before) && hasPeriod(after);
  return [...names]
    .filter((name) => !isFree(name) && !isDeepStrictEqual(before[name], after[name]))
    .map((name) => `${name} (${shown(before[name])} -> ${shown(after[name])})`);
}

function shown(value: Json | undefined): string {
  if (value === undefined) return 'default';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isTag(pair: [string, string | null]): pair is [string, string] {
  return pair[1] !== null;
}

function replaced(entries: Entries, entry: FlowLogEntry): Outcome {
  return { kind: 'changed', entries: entries.map((each) => (each.id === entry.id ? entry : each)), entry };
}

function refused(message: string): Outcome {
  return { kind: 'refused', message };
}

function unknown(id: string): Outcome {
  return refused(`No such flow log: ${id}. See flowlogd flow-logs list.`);
}
