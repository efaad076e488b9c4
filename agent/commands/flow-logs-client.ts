/** What `flowlogd flow-logs` asks of an agent, and how the answers are printed. */
import { parse } from 'yaml';
import type { Invocation } from '../cli/command.ts';
import type { FlowLogList, FlowLogView } from '../control/flow-log-view.ts';
import { RESOURCE_TYPES, TRAFFIC_TYPES } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import { visible } from '../terminal/visible-text.ts';
import { operateAgent, refusalIn } from './agent-client.ts';
import type { Action } from './flow-log-actions.ts';
import { formatFlowLog, formatFlowLogs } from './flow-logs-text.ts';

const PATH = '/flow-logs';

export class FlowLogsClient {
  readonly #invocation: Invocation;
  readonly #socketPath: string;

  constructor(invocation: Invocation, socketPath: string) {
    this.#invocation = invocation;
    this.#socketPath = socketPath;
  }

  /** @throws OperationalError with the agent's own code for what it refuses */
  async carryOut(action: Action, words: readonly string[]): Promise<void> {
    const [first = '', ...rest] = words;
    switch (action) {
      case 'list':
        return this.#list();
      case 'describe':
        return this.#tellOne(await this.#find(first));
      case 'create':
        return this.#tellOne(await this.#ask('POST', PATH, creation(this.#invocation)));
      case 'modify':
        return this.#change(first, modification(this.#invocation));
      case 'rename':
        return this.#change(first, { name: rest[0], description: this.#invocation.string('description') });
      case 'tag':
        return this.#change(first, { tags: Object.fromEntries(rest.map(tagOf)) });
      case 'untag':
        return this.#change(first, { tags: Object.fromEntries(rest.map((key) => [key, null])) });
      case 'enable':
      case 'disable':
        for (const word of words) await this.#change(word, { enabled: action === 'enable' });
        return;
      case 'delete':
        for (const word of words) await this.#delete(word);
    }
  }

  async #list(): Promise<void> {
    const { flag } = this.#invocation;
    const list = await this.#all();
    const flowLogs = ordered(
      list.flowLogs.filter((view) => isAskedFor(this.#invocation, view)),
      this.#invocation,
    );
    if (flag('json')) return this.#print(JSON.stringify({ ...list, flowLogs }, undefined, 2));
    this.#print(formatFlowLogs({ ...list, flowLogs }, this.#invocation.stdout.columns || Number.POSITIVE_INFINITY));
  }

  async #change(word: string, body: object): Promise<void> {
    this.#tellOne(await this.#ask('PATCH', await this.#pathOf(word), body));
  }

  async #delete(word: string): Promise<void> {
    const { id, name } = await this.#find(word);
    await this.#ask('DELETE', `${PATH}/${encodeURIComponent(id)}`);
    this.#print(this.#invocation.flag('json') ? JSON.stringify({ deleted: id }) : visible(`Deleted ${id} (${name}).`));
  }

  #tellOne(view: FlowLogView): void {
    this.#print(this.#invocation.flag('json') ? JSON.stringify(view, undefined, 2) : formatFlowLog(view));
  }

  #print(text: string): void {
    this.#invocation.stdout.write(`${text}\n`);
  }

  async #pathOf(word: string): Promise<string> {
    return `${PATH}/${encodeURIComponent((await this.#find(word)).id)}`;
  }

  /** By its id, or by a name that no other has. */
  async #find(word: string): Promise<FlowLogView> {
    const { flowLogs } = await this.#all();
    const byId = flowLogs.find(({ id }) => id === word);
    const byName = flowLogs.filter(({ name }) => name === word);
    const found = byId ?? byName[0];
    if (found !== undefined && (byId !== undefined || byName.length === 1)) return found;
    const why =
      byName.length === 0
        ? `no such flow log: ${word}; see flowlogd flow-logs list`
        : `${byName.length} flow logs are named ${word}; give an id: ${byName.map(({ id }) => id).join(', ')}`;
    throw new OperationalError('flow-log.refused', `flow-logs: ${why}.`);
  }

  #all(): Promise<FlowLogList> {
    return this.#ask('GET', PATH);
  }

  async #ask<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const { code, text } = await operateAgent(this.#socketPath, method, path, body);
    if (code === 200 || code === 201) return JSON.parse(text) as Body;
    throw (
      refusalIn(text) ??
      new OperationalError('agent.unreachable', `Request to flowlogd failed: answer ${code}: ${text.trim()}`)
    );
  }
}

/** Options of the configuration, from those of the command line. */
function creation(invocation: Invocation): Record<string, unknown> {
  const options: Record<string, unknown> = {
    name: invocation.string('name'),
    description: invocation.string('description'),
    interfaces: invocation.has('interface') ? invocation.strings('interface') : undefined,
    tags: invocation.has('tag') ? invocation.strings('tag') : undefined,
    trafficType: invocation.string('traffic-type'),
    resourceType: invocation.string('resource-type'),
    windowSeconds: invocation.string('window'),
  };
  for (const word of invocation.strings('set')) {
    const [name, value] = splitAt(word, 'set');
    if (options[name] !== undefined) {
      throw new OperationalError('usage.invalid', `flow-logs: duplicate option ${name} in --set; remove one`);
    }
    options[name] = written(value);
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function modification(invocation: Invocation): object {
  const name = invocation.string('name');
  const description = invocation.string('description');
  return { name, description, windowSeconds: invocation.has('window') ? invocation.seconds('window') : undefined };
}

/** A list or a section in YAML, as in the file; anything else is text. */
function written(value: string): unknown {
  if (!/^\s*[[{]/.test(value)) return value;
  try {
    return parse(value);
  } catch (error) {
    throw new OperationalError(
      'usage.invalid',
      `flow-logs: invalid --set ${value}: not YAML: ${(error as Error).message}`,
    );
  }
}

function tagOf(word: string): [key: string, value: string] {
  return splitAt(word, 'tag');
}

function splitAt(word: string, what: string): [key: string, value: string] {
  const at = word.indexOf('=');
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
  throw new OperationalError('usage.invalid', `flow-logs: invalid ${what} '${word}': expected KEY=VALUE`);
}

function isAskedFor(invocation: Invocation, view: FlowLogView): boolean {
  const is = (option: string, value: string) => !invocation.has(option) || invocation.string(option) === value;
  const isOf = <const T extends string>(option: string, value: string, known: readonly T[]) =>
    !invocation.has(option) || invocation.choice(option, known) === value;
  const interfaces = [...view.interfaces, ...view.observed.map((one) => one.interface)];
  return (
    is('name', view.name) &&
    isOf('traffic-type', view.trafficType, TRAFFIC_TYPES) &&
    isOf('resource-type', view.resourceType, RESOURCE_TYPES) &&
    invocation.strings('interface').every((name) => interfaces.includes(name)) &&
    invocation.strings('tag').every((word) => hasTag(view, word))
  );
}

/** `key` for any value, `key=value` for this one. */
function hasTag({ tags }: FlowLogView, word: string): boolean {
  const at = word.indexOf('=');
  return at < 0 ? Object.hasOwn(tags, word) : tags[word.slice(0, at)] === word.slice(at + 1);
}

/** The newest first, as the cloud's own list; in the order of creation the agent has them. */
function ordered(flowLogs: readonly FlowLogView[], invocation: Invocation): readonly FlowLogView[] {
  const field = invocation.choice('order', ['created', 'name']);
  const sorted =
    field === 'created' ? flowLogs : flowLogs.toSorted((left, right) => left.name.localeCompare(right.name, 'en'));
  return invocation.flag('ascending') ? sorted : sorted.toReversed();
}
