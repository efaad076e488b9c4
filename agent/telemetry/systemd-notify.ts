/**
 * What systemd is told over `$NOTIFY_SOCKET`, after sd_notify(3): that the agent captures, that it reloads or stops, one line
 * for `systemctl status`, and the watchdog.
 *
 * The watchdog is fed with the data plane's progress, not with that of this thread: a meter that is stuck takes no rounds, so
 * nothing is fed, and systemd ends the process and starts another, which ships the windows that were open. An idle data plane
 * takes two rounds a second.
 */
import type { AgentStatus } from './agent-status.ts';

export interface NotifyOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly processId: number;
  /** One datagram to a Unix socket, `@name` for an abstract one. @throws Error when it cannot be sent */
  readonly send: (path: string, text: string) => void;
  /** CLOCK_MONOTONIC, by which systemd tells a reload from the one before. */
  readonly monotonicMicroseconds: () => bigint;
  /** The service manager was not reached; the agent works without it. */
  readonly onFailure: (reason: string) => void;
}

export interface Watched {
  /** Changes with every round of the data plane. */
  readonly progress: () => number;
  readonly line: () => string;
}

/** Looks within one watchdog interval: progress that is seen in any of them feeds it. */
const LOOKS = 4;
/** Without a watchdog, the line is looked at so often. */
const LOOK_MS_MAX = 10_000;
/** Longer lines help nobody in `systemctl status`. */
const LINE_LENGTH_MAX = 240;

export class SystemdNotify {
  readonly #options: NotifyOptions;
  readonly #socket: string | undefined;
  #line = '';
  #progress: number | undefined;

  constructor(options: NotifyOptions) {
    this.#options = options;
    this.#socket = options.environment['NOTIFY_SOCKET'] || undefined;
  }

  /** Nobody listens outside systemd; then all of this does nothing. */
  get isHeard(): boolean {
    return this.#socket !== undefined;
  }

  ready(): void {
    this.#send('READY=1');
  }

  reloading(): void {
    this.#send('RELOADING=1', `MONOTONIC_USEC=${this.#options.monotonicMicroseconds()}`);
  }

  stopping(): void {
    this.#send('STOPPING=1', 'STATUS=flushing the last windows');
  }

  /** Milliseconds between two calls of `look`. */
  get lookMs(): number {
    const watchdogMs = this.#watchdogMs();
    return watchdogMs === undefined ? LOOK_MS_MAX : Math.max(1, Math.min(LOOK_MS_MAX, Math.floor(watchdogMs / LOOKS)));
  }

  /** Feeds the watchdog if there was progress since the last look, and tells the line if it is another. */
  look({ progress, line }: Watched): void {
    const messages: string[] = [];
    const now = progress();
    if (now !== this.#progress && this.#watchdogMs() !== undefined) messages.push('WATCHDOG=1');
    this.#progress = now;
    const text = line().replaceAll(/\s+/g, ' ').slice(0, LINE_LENGTH_MAX);
    if (text !== this.#line) messages.push(`STATUS=${text}`);
    this.#line = text;
    if (messages.length > 0) this.#send(...messages);
  }

  /** Undefined when there is no watchdog, or it is another process's. */
  #watchdogMs(): number | undefined {
    const { environment, processId } = this.#options;
    const microseconds = Number(environment['WATCHDOG_USEC'] ?? 0);
    const whose = environment['WATCHDOG_PID'];
    if (!(microseconds > 0) || (whose !== undefined && whose !== String(processId))) return undefined;
    return microseconds / 1000;
  }

  #send(...lines: readonly string[]): void {
    if (this.#socket === undefined) return;
    try {
      this.#options.send(this.#socket, lines.join('\n'));
    } catch (error) {
      this.#options.onFailure((error as Error).message);
    }
  }
}

/** The one line: the gravest problem with its advice, or what is captured. */
export function statusLine({ problems, interfaces, spool }: AgentStatus): string {
  const [gravest] = problems;
  if (gravest !== undefined) return `${gravest.message} ${gravest.advice}`;
  const names = interfaces.map((one) => one.interface).join(', ') || 'nothing';
  const sum = (pick: (one: AgentStatus['interfaces'][number]) => number) =>
    interfaces.reduce((total, one) => total + pick(one), 0);
  const packets = sum(({ ledger }) => ledger.offeredPackets);
  const lost = sum(({ ledger }) => ledger.lostPackets);
  return `capturing ${names}: ${packets} packets in closed windows, ${lost} lost; ${spool.batches} batches pending`;
}
