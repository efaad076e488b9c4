import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from './agent-process.ts';
import type { LogServiceProcess } from './log-service-process.ts';
import { observe } from './observation.ts';
import { countsOf } from './stored-flows.ts';
import { addCounts, Burst, type Counts } from './traffic.ts';
import { TwoHosts } from './two-hosts.ts';

export interface SentBurst {
  readonly burst: Burst;
  /** Starts of the windows in which the burst began and ended. */
  readonly windows: readonly [first: number, last: number];
}

/** Two hosts, of which one runs an agent (not yet started) and its log service, and an account of what was sent to it. */
export class ObservedHost {
  readonly hosts: TwoHosts;
  readonly service: LogServiceProcess;
  readonly agent: AgentProcess;
  readonly sent: SentBurst[] = [];
  readonly #windowSeconds: number;

  /**
   * @param configuration further lines of the agent's
   * @param flowLogs YAML of flow logs beside the one of obs0
   * @param through words before the agent's
   */
  static async start(
    windowSeconds: number,
    configuration = '',
    flowLogs = '',
    through: readonly string[] = [],
  ): Promise<ObservedHost> {
    const hosts = new TwoHosts();
    const options = { windowSeconds, configuration, furtherFlowLogs: flowLogs, through };
    const { service, agent } = await observe(hosts.observed, options);
    return new ObservedHost(hosts, service, agent, windowSeconds);
  }

  private constructor(hosts: TwoHosts, service: LogServiceProcess, agent: AgentProcess, windowSeconds: number) {
    this.hosts = hosts;
    this.service = service;
    this.agent = agent;
    this.#windowSeconds = windowSeconds;
  }

  /** Waits until a window has just begun. */
  async windowBegin(): Promise<void> {
    const windowMs = this.#windowSeconds * 1000;
    await sleep(windowMs - (Date.now() % windowMs) + 50);
  }

  sendBurst(): void {
    const burst = new Burst(this.sent.length);
    const first = this.#windowNow();
    this.hosts.send(burst.frames);
    this.sent.push({ burst, windows: [first, this.#windowNow()] });
  }

  /** By flow, what must be in the records. */
  get counts(): Counts {
    const counts: Counts = new Map();
    for (const { burst } of this.sent) addCounts(counts, burst.counts);
    return counts;
  }

  /** Waits until as many packets have arrived as were sent; what they are is compared after the agent has ended. */
  async untilArrived(): Promise<void> {
    const expected = totalPackets(this.counts);
    await this.service.until((logs) => totalPackets(countsOf(logs)) >= expected, 'srcaddr:*');
  }

  #windowNow(): number {
    return Math.floor(Date.now() / 1000 / this.#windowSeconds) * this.#windowSeconds;
  }
}

export function totalPackets(counts: Counts): number {
  return [...counts.values()].reduce((sum, { packets }) => sum + packets, 0);
}
