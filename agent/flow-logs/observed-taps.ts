/**
 * The taps of the data plane, made the same as what the flow logs stand for. A tap of an interface by name stays and waits for
 * it; one that a pattern found, or that was the default, goes when the interface was not there for two looks, so that short-lived
 * interfaces do not pile up.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ObservationPoint } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { Log } from '../telemetry/log.ts';
import type { TapSetup } from '../threads/tap-manager.ts';
import { type Claims, claimInterfaces, type Resolution } from './claims.ts';

/** What makes and ends taps. These fail with an OperationalError. */
export interface Observer {
  observe(tap: TapSetup): Promise<void>;
  /** The point continues with other windows. */
  change(tap: TapSetup): Promise<void>;
  leave(point: ObservationPoint): Promise<void>;
  /** An interface that should have been observed came and went, and carried so many packets. */
  missed(packets: number): void;
}

export interface ObservedTapsOptions {
  /** Tells the names of all interfaces that there are. */
  readonly resolver: { names(): ReadonlySet<string> };
  readonly log: Log;
  readonly now: () => number;
}

/** What the flow logs stand for now. Asked after a look, so that no interface is taken for known that no tap was made of. */
export type Resolve = () => readonly Resolution<TapSetup>[];

/** The interfaces at one look, and when that was. */
interface Look {
  readonly names: ReadonlySet<string>;
  /** Unix seconds. */
  readonly atSeconds: number;
}

interface RunningTap {
  readonly entryId: string;
  readonly tap: TapSetup;
  /** Looks in a row at which nothing stood for it. */
  absences: number;
}

const ABSENCES_MAX = 2;
/** The pattern of the interface that holds the default route. */
const DEFAULT = 'default';

export class ObservedTaps {
  readonly #options: ObservedTapsOptions;
  /** When interfaces appeared that were not looked at since, Unix seconds. */
  readonly #appeared = new Map<string, number>();
  /** The last one. */
  #known: Look | undefined;
  readonly #running = new Map<string, RunningTap>();
  /** Whether a flow log follows the default route. */
  #followsRoute = false;
  /** Why an interface that should be observed is not, by the key of its tap. */
  readonly #failures = new Map<string, string>();

  constructor(options: ObservedTapsOptions) {
    this.#options = options;
  }

  /** Whether another look would find the same, unless an interface comes or goes. */
  get isSettled(): boolean {
    if (this.#followsRoute || this.#failures.size > 0) return false;
    return [...this.#running.values()].every(({ absences }) => absences === 0);
  }

  /** The first ones, which whoever starts the data plane observes. */
  fromStart(resolve: Resolve): readonly TapSetup[] {
    this.#known = this.#look();
    const wanted = this.#wanted(resolve());
    for (const [key, running] of wanted) this.#running.set(key, running);
    return [...wanted.values()].map(({ tap }) => tap);
  }

  /** As the kernel told. */
  appeared(interfaceName: string, atSeconds: number): void {
    this.#appeared.set(interfaceName, atSeconds);
  }

  /** Why interfaces of the flow log are not observed, a sentence each. */
  failuresOf(flowLogId: string): readonly string[] {
    return [...this.#failures].filter(([key]) => key.startsWith(`${flowLogId}/`)).map(([, failure]) => failure);
  }

  #look(): Look {
    return { names: this.#options.resolver.names(), atSeconds: this.#options.now() / 1000 };
  }

  /**
   * Those that nobody wants any more hand over their windows and go, then the new ones come; the others are never touched.
   */
  async become(resolve: Resolve, observer: Observer): Promise<void> {
    const known = this.#look();
    const resolutions = resolve();
    const wanted = this.#wanted(resolutions);
    this.#appeared.clear();
    this.#known = known;
    for (const [key, running] of this.#running) if (wanted.has(key)) running.absences = 0;
    for (const key of this.#failures.keys()) if (!wanted.has(key)) this.#failures.delete(key);
    // Those that go together wait for one round of the data plane, and so do those that come.
    const going = [...this.#running].filter(([key, running]) => !wanted.has(key) && this.#mayGo(running, resolutions));
    await Promise.all(going.map(([key, running]) => this.#leave(observer, key, running)));
    const coming = [...wanted].filter(
      ([key, { tap }]) => !isDeepStrictEqual(this.#running.get(key)?.tap.point.flowLog, tap.point.flowLog),
    );
    await Promise.all(coming.map(([key, running]) => this.#observe(observer, key, running)));
  }

  async #leave(observer: Observer, key: string, running: RunningTap): Promise<void> {
    await observer.leave(running.tap.point);
    this.#running.delete(key);
  }

  async #observe(observer: Observer, key: string, running: RunningTap): Promise<void> {
    try {
      const isChange = this.#running.delete(key);
      await (isChange ? observer.change(running.tap) : observer.observe(running.tap));
      this.#running.set(key, running);
      this.#failures.delete(key);
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      if (this.#failures.get(key) !== error.message)
        this.#options.log.warn(error.message, { flowLog: running.entryId });
      this.#failures.set(key, error.message);
    }
  }

  /** As the kernel told, or by what was there at the last look: undefined for an interface that was. */
  #appearedAt(interfaceName: string): number | undefined {
    // The kernel's device for all of them is in no list.
    const isKnown = interfaceName === 'any' || (this.#known?.names.has(interfaceName) ?? true);
    return this.#appeared.get(interfaceName) ?? (isKnown ? undefined : this.#known?.atSeconds);
  }

  #wanted(resolutions: readonly Resolution<TapSetup>[]): Map<string, RunningTap> {
    const { owners }: Claims = claimInterfaces(resolutions);
    const wanted = new Map<string, RunningTap>();
    this.#followsRoute = resolutions.some(
      ({ entry, patterns }) => entry.attributes.enabled && patterns.includes(DEFAULT),
    );
    for (const { entry, found } of resolutions) {
      if (!entry.attributes.enabled) continue;
      for (const { interfaceName, tap: setup } of found) {
        if (owners.get(interfaceName)?.id !== entry.id) continue;
        const tap = { ...setup, appearedAtSeconds: this.#appearedAt(interfaceName) };
        wanted.set(`${entry.id}/${interfaceName}`, { entryId: entry.id, tap, absences: 0 });
      }
    }
    return wanted;
  }

  /** Whether a tap that nothing stands for now is to go. */
  #mayGo(running: RunningTap, resolutions: readonly Resolution<TapSetup>[]): boolean {
    const resolution = resolutions.find(({ entry }) => entry.id === running.entryId);
    if (resolution === undefined || !resolution.entry.attributes.enabled) return true;
    const { patterns, missing } = resolution;
    const waits = patterns.includes(running.tap.point.interfaceName) || missing.includes(DEFAULT);
    return !waits && ++running.absences >= ABSENCES_MAX;
  }
}
