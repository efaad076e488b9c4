/** A host without a kernel: which interfaces there are, and which of them capture, are lists that a test sets and reads. */

import { clsStorage } from '../../agent/export/cls/kind.ts';
import type { Declaration } from '../../agent/flow-logs/flow-log-entry.ts';
import type { Observer } from '../../agent/flow-logs/observed-taps.ts';
import { FlowLogControl, type FlowLogResolver } from '../../agent/flow-logs/reconciler.ts';
import type { ObservationPoint } from '../../agent/model/flow-log.ts';
import { FLOW_LOG_DEFAULTS } from '../../agent/model/flow-log.ts';
import { OperationalError } from '../../agent/model/operational-error.ts';
import type { Storage, Storages } from '../../agent/model/storage.ts';
import type { Log } from '../../agent/telemetry/log.ts';
import type { TapSetup } from '../../agent/threads/tap-manager.ts';
import { CrashingDisk } from './crashing-disk.ts';
import { ATTRIBUTES } from './flow-log-entries.ts';

export class FlowLogHost {
  readonly disk = new CrashingDisk(1);
  readonly said: string[] = [];
  interfaces = ['eth0', 'eth1', 'lo'];
  defaultName: string | undefined = 'eth0';
  /** Interfaces that cannot be captured. */
  broken: string[] = [];
  /** `FLOW-LOG/INTERFACE` of each tap that runs. */
  readonly running = new Set<string>();
  readonly history: string[] = [];
  nowSeconds = 1_700_000_000;
  /** Where the next start sends records. */
  #storages: Storages | undefined;
  storage: Storage = clsStorage(new URL('https://ap-guangzhou.cls.tencentcs.com'), 'topic-1');
  #random = 0;

  readonly resolver: FlowLogResolver = {
    read: (options) => {
      const { id, name = ATTRIBUTES.name, interfaces = ['default'], ...definition } = options as Record<string, string>;
      return { id: id!, attributes: { ...ATTRIBUTES, name }, definition: { interfaces, ...definition } };
    },
    resolve: (entries) =>
      entries.map((entry) => {
        const patterns = entry.definition['interfaces'] as readonly string[];
        const matches = patterns.map((pattern) => [pattern, this.#matches(pattern)] as const);
        const windowSeconds = (entry.definition['windowSeconds'] as number | undefined) ?? 60;
        const flowLog = { ...FLOW_LOG_DEFAULTS, id: entry.id, accountId: '-', windowSeconds };
        const found = [...new Set(matches.flatMap(([, names]) => names))].map((interfaceName) => ({
          interfaceName,
          tap: tapOf({ flowLog, interfaceId: `if-${interfaceName}`, interfaceName }),
        }));
        const missing = matches.filter(([, names]) => names.length === 0).map(([pattern]) => pattern);
        return { entry, flowLog, patterns, found, missing };
      }),
    names: () => new Set(this.interfaces),
    covers: (pattern, name) => (pattern.includes('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name),
    explainMissing: (pattern) =>
      pattern.includes('*') ? undefined : new OperationalError('capture.no-interface', `there is no ${pattern}`),
  };

  readonly observer: Observer = {
    observe: async ({ point }) => {
      if (this.broken.includes(point.interfaceName)) {
        throw new OperationalError('capture.failed', `${point.interfaceName} is broken.`);
      }
      this.#note('+', point);
    },
    change: async ({ point }) => {
      this.history.push(`~${keyOf(point)} ${point.flowLog.windowSeconds}`);
    },
    leave: async (point) => this.#note('-', point),
    missed: (packets) => void this.history.push(`missed ${packets}`),
  };

  /** Of its only sink, unless a test says others. */
  get storages(): Storages {
    return this.#storages ?? { cls: this.storage };
  }

  set storages(storages: Storages) {
    this.#storages = storages;
  }

  load(...declarations: Declaration[]): FlowLogControl {
    const keep = (message: string) => void this.said.push(message);
    const log: Log = { error: keep, warn: keep, info: keep, debug: keep };
    const control = FlowLogControl.load(
      {
        resolver: this.resolver,
        storages: this.storages,
        disk: this.disk,
        folder: '/state',
        log,
        now: () => this.nowSeconds * 1000,
        random: () => (this.#random = (this.#random + 0.137) % 1),
      },
      declarations,
    );
    return control;
  }

  /** As the agent does: the first taps at once, then everything else. Ends with the test that calls it. */
  start(...declarations: Declaration[]): FlowLogControl {
    const control = this.load(...declarations);
    for (const { point } of control.taps()) this.#note('+', point);
    control.begin(this.observer);
    control.end();
    return control;
  }

  #note(sign: '+' | '-', point: ObservationPoint): void {
    const key = keyOf(point);
    if (this.running.has(key) === (sign === '+')) throw new Error(`${sign}${key} happens twice`);
    if (sign === '+') this.running.add(key);
    else this.running.delete(key);
    this.history.push(`${sign}${key}`);
  }

  #matches(pattern: string): string[] {
    if (pattern === 'default') return this.defaultName === undefined ? [] : [this.defaultName];
    if (pattern.endsWith('*')) return this.interfaces.filter((name) => name.startsWith(pattern.slice(0, -1)));
    return this.interfaces.filter((name) => name === pattern);
  }
}

function keyOf({ flowLog, interfaceName }: ObservationPoint): string {
  return `${flowLog.id}/${interfaceName}`;
}

function tapOf(point: ObservationPoint): TapSetup {
  const { interfaceName } = point;
  return { point, capture: { interfaceName, snapBytes: 128, bufferBytes: 1 << 20, promiscuous: false, filter: '' } };
}
